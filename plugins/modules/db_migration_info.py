#!/usr/bin/python
# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: db_migration_info
short_description: List the migrations of CloudManager's database
version_added: 0.1.0
author:
  - CloudManager contributors (@aos)
description:
  - Asks the installed program which numbered migrations it knows and which of them the database has, by
    C(aos-cloud-manager db list).
extends_documentation_fragment:
  - aos.cloud_manager.console
  - aos.cloud_manager.attributes
  - aos.cloud_manager.attributes.info_module
seealso:
  - module: aos.cloud_manager.db_migration
"""

EXAMPLES = r"""
- name: Ask for the migrations
  aos.cloud_manager.db_migration_info:
  register: database

- name: Say which ones the database lacks
  ansible.builtin.debug:
    msg: "{{ database.pending }}"
"""

RETURN = r"""
database:
  description: Address of the database, without its password.
  returned: success
  type: str
  sample: mysql+pymysql://aos:***@localhost:3306/cloud_manager?charset=utf8
current:
  description: Number of the migration that the database has; V(0) for an empty one.
  returned: success
  type: int
  sample: 1
newest:
  description: The highest number that the program knows, which is the one it needs.
  returned: success
  type: int
  sample: 2
interrupted:
  description:
    - Highest number that an interrupted migration has begun to make or to remove; V(null) where none was interrupted.
    - M(aos.cloud_manager.db_migration) ends it or turns it back, with a program that knows this number.
  returned: success
  type: int
  sample: 2
migrations:
  description: All that the program knows, by number.
  returned: success
  type: list
  elements: dict
  contains:
    number:
      description: Its number.
      type: int
      sample: 1
    applied:
      description: Whether the database has it.
      type: bool
      sample: true
    description:
      description: What it does.
      type: str
      sample: recovery journal, power controls, action log
pending:
  description: Numbers of those that the database lacks.
  returned: success
  type: list
  elements: int
  sample: [2]
"""

import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.console import CONSOLE_OPTIONS, Console
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosModule


def run(params: dict[str, t.Any]) -> dict[str, t.Any]:
    """What the module returns. Raises AosError."""
    found = Console(params).migrations()
    pending = [step["number"] for step in found["migrations"] if not step["applied"]]
    return {"changed": False, **found, "pending": pending}


def main() -> None:
    module = AosModule(CONSOLE_OPTIONS, supports_check_mode=True)
    with module.errors_reported():
        module.exit_json(**run(module.params))


if __name__ == "__main__":
    main()
