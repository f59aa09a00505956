# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of a watchdog's playbooks.

Ansible detaches its workers: they are known by the marks in their environment.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

JOB, INSTALLATION = "AOS_JOB", "AOS_STATE_DIR"


def of(state_dir: Path) -> dict[int, str]:
    """Pid -> key of its job, of all playbooks that a watchdog with this state_dir started."""
    home = f"{INSTALLATION}={state_dir}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with suppress(OSError):
            lines = (entry / "environ").read_bytes().split(b"\0")
            keys = [line.removeprefix(f"{JOB}=".encode()) for line in lines if line.startswith(f"{JOB}=".encode())]
            if home in lines and keys:
                found[int(entry.name)] = keys[0].decode()
    return found


def kill(state_dir: Path, timeout: float = 10) -> list[str]:
    """SIGKILL all, and what they start meanwhile; the keys of their jobs."""
    keys: set[str] = set()
    deadline = time.monotonic() + timeout
    while pids := of(state_dir):
        keys |= set(pids.values())
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {pids} survive SIGKILL")
        time.sleep(0.01)
    return sorted(keys)
