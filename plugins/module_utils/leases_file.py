# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a lease file that its server goes on writing: in pieces, and again where it was exchanged meanwhile.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import contextlib
import gc
import os
import stat
import time
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils import leases_kea
from ansible_collections.aos.cloud_manager.plugins.module_utils.leases import Table, Wanted
from ansible_collections.aos.cloud_manager.plugins.module_utils.leases_isc import IscReader
from ansible_collections.aos.cloud_manager.plugins.module_utils.leases_kea import KeaReader
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

ISC = "isc"
KEA = "kea"
AUTO = "auto"
READERS: dict[str, type[IscReader] | type[KeaReader]] = {ISC: IscReader, KEA: KeaReader}

PIECE = 1 << 18
ATTEMPTS = 5
# A server writes an entry in one go: after this long the rest of one has arrived, or never will.
SETTLE_SECONDS = 0.2

Seen = tuple[int, int, int, int]


class Moved(Exception):
    """The file is not the one any more that was begun."""


def read_leases(path: str, file_format: str, wanted: Wanted, limit: int) -> tuple[Table, str]:
    """Return the leases of one server that fit, and the format that was found; raise an AosError.

    file_format: ISC, KEA, or AUTO. limit: how many leases may fit. A file in which nothing is readable is an error;
    single entries that are not are in the table's problems.
    """
    last: Exception | None = None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(SETTLE_SECONDS)
        try:
            table, found = _attempt(path, file_format, wanted, limit)
        except (Moved, FileNotFoundError) as error:  # Kea moves its file away before it begins the new one
            last = error
            continue
        except OSError as error:
            raise AosError(f"lease file {path} cannot be read: {error.strerror}; correct its path or rights") from error
        if table.unreadable and not table.entries:
            raise AosError(
                f"{path} is no lease file of {'ISC dhcpd' if found == ISC else 'Kea'} ({table.problems[0]}); "
                "correct the path or the format"
            )
        return table, found
    if isinstance(last, FileNotFoundError):
        raise AosError(f"lease file {path} does not exist; correct the path") from last
    raise AosError(f"lease file {path} was exchanged by its server {ATTEMPTS} times while it was read; try again")


def _attempt(path: str, file_format: str, wanted: Wanted, limit: int) -> tuple[Table, str]:
    before = _parts(path)
    found = _format_of(path, before) if file_format == AUTO else file_format
    names = before if found == KEA else [path]
    seen = {name: _seen(name) for name in names}
    table = Table(wanted, limit)
    cut = False
    for name in names:
        reader = READERS[found](name, table)
        _feed(reader, name)
        cut = cut or reader.unfinished
        reader.finish()
    if found == KEA and _parts(path) != before:
        raise Moved
    if cut:
        # The end may be just being written.
        time.sleep(SETTLE_SECONDS)
    for name in names:
        now = _seen(name)
        if now[:2] != seen[name][:2] or now[2] < seen[name][2] or (cut and now != seen[name]):
            raise Moved
    return table, found


def _parts(path: str) -> list[str]:
    """Return the files that hold a Kea server's leases, oldest first; the file alone where Kea has no others."""
    completed = path + leases_kea.COMPLETED
    inputs = [completed] if os.path.exists(completed) else [path + ending for ending in leases_kea.INPUTS]
    older = [name for name in inputs if os.path.exists(name)]
    if older and not os.path.exists(path):
        raise Moved
    return [*older, path]


def _format_of(path: str, parts: list[str]) -> str:
    """Return what the file looks like. One that was just begun may be empty: then the one before it tells."""
    for name in reversed(parts):
        with _opened(name) as file:
            beginning = os.read(file, 8)
        if beginning:
            return KEA if leases_kea.looks_like_it(beginning) else ISC
    return ISC


def _seen(name: str) -> Seen:
    status = os.stat(name)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


@contextlib.contextmanager
def _opened(name: str) -> t.Iterator[int]:
    """Open a regular file; never wait for a pipe's other end."""
    file = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise AosError(f"{name} is no regular file; give the path of a lease file")
        yield file
    finally:
        os.close(file)


def _feed(reader: IscReader | KeaReader, name: str) -> None:
    with _opened(name) as file, _no_cycles_searched():
        while piece := os.read(file, PIECE):
            reader.feed(piece)


@contextlib.contextmanager
def _no_cycles_searched() -> t.Iterator[None]:
    """Leases refer to nothing, so looking for cycles among them, a fifth of the time, would find none."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
