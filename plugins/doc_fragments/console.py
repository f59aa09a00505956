# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options of modules that run the installed program."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  executable:
    description: The installed program.
    type: path
    default: /opt/aos/cloud-manager/current/bin/aos-cloud-manager
  config_files:
    description:
      - Configuration files that the program reads, a later one overriding the earlier ones.
      - Without them it reads C(/etc/aos/aos.conf), then C(/etc/aos/cloud_manager.conf).
    type: list
    elements: path
    default: []
notes:
  - It runs the program where it runs, as the user it becomes. On an embedded database that must be the user of the
    watchdog, so that the file belongs to it.
"""
