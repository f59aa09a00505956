# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of one running playbook: inventory, variables, credentials. Mode 0700, in memory, gone with the job."""

from __future__ import annotations

import atexit
import fcntl
import os
import secrets
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cloud_manager.domain.power import PowerLink


@dataclass(frozen=True, slots=True)
class JobFiles:
    folder: Path
    inventory: Path
    variables: Path
    ansible_cfg: Path
    clouds_yaml: Path
    scratch: Path


class JobFolders:
    """All job folders of one owner; those of dead processes are removed when it is made.

    A lock held beside the folder, and made before it, says that the owner lives: several watchdogs and consoles can
    share `base`. Raises OSError where base can't be used.
    """

    def __init__(self, base: Path) -> None:
        self._base = base
        self._own: Path | None = None
        self._making = threading.Lock()
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = base.stat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise PermissionError(f"{base} belongs to another user, or others may look into it")
        self.remove_leftovers()

    def remove_leftovers(self) -> None:
        for folder in self._base.glob("jobs-*"):
            if folder.is_dir() and not _alive(_lock_of(folder)):
                _remove(folder)

    @contextmanager
    def job(self, key: str) -> Iterator[JobFiles]:
        folder = self._home() / key
        folder.mkdir(mode=0o700)
        try:
            scratch = folder / "tmp"
            scratch.mkdir(mode=0o700)
            yield JobFiles(
                folder,
                folder / "inventory.yml",
                folder / "variables.yml",
                folder / "ansible.cfg",
                folder / "clouds.yaml",
                scratch,
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _home(self) -> Path:
        """The lock ends with the process, not before: folders may be needed until then."""
        with self._making:
            if self._own is None:
                own = self._base / f"jobs-{os.getpid()}-{secrets.token_hex(4)}"
                lock = os.open(_lock_of(own), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
                fcntl.flock(lock, fcntl.LOCK_EX)
                own.mkdir(mode=0o700)
                self._own = own
                atexit.register(_remove, own)
            return self._own


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    _lock_of(folder).unlink(missing_ok=True)


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"lock-{folder.name}")


def _alive(lock_file: Path) -> bool:
    """Whether the process that made the lock still holds it."""
    try:
        lock = os.open(lock_file, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def write_private(path: Path, text: str) -> None:
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def inventory(hosts: Mapping[str, Sequence[PowerLink]], interpreter: str) -> dict[str, object]:
    """Hosts with their power controls: the only place where a playbook gets their passwords from."""
    variables = {"ansible_connection": "local", "ansible_python_interpreter": interpreter}
    controlled = {host: {"power_controls": [_item(link) for link in links]} for host, links in hosts.items()}
    return {"all": {"vars": variables, "hosts": controlled}}


def _item(link: PowerLink) -> dict[str, object]:
    return {
        "title": link.control.title,
        "protocol": link.control.protocol,
        "address": link.control.address,
        "port": link.control.port,
        "outlet": link.outlet,
        "username": link.control.username,
        "password": link.control.password.reveal(),
        "default": link.default,
        "options": link.settings,
        **({"identity": link.identity} if link.identity else {}),
    }


def unsafe_yaml(value: object) -> str:
    """YAML in which no text is taken for a template: what operators typed must not be evaluated.

    Raises TypeError for a type that YAML doesn't have.
    """
    if isinstance(value, str):
        # ansible-core guesses the type of what is tagged (123, true, nothing at all): tag only what no type looks like
        return f"!unsafe {_quoted(value)}" if "{" in value else _quoted(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_quoted(str(key))}: {unsafe_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(unsafe_yaml, value)) + "]"
    raise TypeError(f"{type(value).__name__} can't be a playbook's variable")


def _quoted(text: str) -> str:
    """A double-quoted scalar (YAML 1.1, 5.7): everything that isn't printable is escaped."""
    plain = (c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return '"' + "".join(plain) + '"'
