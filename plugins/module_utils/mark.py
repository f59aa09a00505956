# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By what this collection knows again what it made among the things of others.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

MADE_BY = "aos.cloud_manager"
