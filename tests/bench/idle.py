# SPDX-License-Identifier: GPL-3.0-or-later
"""What a watchdog costs that has nothing to do, with many synthetic hosts in Nova's database."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.e2e.watchdog import Watchdog
from tests.lab.client import Lab

REFRESH_SECONDS = 2.0
TICK = os.sysconf("SC_CLK_TCK")


def cost(lab: Lab, folder: Path, hosts: int, cycles: int, say: Callable[[str], None]) -> dict[str, Any]:
    """CPU seconds (user + system) of the watchdog for a cycle, and its resident memory, over so many cycles."""
    lab.synthetic_hosts(hosts)
    watchdog = Watchdog(lab, folder)
    try:
        with _heartbeats(lab):
            watchdog.start(timeout=60)
            watchdog.wait_cycles(2, timeout=120)
            before = _cpu_seconds(watchdog.pid)
            watchdog.wait_cycles(cycles, timeout=cycles * 30)
            used = _cpu_seconds(watchdog.pid) - before
            memory = _memory_mib(watchdog.pid)
            watchdog.stop()
    finally:
        watchdog.kill9()
        lab.remove_synthetic()
    say(f"{hosts} hosts: {used / cycles:.3f} s CPU for a cycle, {memory:.0f} MiB at most")
    return {
        "hosts": hosts,
        "cycles": cycles,
        "cpu_seconds_per_cycle": round(used / cycles, 4),
        "rss_max_mib": round(memory, 1),
    }


@contextmanager
def _heartbeats(lab: Lab) -> Iterator[None]:
    """The synthetic hosts stay up."""
    ended = threading.Event()

    def refresh() -> None:
        while not ended.wait(REFRESH_SECONDS):
            lab.refresh_synthetic()

    lab.refresh_synthetic()
    thread = threading.Thread(target=refresh)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def _memory_mib(pid: int) -> float:
    """The highest resident size so far (VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
