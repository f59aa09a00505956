# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Python into which the product is installed: a virtual environment of its own, or the system's.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
import typing as t
from pathlib import Path

from ansible_collections.aos.cloud_manager.plugins.module_utils.package_release import PROGRAM, Release, Root
from ansible_collections.aos.cloud_manager.plugins.module_utils.package_source import COLLECTION, PRODUCT
from ansible_collections.aos.cloud_manager.plugins.module_utils.program import Ended, run
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

OLDEST = (3, 11)
# Asked of the interpreter itself: the module may run on another one.
QUESTION = """
import importlib.metadata, importlib.util, json, os, sys, sysconfig
try:
    installed = importlib.metadata.distribution(sys.argv[1])
    url = json.loads(installed.read_text("direct_url.json") or "{}").get("url", "")
    installed = {"version": installed.version, "url": url}
except importlib.metadata.PackageNotFoundError:
    installed = None
print(json.dumps({
    "version": list(sys.version_info[:2]),
    "ensurepip": importlib.util.find_spec("ensurepip") is not None,
    "pip": importlib.util.find_spec("pip") is not None,
    "in_venv": sys.prefix != sys.base_prefix,
    "managed": os.path.exists(os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")),
    "scripts": sysconfig.get_path("scripts"),
    "installed": installed,
}))
"""


@dataclasses.dataclass(frozen=True, slots=True)
class Python:
    """What an interpreter says of itself. managed: PEP 668, its packages are the distribution's."""

    path: str
    version: tuple[int, int]
    ensurepip: bool
    pip: bool
    managed: bool
    scripts: str
    installed: dict[str, str] | None

    @property
    def name(self) -> str:
        return ".".join(str(part) for part in self.version)


def ask_python(path: str) -> Python:
    """Return what the interpreter says of itself. Raises AosError for one that is missing or too old."""
    done = run([path, "-c", QUESTION, PRODUCT])
    try:
        said = json.loads(done.text)
    except ValueError:
        said = {}
    if done.status or tuple(said.get("version", ())) < OLDEST:
        have = ".".join(str(part) for part in said["version"]) if said else f"no usable Python ({done.reason})"
        wanted = ".".join(str(part) for part in OLDEST)
        raise AosError(f"python {path} is {have}, {PRODUCT} needs {wanted} or newer; install one and name it in python")
    managed = said["managed"] and not said["in_venv"]
    return Python(
        path, tuple(said["version"]), said["ensurepip"], said["pip"], managed, said["scripts"], said["installed"]
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Pip:
    """How pip is called. wheelhouse: the one folder that it takes packages from; empty for the package index."""

    wheelhouse: str

    def install(self, python: str, what: Path, extras: t.Sequence[str], *options: str) -> None:
        """Install a wheel or a folder with its extras. Raises AosError."""
        wanted = f"{what}[{','.join(extras)}]" if extras else str(what)
        offline = ("--no-index", "--find-links", self.wheelhouse) if self.wheelhouse else ()
        self._call(python, "install", *offline, *options, wanted)

    def uninstall(self, python: str, *options: str) -> None:
        """Uninstall the product and nothing else. Raises AosError."""
        self._call(python, "uninstall", "--yes", *options, PRODUCT)

    def _call(self, python: str, command: str, *arguments: str) -> None:
        # What the host's PIP_* say counts; only the cache must be asked for, or it would outlive the installation.
        quiet = {"PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
        cache = {} if "PIP_CACHE_DIR" in os.environ else {"PIP_NO_CACHE_DIR": "1"}
        done = run([python, "-m", "pip", command, *arguments], quiet | cache)
        if done.status:
            require_space(done, Path(python).parent)
            raise AosError(f"pip {command} of {PRODUCT} failed: {done.reason}; {self._remedy(done)}")

    def _remedy(self, done: Ended) -> str:
        if "No matching distribution found" not in done.said:
            return "correct that and run it again"
        if self.wheelhouse:
            return f"put a wheel of it that fits this Python into the wheelhouse {self.wheelhouse}"
        return "see that the host reaches its package index (pip.conf, PIP_INDEX_URL), or give a wheelhouse"


def require_space(done: Ended, place: Path) -> None:
    """Raise an AosError if a program failed for want of space."""
    if done.disk_full:
        raise AosError(
            f"no space is left where {place} is, or in the temporary folder {tempfile.gettempdir()}; free about 300 MB "
            "for a release and run it again"
        )


def build(root: Root, release: Release, python: Python, pip: Pip, what: Path, collection: str | None) -> None:
    """Make a release whole, from nothing; what could not be made is removed. Raises AosError."""
    if not python.ensurepip:
        package = f"python{python.name}-venv"
        raise AosError(f"python {python.path} cannot make virtual environments; install {package} (Debian, Ubuntu)")
    folder = root.folder(release.release)
    try:
        folder.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        own = _make_venv(folder, python)
        pip.install(own, what, release.extras)
        _require_program(folder / "bin" / PROGRAM)
        if collection:
            _install_collection(folder, collection)
        root.record(release)
    except (AosError, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, AosError):
            raise
        raise AosError(f"{folder} cannot be made: {error.strerror}; correct the rights or the file system") from error


def _make_venv(folder: Path, python: Python) -> str:
    """Make a virtual environment; return the path of its Python."""
    own = str(folder / "bin" / "python")
    # pip apart, since venv does not tell why its pip failed.
    for command in (
        [python.path, "-m", "venv", "--without-pip", str(folder)],
        [own, "-m", "ensurepip", "--default-pip"],
    ):
        done = run(command)
        if done.status:
            require_space(done, folder)
            raise AosError(f"a virtual environment cannot be made in {folder}: {done.reason}; correct that")
    return own


def _require_program(path: Path) -> None:
    if not os.access(path, os.X_OK):
        raise AosError(f"the source brought no program {path.name}; build it again from a whole {PRODUCT}")


def _install_collection(folder: Path, tarball: str) -> None:
    """Unpack the collection beside the packages, its files compared with their checksums. Raises AosError."""
    galaxy, place = folder / "bin" / "ansible-galaxy", folder / "collections"
    _require_program(galaxy)
    with tempfile.TemporaryDirectory(prefix="aos-galaxy-") as home:
        settings = Path(home, "ansible.cfg")
        settings.touch()
        # What lies elsewhere in the same version would be taken for it, and nothing would be installed.
        paths = {"ANSIBLE_COLLECTIONS_PATH": str(place)}
        alone = {"HOME": home, "ANSIBLE_HOME": home, "ANSIBLE_CONFIG": str(settings), **paths}
        install = ["collection", "install", "--offline", "--no-deps", "-p", str(place), tarball]
        done = run([str(galaxy), *install], alone)
    if done.status:
        require_space(done, folder)
        raise AosError(f"collection {tarball} cannot be installed: {done.reason}; build it again")
    if not (place / "ansible_collections" / Path(*COLLECTION) / "MANIFEST.json").is_file():
        raise AosError(f"collection {tarball} was not installed in {place}: ansible-galaxy said {done.reason!r}")
