# SPDX-License-Identifier: GPL-3.0-or-later
"""Real controllers for the tests: one ipmi_sim each, with a host that is a file, and faults at will."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
import typing as t
import uuid
from pathlib import Path

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_controls import devices
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import ControlError
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device

CHASSIS = Path(__file__).with_name("chassis.sh")
USERNAME = "admin"

LAN = """\
name "{host}"
set_working_mc 0x20
  startlan 1
    addr {address} {port}
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid {guid}
  endlan
  chassis_control "{chassis} {folder}"
  user 1 true "" "" user 10 none md2 md5 straight
  user 2 true "{username}" "{password}" admin 10 none md2 md5 straight
"""
MACHINE = """\
mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
sel_enable 0x20 1000 0x0a
mc_enable 0x20
"""


def free_port(address: str) -> int:
    """Return a UDP port that nobody uses at this address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def dumped(data: bytes) -> str:
    return " ".join(f"{byte:#04x}" for byte in data)


class Bmc:
    """A running ipmi_sim. It is ended by close(), whatever state its fault left it in.

    guid: what it tells of itself. fru: its inventory, beside a GUID of zeros, which is none.
    """

    def __init__(self, folder: Path, host: str, number: int = 1, fru: bytes = b"", chassis: Path = CHASSIS) -> None:
        self.host = host
        self.address = f"127.0.40.{number}"
        self.port = free_port(self.address)
        self.password = secrets.token_hex(8)
        self.wrong_password = secrets.token_hex(8)
        self.guid = uuid.uuid4()
        self.folder = folder
        (folder / "state").mkdir()
        self.host_is("off")
        (folder / "commands").touch()
        (folder / "machine.emu").write_text(
            MACHINE + (f"mc_add_fru_data 0x20 0 {len(fru)} data {dumped(fru)}\n" if fru else "")
        )
        guid = uuid.UUID(int=0) if fru else self.guid
        lan = LAN.format(chassis=chassis, username=USERNAME, **{**vars(self), "guid": guid.bytes_le.hex()})
        (folder / "lan.conf").write_text(lan)
        command = ["ipmi_sim", "-n", "-c", "lan.conf", "-f", "machine.emu", "-s", "state"]
        with (folder / "log").open("w") as log:
            self._process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.device = self.device_with(self.password)
        self.imposter = self.device_with(self.wrong_password)
        self._wait_until_it_answers()

    def close(self) -> None:
        """End the simulator; SIGKILL also ends a stopped one."""
        self._process.kill()
        self._process.wait()

    def host_is(self, state: str) -> None:
        (self.folder / "power").write_text("1\n" if state == "on" else "0\n")

    @property
    def host_state(self) -> str:
        return "on" if (self.folder / "power").read_text().strip() == "1" else "off"

    def fault(self, name: str) -> None:
        """Set `stuck`, `silent` or `deaf`; `none` ends them all."""
        if name == "silent":
            self._process.send_signal(signal.SIGSTOP)
        elif name == "none":
            self._process.send_signal(signal.SIGCONT)
            for fault in ("stuck", "deaf", "delay", "answers"):
                (self.folder / fault).unlink(missing_ok=True)
        else:
            (self.folder / name).touch()

    def slow(self, seconds: float) -> None:
        (self.folder / "delay").write_text(str(seconds))

    def answers(self, *states: str) -> None:
        """Let the next readings show these states."""
        (self.folder / "answers").write_text("".join("1\n" if state == "on" else "0\n" for state in states))

    def commands(self, operation: str = "set") -> list[str]:
        """Return what was asked of the host: `power 0`, `power 1`, `reset 1`, `shutdown 1`; or the readings (`get`)."""
        lines = [line.split(maxsplit=2) for line in (self.folder / "commands").read_text().splitlines()]
        return [arguments for _when, asked, arguments in lines if asked == operation]

    def forget_commands(self) -> None:
        (self.folder / "commands").write_text("")

    def item(self, **fields: t.Any) -> dict[str, t.Any]:
        """Return the item of `power_controls` for this controller."""
        control = {"title": "bmc", "protocol": "ipmi", "address": self.address, "port": self.port}
        return control | {"username": USERNAME, "password": self.password} | fields

    def device_with(self, password: str, **fields: t.Any) -> Device:
        complete = {"outlet": None, "default": False, "options": {}} | self.item(password=password) | fields
        return devices(self.host, [complete])[0]

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                self.device.read(1.0)
                return
            except ControlError as error:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    self.close()
                    said = (self.folder / "log").read_text()
                    raise RuntimeError(
                        f"ipmi_sim does not serve {self.address}:{self.port}: {error}; {said}"
                    ) from error


class Relay:
    """A network path to a controller that goes dead after `packets` answers. Runs as a child process."""

    def __init__(self, bmc: Bmc, packets: int, number: int = 9) -> None:
        self.address = f"127.0.40.{number}"
        self._inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._inside.bind((self.address, 0))
        self.port = int(self._inside.getsockname()[1])
        self._pid = os.fork()
        if self._pid == 0:
            try:
                self._serve((bmc.address, bmc.port), packets)
            finally:
                os._exit(0)

    def close(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._inside.close()

    def _serve(self, target: tuple[str, int], packets: int) -> None:
        outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        outside.settimeout(2)
        for _served in range(packets):
            request, client = self._inside.recvfrom(4096)
            outside.sendto(request, target)
            self._inside.sendto(outside.recv(4096), client)
        signal.pause()
