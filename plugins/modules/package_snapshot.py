#!/usr/bin/python
# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: package_snapshot
short_description: Save what is installed before a change, and go back to it
version_added: 0.1.0
author:
  - CloudManager contributors (@aos)
description:
  - Saves, in a folder of its own, the list of installed packages, the release that C(current) points to, the migrations
    of the database and, where O(database_url) is given, its data.
  - Run again with the same label, it writes C(pip_after.txt) if packages have changed since.
extends_documentation_fragment:
  - aos.cloud_manager.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - With O(restore_data) the data is brought back by every run.
options:
  label:
    description: Name of the snapshot, of letters, digits, dots, hyphens and underscores.
    type: str
    required: true
  folder:
    description:
      - Folder of all snapshots, made with rights for root alone.
      - The guide's folder below C(/tmp) is possible, but is emptied when the machine starts.
      - A folder that others can write, unless it is sticky as C(/tmp) is, or that belongs to another user, is refused.
    type: path
    default: /var/lib/aos/rollback/cloud_manager
  state:
    description:
      - V(present) saves. V(absent) removes the snapshot.
      - V(restored) points C(current) back to the release of the snapshot, which must still be there.
        It does not migrate the database. Do that before, with the newer release, to RV(snapshot.migration).
    type: str
    choices: [present, restored, absent]
    default: present
  root:
    description: Folder of the installation, as in M(aos.cloud_manager.package).
    type: path
    default: /opt/aos/cloud-manager
  executable:
    description: The program that is asked for the migrations. Without it that of the current release.
    type: path
  config_files:
    description: Configuration files for the program. Without them its own.
    type: list
    elements: path
    default: []
  database_url:
    description:
      - Address of the database as C([database] url) has it, C(sqlite:////path) or
        C(mysql+pymysql://user:password@host/name).
      - Without it E(AOS_DATABASE_URL) is used; without both no data is saved, and RV(notes) says so.
    type: str
  require_dump:
    description:
      - Fail, before anything is saved, where the data cannot be; and with a snapshot that was made without it.
    type: bool
    default: false
  restore_data:
    description:
      - Bring the saved data back too, with O(state=restored). What was written since the snapshot is lost.
      - Stop the daemon before.
    type: bool
    default: false
seealso:
  - module: aos.cloud_manager.package
"""

EXAMPLES = r"""
- name: Save what is there before an upgrade
  aos.cloud_manager.package_snapshot:
    label: before-0.2.0
    database_url: "{{ aos_database_url }}"
    require_dump: true

- name: Go back to it
  aos.cloud_manager.package_snapshot:
    label: before-0.2.0
    state: restored
"""

RETURN = r"""
snapshot:
  description: The snapshot as its C(snapshot.json) has it; empty after O(state=absent).
  returned: success
  type: dict
  contains:
    label:
      description: Its name.
      type: str
      sample: before-0.2.0
    made_at:
      description: When it was made (UTC); empty in check mode.
      type: str
      sample: "2026-03-01T12:00:07+00:00"
    release:
      description: The release that C(current) pointed to; empty where nothing was installed.
      type: str
      sample: 0.1.0-1a2b3c4d
    version:
      description: Its version.
      type: str
      sample: 0.1.0
    migration:
      description: Number of the migration that the database was at; V(null) where it could not be asked.
      type: int
      sample: 2
    python:
      description: Interpreter of the release.
      type: str
      sample: /usr/bin/python3
    dump:
      description: Name of the file with the data of the database; empty without one.
      type: str
      sample: database.sql
path:
  description: Folder of the snapshot.
  returned: success
  type: str
  sample: /var/lib/aos/rollback/cloud_manager/before-0.2.0
dump:
  description: File with the data of the database; empty where the snapshot holds none.
  returned: success
  type: str
  sample: /var/lib/aos/rollback/cloud_manager/before-0.2.0/database.sql
notes:
  description: What this run did not save, and why.
  returned: success
  type: list
  elements: str
  sample: ["the data was not saved: neither database_url nor AOS_DATABASE_URL is given"]
unfinished:
  description:
    - Label of the snapshot of which the data had been brought back only in part before this run, as by one that was
      killed; empty without one. A failure that is due to it has it too.
    - Until O(state=restored) with O(restore_data) has finished it, nothing else is done but to remove other snapshots.
  returned: success
  type: str
  sample: ""
kept:
  description: What O(state=absent) left since this module did not make it.
  returned: success
  type: list
  elements: str
  sample: []
"""

import dataclasses
import datetime
import typing as t
from pathlib import Path

from ansible.module_utils.basic import env_fallback

from ansible_collections.aos.cloud_manager.plugins.module_utils.package_release import MADE_BY, Root
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, AosModule
from ansible_collections.aos.cloud_manager.plugins.module_utils.snapshot_database import Database, find_database
from ansible_collections.aos.cloud_manager.plugins.module_utils.snapshot_folder import (
    AFTER,
    BEFORE,
    MIGRATIONS,
    RESTORING,
    Snapshot,
    SnapshotFolder,
    unfinished_restore,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.snapshot_program import (
    installed_packages,
    listed_migrations,
)

ARGUMENTS: dict[str, t.Any] = {
    "label": {"type": "str", "required": True},
    "folder": {"type": "path", "default": "/var/lib/aos/rollback/cloud_manager"},
    "state": {"type": "str", "choices": ["present", "restored", "absent"], "default": "present"},
    "root": {"type": "path", "default": "/opt/aos/cloud-manager"},
    "executable": {"type": "path"},
    "config_files": {"type": "list", "elements": "path", "default": []},
    "database_url": {"type": "str", "no_log": True, "fallback": (env_fallback, ["AOS_DATABASE_URL"])},
    "require_dump": {"type": "bool", "default": False},
    "restore_data": {"type": "bool", "default": False},
}


def present(params: dict[str, t.Any], check_mode: bool, folder: SnapshotFolder) -> dict[str, t.Any]:
    """Save what is installed, or what has changed since."""
    snapshot, packages = folder.snapshot(), installed_packages(Root(params["root"]))
    if snapshot is None:
        return save(params, check_mode, folder, packages)
    if params["require_dump"] and not snapshot.dump:
        raise AosError(
            f"snapshot {snapshot.label} was made without the data; remove it (state=absent) and run this again, "
            "or give another label"
        )
    before = folder.read(AFTER) or folder.read(BEFORE)
    if before != packages and not check_mode:
        folder.write(AFTER, packages)
    return answer(folder, snapshot, changed=before != packages, diff={"before": before, "after": packages})


def save(params: dict[str, t.Any], check_mode: bool, folder: SnapshotFolder, packages: str) -> dict[str, t.Any]:
    """Save all, the record last."""
    root = Root(params["root"])
    migrations = listed_migrations(params["executable"] or str(root.current_program), params["config_files"])
    database, why_not = database_to_save(params)
    if why_not and params["require_dump"]:
        raise AosError(f"{why_not}; correct that, or set require_dump to false")
    release = root.releases().get(root.current())
    snapshot = Snapshot(
        params["label"],
        "" if check_mode else datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        root.current(),
        release.version if release else "",
        migrations.current,
        release.python if release else "",
        database.dump_name if database else "",
    )
    if not check_mode:
        folder.create()
        folder.write(BEFORE, packages)
        folder.write(MIGRATIONS, migrations.text)
        if database:
            database.dump(folder.path / database.dump_name)
        folder.record(snapshot)
    notes = [note for note in (migrations.note, why_not) if note]
    return answer(folder, snapshot, changed=True, notes=notes, diff={"before": "", "after": packages})


def database_to_save(params: dict[str, t.Any]) -> tuple[Database | None, str]:
    """Return the database, or None and why its data is not saved."""
    if not params["database_url"]:
        return None, "the data was not saved: neither database_url nor AOS_DATABASE_URL is given"
    database = find_database(params["database_url"])
    if database.missing:
        return None, f"the data was not saved: {database.missing}"
    return database, ""


def restored(params: dict[str, t.Any], check_mode: bool, folder: SnapshotFolder) -> dict[str, t.Any]:
    """Point `current` back to the snapshot's release, and bring the data back where asked."""
    snapshot, root = folder.snapshot(), Root(params["root"])
    if snapshot is None:
        raise AosError(f"there is no whole snapshot in {folder.path}; correct label or folder")
    if not snapshot.release:
        raise AosError(f"nothing was installed when snapshot {snapshot.label} was made; to go back there, uninstall")
    if snapshot.release not in root.releases():
        raise AosError(
            f"release {snapshot.release} is no longer in {root.releases_folder}; install version {snapshot.version} "
            f"again with the packages of {folder.path / BEFORE} (pip install -c), and point current to it",
            snapshot=dataclasses.asdict(snapshot),
        )
    database = database_to_restore(params, snapshot, folder) if params["restore_data"] else None
    before = root.current()
    if not check_mode:
        if database:
            with folder.restoring():
                database.restore(folder.path / snapshot.dump)
        if before != snapshot.release:
            root.switch(snapshot.release)
    changed = before != snapshot.release or database is not None
    diff = {"before": {"current": before}, "after": {"current": snapshot.release}}
    return answer(folder, snapshot, changed=changed, diff=diff)


def database_to_restore(params: dict[str, t.Any], snapshot: Snapshot, folder: SnapshotFolder) -> Database:
    """Return the database that the snapshot's data, all of it, fits. Raises AosError."""
    if not params["database_url"]:
        raise AosError("restore_data needs database_url; give it, or AOS_DATABASE_URL")
    database = find_database(params["database_url"])
    if snapshot.dump != database.dump_name:
        held = snapshot.dump or "no data"
        raise AosError(f"snapshot {snapshot.label} holds {held}, not what database_url names; leave restore_data out")
    database.require_whole(folder.path / snapshot.dump)
    return database


def absent(_params: dict[str, t.Any], check_mode: bool, folder: SnapshotFolder) -> dict[str, t.Any]:
    """Remove the snapshot."""
    ours, strangers = folder.ours(), folder.strangers()
    changed = bool(ours) or (folder.path.is_dir() and not strangers)
    if changed and not check_mode:
        folder.remove()
    kept = [f"{path} was not made by {MADE_BY}" for path in strangers]
    diff = {"before": {"files": ours}, "after": {"files": []}}
    return answer(folder, None, changed=changed, kept=kept, diff=diff)


def answer(folder: SnapshotFolder, snapshot: Snapshot | None, **found: t.Any) -> dict[str, t.Any]:
    """What the module returns."""
    shown = dataclasses.asdict(snapshot) if snapshot else {}
    dump = str(folder.path / snapshot.dump) if snapshot and snapshot.dump else ""
    return {"snapshot": shown, "path": str(folder.path), "dump": dump, "notes": [], "kept": [], **found}


def require_whole_data(params: dict[str, t.Any], unfinished: str) -> None:
    """Raise AosError for all but what brings the rest of the data back, or removes another snapshot."""
    same = params["label"] == unfinished
    finishes = same and params["state"] == "restored" and params["restore_data"]
    if unfinished and not finishes and (same or params["state"] != "absent"):
        raise AosError(
            f"the data of snapshot {unfinished} was brought back only in part; finish that with ansible-playbook "
            f"aos.cloud_manager.rollback -e snapshot={unfinished} -e restore_data=true; where the database was made "
            f"whole otherwise, remove {Path(params['folder'], unfinished, RESTORING)}",
            unfinished=unfinished,
        )


STATES = {"present": present, "restored": restored, "absent": absent}


def run(params: dict[str, t.Any], check_mode: bool, _warn: t.Callable[[str], None]) -> dict[str, t.Any]:
    """What the module returns. Raises AosError."""
    folder, unfinished = SnapshotFolder(params["folder"], params["label"]), unfinished_restore(params["folder"])
    require_whole_data(params, unfinished)
    return {**STATES[params["state"]](params, check_mode, folder), "unfinished": unfinished}


def main() -> None:
    module = AosModule(ARGUMENTS, supports_check_mode=True)
    with module.errors_reported():
        module.exit_json(**run(module.params, module.check_mode, module.warn))


if __name__ == "__main__":
    main()
