# SPDX-License-Identifier: GPL-3.0-or-later
"""Detached processes that are known by marks in their environment, so that none is ever lost or mistaken.

Every process of a lab carries AOS_LAB=<folder of the lab> and AOS_LAB_UNIT=<what it is>; children inherit both.
Imported by the chassis script that a BMC runs for each command: it must load fast.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

LAB_MARK = "AOS_LAB"
UNIT_MARK = "AOS_LAB_UNIT"

# Leaves its pid behind, then becomes the command. The shell is a grandchild that init adopts: no zombie of ours.
_DETACH = 'exec >>"$AOS_LAB_LOG" 2>&1 </dev/null; echo $$ >"$1.new" && mv "$1.new" "$1" && shift && exec "$@"'


def spawn(
    lab: str, unit: str, argv: Sequence[str], *, pid_file: str, log: str, env: Mapping[str, str] | None = None
) -> int:
    """Start `argv` in a session of its own; it survives whoever called. Returns its pid."""
    remove(pid_file)
    # SPT_NOENV: setproctitle must not write over the marks.
    marks = {LAB_MARK: lab, UNIT_MARK: unit, "AOS_LAB_LOG": log, "SPT_NOENV": "1"}
    command = ["setsid", "-f", "sh", "-c", _DETACH, "sh", pid_file, *argv]
    pid = os.posix_spawnp("setsid", command, {**os.environ, **(env or {}), **marks})
    os.waitpid(pid, 0)
    deadline = time.monotonic() + 10
    while not os.path.exists(pid_file):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{unit} could not be started, see {log}")
        time.sleep(0.002)
    return read_pid(pid_file)


def read_pid(pid_file: str) -> int:
    """The recorded pid, or 0."""
    try:
        with open(pid_file, encoding="ascii") as file:
            return int(file.read() or 0)
    except (FileNotFoundError, ValueError):
        return 0


def alive(lab: str, unit: str, pid_file: str) -> bool:
    """The recorded process runs, and it is this unit's (pids are reused)."""
    pid = read_pid(pid_file)
    return bool(pid) and _marks(pid) == (lab, unit) and not _is_dead(pid)


def of_lab(lab: str) -> Iterator[tuple[int, str]]:
    """(pid, unit) of every living process that carries this lab's mark."""
    for entry in os.listdir("/proc"):
        if not entry.isdecimal():
            continue
        owner, unit = _marks(int(entry))
        if owner == lab and not _is_dead(int(entry)):
            yield int(entry), unit


def of_unit(lab: str, unit: str) -> list[int]:
    return [pid for pid, name in of_lab(lab) if name == unit]


def send(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def wait_gone(pids: Iterable[int], timeout: float) -> list[int]:
    """Wait until all are dead; returns those that are not."""
    left, deadline = list(pids), time.monotonic() + timeout
    while True:
        left = [pid for pid in left if not _is_dead(pid)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.005)


def stop_unit(lab: str, unit: str, *, grace: float) -> None:
    """TERM, and after `grace` seconds KILL; nothing of the unit is left when this returns."""
    pids = of_unit(lab, unit)
    if grace:
        send(pids, signal.SIGTERM)
        # A stopped process must run to see the TERM.
        send(pids, signal.SIGCONT)
        wait_gone(pids, grace)
    kill(lambda: of_unit(lab, unit), unit)


def kill_lab(lab: str) -> int:
    """KILL everything of this lab; returns how many there were."""
    found = len(list(of_lab(lab)))
    kill(lambda: [pid for pid, _ in of_lab(lab)], lab)
    return found


def kill(find: Callable[[], list[int]], what: str, timeout: float = 20) -> None:
    """KILL what `find` finds until it finds nothing: a process may have forked in between."""
    deadline = time.monotonic() + timeout
    while pids := settled(find):
        send(pids, signal.SIGKILL)
        if wait_gone(pids, timeout) and time.monotonic() > deadline:
            raise RuntimeError(f"{what}: processes {pids} survive SIGKILL")


def settled(find: Callable[[], list[int]]) -> list[int]:
    """What `find` finds; asked twice before it is nothing, because a process shows no marks while it executes."""
    pids = find()
    if not pids:
        time.sleep(0.02)
        pids = find()
    return pids


def _marks(pid: int) -> tuple[str, str]:
    """(lab, unit); waits out the moment in which a process that executes shows no environment."""
    start = time.monotonic()
    while True:
        try:
            with open(f"/proc/{pid}/environ", "rb") as file:
                text = file.read()
        except OSError:
            return "", ""
        if text or time.monotonic() - start > _patience(pid):
            break
        time.sleep(0.001)
    found = dict(pair.split(b"=", 1) for pair in text.split(b"\0") if pair.startswith(b"AOS_LAB"))
    return found.get(LAB_MARK.encode(), b"").decode(), found.get(UNIT_MARK.encode(), b"").decode()


def _patience(pid: int) -> float:
    """Seconds to wait for an environment: none for the dead and for kernel threads (children of process 2)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # Behind the name, which may hold spaces: field 3 of proc(5) and those that follow it.
            fields = file.read().rsplit(b")", 1)[1].split()
    except (OSError, IndexError):
        return 0
    state, parent, env_start, env_end = fields[0], fields[1], fields[47], fields[48]
    if state in (b"Z", b"X") or parent == b"2" or pid == 2:
        return 0
    # Given an empty one, most likely: so it also looks for an instant while one program replaces another.
    return 0.1 if env_start == env_end != b"0" else 1.0


def _is_dead(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            ended = file.read().rsplit(b")", 1)[1].split()[0] in (b"Z", b"X")
        # The first thread may be a zombie while others still hold the sockets.
        return ended and len(os.listdir(f"/proc/{pid}/task")) <= 1
    except (OSError, IndexError):
        return True


def remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
