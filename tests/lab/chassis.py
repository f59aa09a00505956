# SPDX-License-Identifier: GPL-3.0-or-later
"""The mains switch of one lab host: what its BMC runs for each chassis command, and what the lab itself uses.

`chassis.py FOLDER get|set PARAMETER [VALUE] ...`, as ipmi_sim's chassis_control calls it. FOLDER holds
`compute.json` {lab, unit, argv, env, log}: how to start the host's nova-compute; `pid`; `ready`; `mode`: stuck | slow;
`chassis.log`: one JSON list [epoch, operation, arguments] for each command, and [epoch, "dead"|"started", [pid]].
"""

from __future__ import annotations

import fcntl
import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.lab import processes

SLOW_SECONDS = 4.0


class Chassis:
    def __init__(self, folder: str) -> None:
        self.folder = folder
        with open(self._path("compute.json"), encoding="utf-8") as file:
            self._compute = json.load(file)

    @property
    def powered(self) -> bool:
        return processes.alive(self._compute["lab"], self._compute["unit"], self._path("pid"))

    def power_on(self) -> None:
        with self._locked():
            if self.powered:
                return
            self._remove("ready")
            compute = self._compute
            pid = processes.spawn(
                compute["lab"],
                compute["unit"],
                compute["argv"],
                pid_file=self._path("pid"),
                log=compute["log"],
                env=compute["env"],
            )
            self.record("started", [str(pid)])

    def power_off(self) -> float | None:
        """As if the plug were pulled; returns when nova-compute was seen dead, None if it already was."""
        with self._locked():
            lab, unit = self._compute["lab"], self._compute["unit"]
            pids = processes.settled(lambda: processes.of_unit(lab, unit))
            self._remove("ready")
            if not pids:
                return None
            # A stopped process dies of KILL too.
            processes.send(pids, signal.SIGKILL)
            processes.kill(lambda: processes.of_unit(lab, unit), unit)
            self._remove("pid")
            return self.record("dead", [str(pid) for pid in pids])

    def record(self, operation: str, arguments: Sequence[str]) -> float:
        now = time.time()
        with open(self._path("chassis.log"), "a", encoding="utf-8") as file:
            file.write(json.dumps([now, operation, list(arguments)]) + "\n")
        return now

    def mode(self) -> str:
        try:
            with open(self._path("mode"), encoding="ascii") as file:
                return file.read().strip()
        except FileNotFoundError:
            return "ok"

    def set(self, parameter: str, value: str) -> bool:
        """Obey one setting; False if there is no such thing."""
        stuck = self.mode() == "stuck"
        if parameter == "power" and value == "1":
            self.power_on()
        elif parameter in ("power", "shutdown"):
            if not stuck:
                self.power_off()
        elif parameter == "reset":
            if not stuck:
                self.power_off()
                self.power_on()
        else:
            return parameter in ("boot", "identify")
        return True

    def _path(self, name: str) -> str:
        return f"{self.folder}/{name}"

    def _remove(self, name: str) -> None:
        processes.remove(self._path(name))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with open(self._path("lock"), "w", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def answer(chassis: Chassis, operation: str, arguments: Sequence[str]) -> int:
    """Carry out one command of ipmi_sim, print what it asked for; the exit status says whether it is known."""
    chassis.record(operation, arguments)
    if chassis.mode() == "slow":
        time.sleep(SLOW_SECONDS)
    if operation == "get":
        known = {"power": "1" if chassis.powered else "0", "boot": "default"}
        for name in arguments:
            if name not in known:
                print(f"Invalid parameter: {name}")
                return 1
            print(f"{name}:{known[name]}")
        return 0
    if operation == "set":
        values = iter(arguments)
        for name in values:
            value = next(values, "")
            if name == "identify":
                next(values, "")
            if not chassis.set(name, value):
                return 1
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(answer(Chassis(sys.argv[1]), sys.argv[2], sys.argv[3:]))
