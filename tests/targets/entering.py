# SPDX-License-Identifier: GPL-3.0-or-later
"""How a program gets into a target. Imported by the connection plugin in every task: it must load fast."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

PID_FILE = "nspawn.pid"
ENVIRONMENT = (
    "HOME=/root",
    "LANG=C.UTF-8",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "container=systemd-nspawn",
)


def leader(instance: Path) -> int:
    """The pid, as this machine counts, of the target's systemd; 0 while it has none. It changes when a target reboots."""
    try:
        supervisor = (instance / PID_FILE).read_text().strip()
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
        return next((int(child) for child in children if _is_init(Path("/proc", child))), 0)
    except OSError:
        return 0


def command(leader_pid: int, argv: Sequence[str]) -> list[str]:
    """Return what runs `argv` in the target with a target's environment, not ours."""
    return ["nsenter", f"--target={leader_pid}", "--all", "env", "--ignore-environment", *ENVIRONMENT, *argv]


def _is_init(process: Path) -> bool:
    """It is the first process of its namespace, and nspawn has already become systemd."""
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return status["Name"].strip() == "systemd" and status["NSpid"].split()[-1] == "1"
