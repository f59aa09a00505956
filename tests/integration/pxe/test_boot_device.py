# SPDX-License-Identifier: GPL-3.0-or-later
"""The device of the next boot, against pyghmi's controller, which keeps every flag; ipmi_sim is in test_boot.py."""

from __future__ import annotations

import subprocess
import sys
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from ansible_collections.aos.cloud_manager.plugins.modules import boot_device
from tests.integration.power.bmc import free_port
from tests.integration.power.pyghmi_bmc import PROGRAM

HOST = "compute-01.example.org"
NOTHING = "0000000000"


class Controller:
    """A running pyghmi controller."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = "127.0.40.30"
        self.port = free_port(self.address)
        (folder / "password").write_text("right password")
        self.flags = NOTHING
        command = [sys.executable, PROGRAM, folder / "password", folder / "flags", self.address, str(self.port)]
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    @property
    def flags(self) -> str:
        return (self.folder / "flags").read_text()

    @flags.setter
    def flags(self, digits: str) -> None:
        (self.folder / "flags").write_text(digits)

    def choose(self, device: str, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        self.warnings: list[str] = []
        password = options.pop("password", "right password")
        control = {"title": "bmc", "protocol": "ipmi", "address": self.address, "port": self.port, "outlet": None}
        control |= {"username": "admin", "password": password, "default": False, "options": {}}
        params = {
            "name": HOST,
            "controls": [control],
            "device": device,
            "persistent": False,
            "uefi": False,
            "timeout": 10,
        }
        return boot_device.run(params | options, check_mode, self.warnings.append)


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[Controller]:
    controller = Controller(tmp_path)
    try:
        yield controller
    finally:
        controller.process.kill()
        controller.process.wait()


@pytest.mark.parametrize(
    ("device", "options", "flags"),
    [
        ("net", {}, "8004000000"),
        ("net", {"persistent": True}, "c004000000"),
        ("net", {"uefi": True}, "a004000000"),
        ("disk", {"persistent": True, "uefi": True}, "e008000000"),
        ("cdrom", {}, "8014000000"),
        ("setup", {}, "8018000000"),
        ("floppy", {}, "803c000000"),
    ],
)
def test_every_choice_is_kept_shown_and_set_once(
    controller: Controller, device: str, options: dict[str, bool], flags: str
) -> None:
    first = controller.choose(device, **options)
    assert controller.flags == flags
    assert (first["changed"], first["boot"]["result"]) == (True, "CONFIRMED")
    assert {"device": device, "persistent": False, "uefi": False} | options == first["diff"]["after"]
    second = controller.choose(device, **options)
    assert (second["changed"], second["boot"]["result"]) == (False, "CONFIRMED")


def test_none_takes_it_back(controller: Controller) -> None:
    controller.flags = "c004000000"
    assert controller.choose("none")["boot"]["device"] == "none"
    assert controller.flags == NOTHING


def test_check_mode_sends_nothing(controller: Controller) -> None:
    outcome = controller.choose("net", check_mode=True)
    assert (outcome["changed"], outcome["boot"]["result"], controller.flags) == (True, "NOT_SENT", NOTHING)


def test_a_controller_without_the_other_parameter_is_told_the_flags(controller: Controller) -> None:
    (controller.folder / "simple").touch()
    assert controller.choose("net")["boot"]["result"] == "CONFIRMED"


def test_a_choice_that_is_accepted_and_not_kept_is_a_warning_and_no_confirmation(controller: Controller) -> None:
    (controller.folder / "forgetful").touch()
    outcome = controller.choose("net")
    assert (outcome["changed"], outcome["boot"]["result"]) == (True, "ACCEPTED")
    assert "still shows none" in controller.warnings[0]


def test_a_choice_that_becomes_another_one_is_a_failure(
    controller: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(boot_device.DEVICES, "net", 0x08)
    with pytest.raises(AosError, match="accepted net once and shows disk once"):
        controller.choose("net")


def test_a_wrong_password_is_named_at_once_and_nothing_is_set(controller: Controller) -> None:
    started = time.monotonic()
    with pytest.raises(AosError, match="refuses the login") as caught:
        controller.choose("net", password="wrong password")
    assert time.monotonic() - started < 3
    assert "wrong password" not in str(caught.value)
    assert controller.flags == NOTHING


def test_a_silent_controller_is_an_error_in_time(controller: Controller) -> None:
    controller.process.kill()
    started = time.monotonic()
    with pytest.raises(AosError, match=r"no answer|does not answer"):
        controller.choose("net", timeout=1)
    assert time.monotonic() - started < 2.5
