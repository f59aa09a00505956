# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the processes that a run left behind, and ends them: they are ours by a mark in their environment.

Run as `python -m tools.dev.leftovers MARK`; exit status 1 if there were any.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

PROCESSES = Path("/proc")
GRACE_SECONDS = 5.0


def marked(mark: str) -> dict[int, str]:
    """Return pid -> command line of the living processes whose environment carries the mark, our ancestors excepted."""
    family = ancestors(os.getpid())
    entry = f"AOS_RUN_MARK={mark}".encode()
    found = {}
    for folder in PROCESSES.iterdir():
        if not folder.name.isdigit() or int(folder.name) in family:
            continue
        try:
            if entry in (folder / "environ").read_bytes().split(b"\0"):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(folder.name)] = command.decode(errors="replace")
        except OSError:
            continue  # gone, or another user's
    return {pid: command for pid, command in found.items() if command}


def ancestors(pid: int) -> set[int]:
    """Return pid and the pids of its parents up to the first process."""
    family = set()
    while pid > 0:
        family.add(pid)
        # The name, in parentheses, may hold spaces; the state and the parent follow it.
        pid = int((PROCESSES / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    return family


def end(mark: str) -> None:
    """Send SIGTERM to what carries the mark, and SIGKILL to what still does after the grace."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in marked(mark):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + GRACE_SECONDS
        while marked(mark) and time.monotonic() < deadline:
            time.sleep(0.1)


def main(mark: str) -> int:
    """Name the processes left behind and end them; 1 if there were any."""
    left = marked(mark)
    for pid, command in sorted(left.items()):
        print(f"left behind: {pid} {command[:200]}", flush=True)
    end(mark)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
