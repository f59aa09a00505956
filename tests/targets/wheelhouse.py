# SPDX-License-Identifier: GPL-3.0-or-later
"""What an installation without a network takes: the product's wheel, and a wheelhouse of all that it needs.

`python -m tests.targets.wheelhouse` makes the wheelhouse and prints its path.
"""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tools.dev.collection import cache as default_cache
from tools.dev.collection import copy_work_tree

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "tests" / "requirements.lock"
# /usr/bin/python3 of Debian 12 and of Debian 13.
PYTHONS = ("3.11", "3.13")


def wheelhouse(cache: Path) -> Path:
    """Return a folder with the wheels of what the daemon needs, at the locked versions, for every one of PYTHONS.

    It is made once for a lock, which needs the package index; who comes meanwhile waits for it.
    """
    wanted = _requirements()
    name = hashlib.sha256("\n".join((*PYTHONS, *wanted, LOCK.read_text())).encode()).hexdigest()[:16]
    whole = cache / "wheelhouses" / name
    whole.parent.mkdir(parents=True, exist_ok=True)
    with (whole.parent / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.is_dir():
            _make(whole, wanted)
    return whole


def product_wheel(folder: Path) -> Path:
    """Build the daemon's wheel from a copy of the work tree into folder; return its path."""
    with tempfile.TemporaryDirectory(prefix="aos-wheel-") as copy:
        copy_work_tree(ROOT, Path(copy))
        return wheel_of(Path(copy, "watchdog"), folder)


def wheel_of(source: Path, folder: Path) -> Path:
    """Build the daemon's wheel from its source, where traces stay, into an empty folder; return its path."""
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source)
    (built,) = folder.glob("aos_cloud_manager-*.whl")
    return built


def _requirements() -> list[str]:
    """What the daemon needs to run, with all its extras, and to be built from a folder."""
    read = tomllib.loads((ROOT / "watchdog" / "pyproject.toml").read_text())
    project, extras = read["project"], read["project"].get("optional-dependencies", {})
    return [*read["build-system"]["requires"], *project["dependencies"], *itertools.chain(*extras.values())]


def _make(whole: Path, wanted: Sequence[str]) -> None:
    """Download into a folder beside, which is renamed when nothing is missing any more."""
    partly = whole.with_suffix(".partly")
    shutil.rmtree(partly, ignore_errors=True)
    for python in PYTHONS:
        only = ("--only-binary", ":all:", "--python-version", python)
        _pip("download", *only, "--constraint", LOCK, "--dest", partly, *wanted)
    partly.rename(whole)


def _pip(command: str, *arguments: str | Path) -> None:
    """Run pip; its words are shown when it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", command, *(str(argument) for argument in arguments)],
        env={**os.environ, "PIP_NO_INPUT": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"pip {command} failed:\n{done.stdout[-4000:]}")


if __name__ == "__main__":
    print(wheelhouse(default_cache()))
