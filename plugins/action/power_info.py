# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.aos.cloud_manager.plugins.modules import power_info
from ansible_collections.aos.cloud_manager.plugins.plugin_utils.in_process import InProcessAction


class ActionModule(InProcessAction):
    work = power_info
