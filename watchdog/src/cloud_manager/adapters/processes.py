# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of a job, found by the mark in their environment.

ansible-core detaches its workers into sessions of their own: neither a process group nor a terminal reaches all of a
playbook. The environment is inherited by everything that it starts.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

JOB = "AOS_JOB"
INSTALLATION = "AOS_STATE_DIR"
KILL_DEADLINE = 10.0


def marked(keys: Collection[str], installation: str) -> dict[int, str]:
    """Process id -> key, for all processes of these jobs. installation tells equal keys of two watchdogs apart."""
    wanted = {f"{JOB}={key}".encode(): key for key in keys}
    home = f"{INSTALLATION}={installation}".encode()
    found: dict[int, str] = {}
    for entry in os.listdir("/proc") if wanted else ():
        if entry.isdigit() and int(entry) != os.getpid() and (key := _key_of(int(entry), wanted, home)):
            found[int(entry)] = key
    return found


def kill_marked(keys: Collection[str], installation: str, deadline: float = KILL_DEADLINE) -> tuple[str, ...]:
    """SIGKILL all of them, and what they start meanwhile, until none is left; the keys that had some."""
    had: set[str] = set()
    end = time.monotonic() + deadline
    while (found := marked(keys, installation)) and time.monotonic() < end:
        had |= set(found.values())
        for pid in found:
            _kill(pid, keys, installation)
        time.sleep(0.02)
    return tuple(sorted(had))


def _key_of(pid: int, wanted: dict[bytes, str], home: bytes) -> str:
    """Another user's process, one that has ended and one that is being reaped have no environment for us."""
    try:
        lines = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    if home not in lines:
        return ""
    return next((key for line, key in wanted.items() if line in lines), "")


def _kill(pid: int, keys: Collection[str], installation: str) -> None:
    """The process is held by a descriptor and looked at again: its number may belong to another one by now."""
    wanted = {f"{JOB}={key}".encode(): key for key in keys}
    with _pidfd(pid) as descriptor:
        if descriptor is not None and _key_of(pid, wanted, f"{INSTALLATION}={installation}".encode()):
            try:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            except ProcessLookupError:
                return


@contextmanager
def _pidfd(pid: int) -> Iterator[int | None]:
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        yield None
        return
    try:
        yield descriptor
    finally:
        os.close(descriptor)
