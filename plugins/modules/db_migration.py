#!/usr/bin/python
# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: db_migration
short_description: Bring CloudManager's database to a numbered migration
version_added: 0.1.0
author:
  - CloudManager contributors (@aos)
description:
  - Goes up or down to a migration by the installed program, C(aos-cloud-manager db migrate).
  - Going down is refused where rows would be lost, in check mode too, unless O(allow_data_loss) is set.
  - A migration that was interrupted is ended, or turned back where O(migration) is the number it began with.
    That is a change too.
extends_documentation_fragment:
  - aos.cloud_manager.console
  - aos.cloud_manager.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  migration:
    description: The number to go to, V(0) for an empty database. The newest that the program knows without this option.
    type: int
  allow_data_loss:
    description: Go down also where rows are lost. Back the database up first.
    type: bool
    default: false
seealso:
  - module: aos.cloud_manager.db_migration_info
"""

EXAMPLES = r"""
- name: Bring the database to the newest migration
  aos.cloud_manager.db_migration:
  become: true
  become_user: aos

- name: Go back to migration 1, the database having been backed up
  aos.cloud_manager.db_migration:
    migration: 1
    allow_data_loss: true
"""

RETURN = r"""
before:
  description: Number of the migration that the database had.
  returned: success
  type: int
  sample: 1
interrupted:
  description:
    - Highest number that an interrupted migration had begun to make or to remove; V(null) where none was interrupted.
    - It was settled, or in check mode would be.
  returned: success
  type: int
  sample: 2
after:
  description: Number that it has now; in check mode, that it would have.
  returned: success
  type: int
  sample: 2
sql:
  description:
    - What was run, or in check mode would be run. Empty where the database had the migration.
    - What settles an interrupted migration is not in it.
  returned: success
  type: str
  sample: "ALTER TABLE action_log ADD COLUMN result VARCHAR(32);"
losses:
  description: What going down loses, a sentence for each table.
  returned: success, or where it is refused
  type: list
  elements: str
  sample:
    - "table power_controls: 2 rows, controls of other protocols than ipmi"
"""

import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.console import CONSOLE_OPTIONS, Console, losses_in
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, AosModule

ARGUMENTS: dict[str, t.Any] = {
    **CONSOLE_OPTIONS,
    "migration": {"type": "int"},
    "allow_data_loss": {"type": "bool", "default": False},
}


def run(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """What the module returns. Raises AosError."""
    console = Console(params)
    found = console.migrations()
    before: int = found["current"]
    interrupted: int | None = found["interrupted"]
    target: int = found["newest"] if params["migration"] is None else params["migration"]
    sql = console.migration_sql(target)
    losses = losses_in(sql)
    if losses and not params["allow_data_loss"]:
        raise AosError(
            f"going down from migration {before} to {target} would lose data of database {found['database']}: "
            f"{'; '.join(losses)}. Back it up, then set allow_data_loss",
            losses=losses,
        )
    if not check_mode:
        # also where the number is right: a migration that was interrupted keeps the number it began with
        console.migrate(target, params["allow_data_loss"])
    return {
        "changed": before != target or interrupted is not None,
        "before": before,
        "interrupted": interrupted,
        "after": target,
        "sql": sql,
        "losses": losses,
        "diff": {
            "before": {"migration": before, "interrupted": interrupted},
            "after": {"migration": target, "interrupted": None},
        },
    }


def main() -> None:
    module = AosModule(ARGUMENTS, supports_check_mode=True)
    with module.errors_reported():
        module.exit_json(**run(module.params, module.check_mode))


if __name__ == "__main__":
    main()
