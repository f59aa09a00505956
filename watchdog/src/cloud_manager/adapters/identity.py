# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds a lease, in words that tell whether he still lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def this_process() -> str:
    """machine, boot, process space, process id and its start: names one process among all controllers, for ever."""
    return "/".join([*_place(), str(os.getpid()), _started_at(os.getpid())])


def may_live(holder: str) -> bool:
    """False only where that process is known to have ended. Of other machines and containers nothing is known."""
    *place, pid, started_at = ["", *holder.split("/")][-5:]
    if place != _place() or not pid.isdigit():
        return True
    return _started_at(int(pid)) == started_at


def _place() -> list[str]:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
        space = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        boot, space = "", ""
    return [socket.gethostname(), boot, space]


def _started_at(pid: int) -> str:
    """Clock ticks since boot (proc(5), stat, field 22), or "" where there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[19]
