# SPDX-License-Identifier: GPL-3.0-or-later
"""IPMI against pyghmi's controller, which wants a key (Kg) beside the password."""

from __future__ import annotations

import signal
import subprocess
import sys
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_controls import devices
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import ControlError
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.power_contract import (
    SECONDS,
    PowerControlContract,
    eventually,
)
from tests.integration.power.bmc import free_port
from tests.integration.power.conftest import HOST
from tests.integration.power.pyghmi_bmc import PROGRAM

PASSWORD, KEY = "right-password", "the-controllers-key!"


class KeyedBmc:
    """A running controller with a key, whose host is a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = "127.0.40.31"
        self.port = free_port(self.address)
        for name, text in {"password": PASSWORD, "flags": "0000000000", "kg": KEY, "power": "off"}.items():
            (folder / name).write_text(text)
        command = [sys.executable, PROGRAM, folder / "password", folder / "flags", self.address, str(self.port)]
        with (folder / "log").open("w") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.device = self.device_with(f"{PASSWORD}/{KEY}")
        self.imposter = self.device_with(f"wrong-password/{KEY}")
        assert eventually(self.device, "off"), (folder / "log").read_text()

    def device_with(self, password: str, **options: t.Any) -> Device:
        control = {"title": "bmc", "protocol": "ipmi", "address": self.address, "port": self.port, "outlet": None}
        control |= {"username": "admin", "password": password, "default": False}
        return t.cast(Device, devices(HOST, [control | {"options": options or {"password_separator": "/"}}])[0])

    def host_is(self, state: str) -> None:
        (self.folder / "power").write_text(state)

    def fault(self, name: str) -> None:
        if name == "silent":
            self._process.send_signal(signal.SIGSTOP)
        elif name == "stuck":
            (self.folder / "stuck").touch()
        else:
            self._process.send_signal(signal.SIGCONT)
            (self.folder / "stuck").unlink(missing_ok=True)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyedBmc]:
    controller = KeyedBmc(tmp_path_factory.mktemp("keyed"))
    yield controller
    controller.close()


@pytest.fixture
def bench(controller: KeyedBmc) -> Iterator[KeyedBmc]:
    yield controller
    controller.fault("none")


class TestIpmiWithKey(PowerControlContract):
    """The fixture `bench` is the one above."""


@pytest.mark.parametrize("password", [f"{PASSWORD}/another-key", f"{PASSWORD}/{KEY[:-1]}"])
def test_a_wrong_key_is_refused_at_once(bench: KeyedBmc, password: str) -> None:
    with pytest.raises(ControlError, match=r"refuses the login .*Kg key") as caught:
        bench.device_with(password).read(SECONDS)
    assert caught.value.final
    assert not any(part in str(caught.value) for part in password.split("/"))


def test_a_missing_key_is_refused(bench: KeyedBmc) -> None:
    with pytest.raises(ControlError, match="refuses the login"):
        bench.device_with(PASSWORD, password_separator=None).read(SECONDS)
