#!/usr/bin/python
# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: package
short_description: Install the daemon aos-cloud-manager in a virtual environment of its own
version_added: 0.1.0
author:
  - CloudManager contributors (@aos)
description:
  - Makes each release a virtual environment in C(releases) below O(root), and points C(current) to one of them
    in one step.
  - A release that failed or was interrupted is never pointed to, and is made anew by the next run.
  - The name of a release is its version and the beginning of a digest of all that makes it what it is,
    the source, O(extras), O(collection) and the version of Python. A release that is there is not made again.
  - Never installs by a bare name, since on the public index C(cloud-manager) belongs to a stranger.
extends_documentation_fragment:
  - aos.cloud_manager.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  source:
    description:
      - Absolute path, on the managed host, of a wheel or of a folder with C(pyproject.toml); or
        C(git+https://host/path@ref), with C(#subdirectory=watchdog) where the source is not at the top.
      - Credentials in an address are refused. Needed with O(state=present), unless O(release) is given.
    type: str
  release:
    description: Name of a release that is there, in place of O(source). C(current) alone is changed.
    type: str
  collection:
    description:
      - Path, on the managed host, of the tarball of the collection that belongs to the release.
      - Not with O(system).
    type: path
  state:
    description:
      - V(absent) removes what this module made below O(root) and leaves everything else, which RV(kept) names.
        With O(system) it uninstalls C(aos-cloud-manager) alone.
    type: str
    choices: [present, absent]
    default: present
  root:
    description: Folder of the installation.
    type: path
    default: /opt/aos/cloud-manager
  python:
    description: Interpreter, 3.11 or newer, for the virtual environment. Without it the one that runs the module.
    type: path
  extras:
    description: Optional parts of the product to install.
    type: list
    elements: str
    default: []
  wheelhouse:
    description: Folder of wheels, on the managed host. With it pip takes packages from there and asks no index.
    type: path
  activate:
    description: Whether C(current) is pointed to the release.
    type: bool
    default: true
  system:
    description:
      - Install into O(python) itself instead of a virtual environment, where its packages belong to the distribution
        (PEP 668) with C(--break-system-packages). Earlier releases are then not kept.
    type: bool
    default: false
  keep:
    description:
      - How many releases beside the current one are kept, the last used first.
      - At least 1, since the previous one is always kept. So is one that a snapshot names; see O(snapshots).
    type: int
    default: 3
  snapshots:
    description:
      - Folder of the snapshots, as O(aos.cloud_manager.package_snapshot#module:folder).
      - A release that one of them names is not removed, whatever O(keep) says, since going back needs it.
        Remove the snapshot first.
    type: path
    default: /var/lib/aos/rollback/cloud_manager
notes:
  - C(PIP_*) of the host's environment and its C(pip.conf) count. pip's cache is off unless C(PIP_CACHE_DIR) is set.
seealso:
  - module: aos.cloud_manager.package_snapshot
"""

EXAMPLES = r"""
- name: Install a wheel that was copied to the controller
  aos.cloud_manager.package:
    source: /var/cache/aos/aos_cloud_manager-0.1.0-py3-none-any.whl
    collection: /var/cache/aos/aos-cloud_manager-0.1.0.tar.gz
    wheelhouse: /var/cache/aos/wheels

- name: Make the next release beside the one that runs
  aos.cloud_manager.package:
    source: git+https://git.example.org/cloud_manager.git@v0.2.0#subdirectory=watchdog
    activate: false
  register: made

- name: Switch to it
  aos.cloud_manager.package:
    release: "{{ made.release }}"

- name: Remove all releases
  aos.cloud_manager.package:
    state: absent
"""

RETURN = r"""
release:
  description: Name of the release that was asked for; empty with O(state=absent).
  returned: success
  type: str
  sample: 0.1.0-1a2b3c4d
version:
  description: Version of the product in it.
  returned: success
  type: str
  sample: 0.1.0
executable:
  description: The program in that release.
  returned: success
  type: str
  sample: /opt/aos/cloud-manager/releases/0.1.0-1a2b3c4d/bin/aos-cloud-manager
previous:
  description: The release that C(current) pointed to before the run; empty without one.
  returned: success
  type: str
  sample: 0.1.0-99aabbcc
kept:
  description: What O(state=absent) left since this module did not make it.
  returned: success
  type: list
  elements: str
  sample: ["/opt/aos/cloud-manager/notes.txt was not made by aos.cloud_manager"]
"""

import os
import sys
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.aos.cloud_manager.plugins.module_utils import package_system
from ansible_collections.aos.cloud_manager.plugins.module_utils.mark import MADE_BY
from ansible_collections.aos.cloud_manager.plugins.module_utils.package_plan import identity, plan_change, release_name
from ansible_collections.aos.cloud_manager.plugins.module_utils.package_python import Pip, ask_python, build
from ansible_collections.aos.cloud_manager.plugins.module_utils.package_release import PROGRAM, Release, Root
from ansible_collections.aos.cloud_manager.plugins.module_utils.package_source import find_source
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, AosModule
from ansible_collections.aos.cloud_manager.plugins.module_utils.snapshot_folder import needed_releases

ARGUMENTS: dict[str, t.Any] = {
    "source": {"type": "str"},
    "release": {"type": "str"},
    "collection": {"type": "path"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "root": {"type": "path", "default": "/opt/aos/cloud-manager"},
    "python": {"type": "path"},
    "extras": {"type": "list", "elements": "str", "default": []},
    "wheelhouse": {"type": "path"},
    "activate": {"type": "bool", "default": True},
    "system": {"type": "bool", "default": False},
    "keep": {"type": "int", "default": 3},
    "snapshots": {"type": "path", "default": "/var/lib/aos/rollback/cloud_manager"},
}
REQUIRED_IF = [("state", "present", ["source", "release"], True)]
MUTUALLY_EXCLUSIVE = [("source", "release"), ("system", "release")]
NOTHING: dict[str, t.Any] = {"release": "", "version": "", "executable": "", "previous": "", "kept": []}


def check_options(params: dict[str, t.Any]) -> None:
    """Raise AosError for options that do not fit together."""
    if params["keep"] < 1:
        raise AosError(f"keep {params['keep']} would remove the release that a rollback needs; give at least 1")
    if params["system"] and params["collection"]:
        raise AosError("collection belongs to a release of its own; leave it out, or leave system out")
    if params["wheelhouse"] and not Path(params["wheelhouse"]).is_dir():
        raise AosError(f"wheelhouse {params['wheelhouse']} is no folder; copy the wheels there or leave it out")


def present(params: dict[str, t.Any], check_mode: bool, folder: Path) -> dict[str, t.Any]:
    """Make the release and point `current` to it. folder: for what is needed meanwhile."""
    root, python = Root(params["root"]), ask_python(params["python"] or sys.executable)
    source, known, previous = find_source(params["source"], folder), root.releases(), root.current()
    digest = identity(params, source, python.name)
    # The source of a release that is there is not asked for its version again: it may have to be fetched for that.
    version = next((one.version for one in known.values() if one.digest == digest), "") or source.version
    name = release_name(version, digest)
    wanted = Release(name, version, params["source"], digest, sorted(params["extras"]), python.path)
    plan = plan_change(root, wanted, params["activate"], params["keep"], needed_releases(params["snapshots"]))
    if not check_mode:
        if plan.build:
            pip = Pip(params["wheelhouse"] or "")
            build(root, wanted, python, pip, source.put(folder), params["collection"])
        if plan.current != previous:
            root.switch(plan.current)
        for release in plan.removed:
            root.remove(release)
    return NOTHING | {
        "changed": plan.build or plan.current != previous or bool(plan.removed),
        "release": name,
        "version": version,
        "executable": str(root.folder(name) / "bin" / PROGRAM),
        "previous": previous,
        "diff": {
            "before": visible(previous, known),
            "after": visible(plan.current, {*known, name} - set(plan.removed)),
        },
    }


def switched(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Point `current` to a release that is there. Raises AosError."""
    root, name = Root(params["root"]), params["release"]
    known, previous = root.releases(), root.current()
    if name not in known:
        raise AosError(f"release {name} is not in {root.releases_folder}; install it with source, or name another")
    if not check_mode and previous != name:
        root.switch(name)
    return NOTHING | {
        "changed": previous != name,
        "release": name,
        "version": known[name].version,
        "executable": str(root.folder(name) / "bin" / PROGRAM),
        "previous": previous,
        "diff": {"before": visible(previous, known), "after": visible(name, known)},
    }


def absent(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Remove what was made below root."""
    root = Root(params["root"])
    known, half_made, previous = root.releases(), root.half_made(), root.current()
    strangers = root.strangers()
    if not check_mode:
        root.remove_all()
    return NOTHING | {
        "changed": bool(known or half_made or previous),
        "previous": previous,
        "kept": [f"{path} was not made by {MADE_BY}" for path in strangers],
        "diff": {"before": visible(previous, [*known, *half_made]), "after": visible("", [])},
    }


def visible(current: str, releases: t.Iterable[str]) -> dict[str, t.Any]:
    """What the diff shows."""
    return {"current": current, "releases": sorted(releases)}


def in_system(params: dict[str, t.Any], check_mode: bool, folder: Path) -> dict[str, t.Any]:
    """Install into the system's Python, or uninstall from it."""
    python, pip = ask_python(params["python"] or sys.executable), Pip(params["wheelhouse"] or "")
    before = package_system.installed_version(python)
    if params["state"] == "absent":
        if before and not check_mode:
            package_system.uninstall(python, pip)
        return NOTHING | {"changed": bool(before), "diff": {"before": {"version": before}, "after": {"version": ""}}}
    source = find_source(params["source"], folder)
    digest = identity(params, source, python.name)
    same = package_system.holds(python, digest)
    version = before if same else source.version
    if not same and not check_mode:
        package_system.install(python, pip, source, params["extras"], digest, folder)
    name = release_name(version, digest)
    return NOTHING | {
        "changed": not same,
        "release": name,
        "version": version,
        "executable": str(Path(python.scripts, PROGRAM)),
        "diff": {"before": {"version": before, "same": same}, "after": {"version": version, "same": True}},
    }


def run(params: dict[str, t.Any], check_mode: bool, _warn: t.Callable[[str], None]) -> dict[str, t.Any]:
    """What the module returns. Raises AosError."""
    check_options(params)
    os.umask(0o022)  # The daemon's user must be able to run what root installs.
    with tempfile.TemporaryDirectory(prefix="aos-package-") as folder:
        if params["system"]:
            return in_system(params, check_mode, Path(folder))
        if params["state"] == "absent":
            return absent(params, check_mode)
        if params["release"]:
            return switched(params, check_mode)
        return present(params, check_mode, Path(folder))


def main() -> None:
    module = AosModule(
        ARGUMENTS, required_if=REQUIRED_IF, mutually_exclusive=MUTUALLY_EXCLUSIVE, supports_check_mode=True
    )
    with module.errors_reported():
        module.exit_json(**run(module.params, module.check_mode, module.warn))


if __name__ == "__main__":
    main()
