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
    """address: the folder with the files `power` (on, off), `fault`, `identity` and `commands` (one a line).

    An outlet has its own `power-1`, `fault-1`, `commands-1`.
    """

    default_port = 1

    def check(self, control: Control) -> None:
        if not control.password:
            raise AosError(f"{control} has no password; set it")

    def read(self, control: Control, seconds: float) -> str:
        self._login(control)
        return of(control, "power").read_text()

    def send(self, control: Control, action: str, seconds: float) -> None:
        self._login(control)
        with of(control, "commands").open("a") as commands:
            commands.write(f"{action}\n")
        if of(control, "fault").read_text() != "stuck":
            of(control, "power").write_text("off" if action in ("off", "soft_off") else "on")

    def identity(self, control: Control, seconds: float) -> str:
        self._login(control)
        return Path(control.address, "identity").read_text()

    def _login(self, control: Control) -> None:
        while of(control, "fault").read_text() == "silent":
            time.sleep(0.02)
        if control.password != PASSWORD:
            raise ControlError("refuses the login", "correct the password", final=True)


def of(control: Control, name: str) -> Path:
    return Path(control.address, name if control.outlet is None else f"{name}-{control.outlet}")


class FakeBench:
    """A host whose power is a file. outlets: its supplies, each on an outlet; 0 for a control of its own."""

    def __init__(self, folder: Path, host: str = "c1", outlets: int = 0) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.host = host
        self._suffixes = [f"-{outlet}" for outlet in range(1, outlets + 1)] or [""]
        for suffix in self._suffixes:
            (folder / f"commands{suffix}").touch()
        self.host_is("on")
        self.fault("none")
        self.tells("")
        self.device = Device(self._control(PASSWORD), FakeDriver())
        self.imposter = Device(self._control(WRONG_PASSWORD), FakeDriver())
        self.outlets = [Device(self._control(PASSWORD, outlet), FakeDriver()) for outlet in range(1, outlets + 1)]

    def host_is(self, state: str) -> None:
        for suffix in self._suffixes:
            (self.folder / f"power{suffix}").write_text(state)

    def fault(self, name: str, outlet: int | None = None) -> None:
        for suffix in self._suffixes if outlet is None else [f"-{outlet}"]:
            (self.folder / f"fault{suffix}").write_text(name)

    def tells(self, identity: str) -> None:
        (self.folder / "identity").write_text(identity)

    def commands(self) -> list[str]:
        return [word for suffix in self._suffixes for word in (self.folder / f"commands{suffix}").read_text().split()]

    def item(self, **fields: t.Any) -> dict[str, t.Any]:
        """Return the item of `power_controls` that leads to this host."""
        return {"title": "bmc", "protocol": "fake", "address": str(self.folder), "password": PASSWORD, **fields}

    def items(self, **fields: t.Any) -> list[dict[str, t.Any]]:
        """Return one item for each outlet."""
        return [self.item(outlet=device.control.outlet, **fields) for device in self.outlets]

    def _control(self, password: str, outlet: int | None = None) -> Control:
        return Control(self.host, "bmc", "fake", str(self.folder), 1, password=password, outlet=outlet)
