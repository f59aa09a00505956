# SPDX-License-Identifier: GPL-3.0-or-later
"""One ipmi_sim for every host, and the ways in which a BMC can fail."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

from tests.lab import processes
from tests.lab.configuration import render
from tests.lab.errors import LabError
from tests.lab.plan import REPOSITORY, SOURCE, Host, Plan
from tests.lab.progress import wait
from tests.lab.record import BmcPasswords, write_private

MODES = ("ok", "frozen", "stuck", "slow", "wrong-password", "replaced")
# Entering or leaving one of these takes a new process.
RESTARTED = {"frozen", "wrong-password", "replaced"}
GUID = "a123456789abcdefa1234567{serial:08x}"
SERIAL_OF_REPLACEMENT = 0xB0000000
USER = "admin"
POWER_OPERATIONS = ("on", "off", "status")


class Bmc:
    def __init__(self, plan: Plan, host: Host) -> None:
        self._plan = plan
        self._host = host
        self._unit = f"bmc:{host.name}"
        self._mode_file = host.folder / "mode"
        self._passwords = BmcPasswords.of(host)

    @property
    def secrets(self) -> list[str]:
        return [self._passwords.recorded, self._passwords.changed]

    @property
    def guid(self) -> uuid.UUID:
        """What it tells of itself in its present mode, in SMBIOS's order of bytes."""
        serial = self._host.index + (SERIAL_OF_REPLACEMENT if self.mode() == "replaced" else 0)
        return uuid.UUID(bytes_le=bytes.fromhex(GUID.format(serial=serial)))

    def control(self) -> dict[str, object]:
        """An item of a host's `power_controls`, with the password that was once right."""
        return {
            "title": f"BMC of {self._host.name}",
            "protocol": "ipmi",
            "address": self._host.bmc_address,
            "port": 623,
            "username": USER,
            "password": self._passwords.recorded,
            "default": True,
        }

    def start(self) -> None:
        if self.alive():
            return
        password = self._passwords.changed if self.mode() == "wrong-password" else self._passwords.recorded
        folder = self._host.folder / "bmc"
        # ipmi_sim keeps users there across restarts.
        state = folder / "state"
        subprocess.run(["rm", "-rf", state], check=True)
        state.mkdir(parents=True)
        chassis = f"{sys.executable} -P -S {SOURCE}/chassis.py {self._host.folder}"
        write_private(
            folder / "lan.conf",
            render(
                "bmc-lan.conf",
                host=self._host.name,
                address=self._host.bmc_address,
                guid=self.guid.bytes_le.hex(),
                chassis=chassis,
                password=password,
            ),
        )
        write_private(folder / "sim.emu", render("bmc-sim.emu"))
        processes.spawn(
            str(self._plan.folder),
            self._unit,
            ["ipmi_sim", "-n", "-c", f"{folder}/lan.conf", "-f", f"{folder}/sim.emu", "-s", str(state)],
            pid_file=f"{folder}/pid",
            log=f"{self._plan.logs}/bmc-{self._host.name}.log",
            env={"PYTHONPATH": str(REPOSITORY)},
        )

    def alive(self) -> bool:
        return processes.alive(str(self._plan.folder), self._unit, f"{self._host.folder}/bmc/pid")

    def mode(self) -> str:
        return self._mode_file.read_text().strip() if self._mode_file.exists() else "ok"

    def set_mode(self, mode: str) -> None:
        """`ok` repairs all; any other mode starts from a sound BMC."""
        if mode not in MODES:
            raise LabError(f"BMC mode {mode!r}: must be one of {', '.join(MODES)}")
        was = self.mode()
        if mode == was and self.alive():
            return
        new = Path(f"{self._mode_file}.new")
        new.write_text(mode)
        new.rename(self._mode_file)
        # A frozen one is replaced, not thawed: it must not work off the packets that it never answered.
        if {was, mode} & RESTARTED or not self.alive():
            self._stop()
            self.start()
            self.wait_ready(self._passwords.changed if mode == "wrong-password" else self._passwords.recorded)
        if mode == "frozen":
            processes.send(processes.of_unit(str(self._plan.folder), self._unit), signal.SIGSTOP)

    def wait_ready(self, password: str = "") -> None:
        password = password or self._passwords.recorded

        def answers() -> bool:
            return self._ipmitool("mc", "info", password=password).returncode == 0

        wait(answers, 20, f"the BMC of {self._host.name}")

    def power(self, operation: str) -> str:
        """By real IPMI: `on`, `off`, `status`; returns what ipmitool said. LabError if the BMC does not do it."""
        if operation not in POWER_OPERATIONS:
            raise LabError(f"power {operation!r}: must be one of {', '.join(POWER_OPERATIONS)}")
        done = self._ipmitool("chassis", "power", operation)
        if done.returncode:
            raise LabError(f"the BMC of {self._host.name} ({self._host.bmc_address}): {done.stderr.strip()}")
        return done.stdout.strip()

    def log(self) -> list[tuple[float, str, list[str]]]:
        path = self._host.folder / "chassis.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [(at, operation, arguments) for at, operation, arguments in map(json.loads, lines)]

    def _stop(self) -> None:
        processes.stop_unit(str(self._plan.folder), self._unit, grace=0)

    def _ipmitool(self, *arguments: str, password: str = "") -> subprocess.CompletedProcess[str]:
        # Without -C 3 it loses 10 s with a cipher suite that ipmi_sim does not know.
        command = [
            "ipmitool",
            "-I",
            "lanplus",
            "-C",
            "3",
            "-N",
            "6",
            "-R",
            "2",
            "-H",
            self._host.bmc_address,
            "-U",
            USER,
            "-E",
            *arguments,
        ]
        secret = {"IPMITOOL_PASSWORD": password or self._passwords.recorded}
        return subprocess.run(command, env={**os.environ, **secret}, capture_output=True, text=True, check=False)
