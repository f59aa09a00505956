# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for the product: packages of its name that need nothing, made in a moment."""

from __future__ import annotations

import json
import typing as t
import zipfile
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args

Outcome = dict[str, t.Any]
Run = t.Callable[..., Outcome]

# Answers `db list` as the product does, with the number of its version's last part as the newest migration.
PROGRAM = """
import json, os, sys
VERSION = {version!r}
def main():
    arguments = sys.argv[1:]
    if os.environ.get("STAND_IN_FAILS"):
        sys.exit("error: " + os.environ["STAND_IN_FAILS"])
    print("a warning, as libraries give them", file=sys.stderr)
    newest = int(VERSION.rsplit(".", 1)[1])
    rows = [{{"number": n, "applied": True, "description": "step %d" % n}} for n in range(1, newest + 1)]
    if "json" in arguments:
        found = {{"database": "x", "current": newest, "newest": newest, "interrupted": None}}
        print(json.dumps(found | {{"migrations": rows}}))
    elif arguments[-2:] == ["db", "list"]:
        print("".join("%d applied %s\\n" % (row["number"], row["description"]) for row in rows), end="")
    else:
        print(VERSION)
"""
PROJECT = """
[build-system]
requires = ["setuptools>=61"]
build-backend = "setuptools.build_meta"
[project]
name = "{name}"
version = "{version}"
[project.scripts]
aos-cloud-manager = "cloud_manager.cli:main"
[tool.setuptools.packages.find]
where = ["src"]
"""


def wheel(
    folder: Path,
    version: str = "0.1.1",
    name: str = "aos-cloud-manager",
    needs: tuple[str, ...] = (),
    python: str = ">=3.11",
    size: int = 0,
) -> Path:
    """Make a wheel in folder; return its path. size: bytes that it takes on the disk beside its program."""
    folder.mkdir(exist_ok=True)
    base = f"{name.replace('-', '_')}-{version}"
    info = f"{base}.dist-info"
    path = folder / f"{base}-py3-none-any.whl"
    metadata = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: {python}\n"]
    metadata += [f"Requires-Dist: {need}\n" for need in needs]
    metadata += ["Provides-Extra: more\n"]
    files = {
        "cloud_manager/__init__.py": "",
        "cloud_manager/cli.py": PROGRAM.format(version=version),
        "cloud_manager/ballast": "0" * size,
        f"{info}/METADATA": "".join(metadata),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\naos-cloud-manager = cloud_manager.cli:main\n",
    }
    record = "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            # The same content is the same file: without a time it has one of 1980.
            archive.writestr(zipfile.ZipInfo(file), text, zipfile.ZIP_DEFLATED)
    return path


def source(folder: Path, version: str = "0.1.1", name: str = "aos-cloud-manager") -> Path:
    """Make a folder with the source; return its path."""
    package = folder / "src" / "cloud_manager"
    package.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(PROJECT.format(name=name, version=version))
    (package / "__init__.py").write_text("")
    (package / "cli.py").write_text(PROGRAM.format(version=version))
    return folder


def caller(module: t.Any, capsys: pytest.CaptureFixture[str], **always: t.Any) -> Run:
    """Return a function that runs the module and returns what it printed; check=True rehearses it."""

    def call(**options: t.Any) -> Outcome:
        given = {"_ansible_check_mode": options.pop("check", False), **always, **options}
        with patch_module_args(given), pytest.raises(SystemExit):
            module.main()
        return t.cast(Outcome, json.loads(capsys.readouterr().out))

    return call


def tree(folder: Path) -> dict[str, str]:
    """Return what lies in a folder: path -> kind, target of a link or content's size and time."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        told = path.readlink() if path.is_symlink() else (status.st_size, status.st_mtime_ns)
        found[str(path.relative_to(folder))] = str(told)
    return found
