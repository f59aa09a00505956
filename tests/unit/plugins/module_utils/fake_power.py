# SPDX-License-Identifier: GPL-3.0-or-later
"""A protocol without hardware. It keeps its state in a folder, because each exchange is a process of its own."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import Control, ControlError, Driver
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

PASSWORD = "correct-horse"
WRONG_PASSWORD = "battery-staple"


class FakeDriver(Driver):
    """address: the folder with the files `power` (on, off), `fault` and `commands` (one a line)."""

    default_port = 1

    def check(self, control: Control) -> None:
        if not control.password:
            raise AosError(f"{control} has no password; set it")

    def read(self, control: Control, seconds: float) -> str:
        self._login(control)
        return Path(control.address, "power").read_text()

    def send(self, control: Control, action: str, seconds: float) -> None:
        self._login(control)
        with Path(control.address, "commands").open("a") as commands:
            commands.write(f"{action}\n")
        if Path(control.address, "fault").read_text() != "stuck":
            Path(control.address, "power").write_text("off" if action in ("off", "soft_off") else "on")

    def _login(self, control: Control) -> None:
        while Path(control.address, "fault").read_text() == "silent":
            time.sleep(0.02)
        if control.password != PASSWORD:
            raise ControlError("refuses the login", "correct the password", final=True)


class FakeBench:
    """A host whose power is a file."""

    def __init__(self, folder: Path, host: str = "c1") -> None:
        self.folder = folder
        self.host = host
        (folder / "commands").touch()
        self.host_is("on")
        self.fault("none")
        self.device = Device(self._control(PASSWORD), FakeDriver())
        self.imposter = Device(self._control(WRONG_PASSWORD), FakeDriver())

    def host_is(self, state: str) -> None:
        (self.folder / "power").write_text(state)

    def fault(self, name: str) -> None:
        (self.folder / "fault").write_text(name)

    def commands(self) -> list[str]:
        return (self.folder / "commands").read_text().split()

    def item(self, **fields: t.Any) -> dict[str, t.Any]:
        """Return the item of `power_controls` that leads to this host."""
        return {"title": "bmc", "protocol": "fake", "address": str(self.folder), "password": PASSWORD, **fields}

    def _control(self, password: str) -> Control:
        return Control(self.host, "bmc", "fake", str(self.folder), 1, password=password)
