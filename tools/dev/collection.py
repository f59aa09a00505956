# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test, which wants a git repository at .../ansible_collections/aos/cloud_manager and a pip of its choice."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from tools.dev.running import ROOT, Command

GET_PIP = Path(__file__).with_name("get_pip.py")
# Folders of tests/ that belong to the collection.
ITS_TESTS = ("sanity", "unit")
PYTHON = ".".join(str(part) for part in sys.version_info[:2])


def cache() -> Path:
    """Return the folder of what may be kept between runs: virtual environments, downloads."""
    default = Path.home() / ".cache" / "aos-cloud-manager"
    return Path(os.environ.get("AOS_CACHE", default))


def work_tree_files(root: Path) -> list[str]:
    """Return the paths of the work tree: what git knows and what it would add, without what was deleted."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return [name for name in sorted(set(listed.stdout.split("\0"))) if name and os.path.lexists(root / name)]


def copy_work_tree(root: Path, target: Path) -> None:
    """Copy the work tree, links as links, into target and make a git repository of it."""
    for name in work_tree_files(root):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target / name, follow_symlinks=False)
    for arguments in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *arguments], cwd=target, check=True)


def _pip_wanted() -> str:
    """Return the version of pip that this ansible-test puts into its virtual environments."""
    from ansible_test._internal.python_requirements import get_venv_packages

    return str(get_venv_packages(SimpleNamespace(version=PYTHON))["pip"])


def _home() -> Path:
    """Return the home folder for ansible-test: a cache, with our get_pip where it keeps what it downloads."""
    home = cache() / "ansible-test"
    script = home / ".ansible" / "test" / "cache" / f"get_pip_{_pip_wanted().replace('.', '_')}.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(GET_PIP, script)
    return home


def _not_collection(copy: Path) -> list[str]:
    """Return the options that leave out what is no part of the collection; ruff and mypy check it by other rules."""
    tests = sorted(folder for folder in (copy / "tests").iterdir() if folder.is_dir())
    folders = [copy / "tools", copy / "watchdog", *(folder for folder in tests if folder.name not in ITS_TESTS)]
    return [word for folder in folders for word in ("--exclude", f"{folder.relative_to(copy)}/")]


@contextmanager
def ansible_test_commands() -> Iterator[Sequence[Command]]:
    """Yield ansible-test's commands in a throw-away copy of the work tree."""
    home = _home()
    with tempfile.TemporaryDirectory(prefix="aos-collection-") as folder:
        copy = Path(folder) / "ansible_collections" / "aos" / "cloud_manager"
        copy_work_tree(ROOT, copy)
        # Only folders with real programs: ansible-test asks every python3.x of PATH, and a version manager's shims lie.
        real = os.path.dirname(os.path.realpath(sys.executable))
        environment = {"HOME": str(home), "PATH": f"{ROOT / '.venv' / 'bin'}:{real}:/usr/sbin:/usr/bin:/sbin:/bin"}
        options = ("--color", "no", "--python", PYTHON)
        sanity = ("ansible-test", "sanity", *options, *_not_collection(copy))
        units = ("ansible-test", "units", "--venv", *options)
        yield (
            Command("ansible-test sanity", sanity, copy, environment),
            Command("ansible-test units", units, copy, environment),
        )
