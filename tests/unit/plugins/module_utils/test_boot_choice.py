# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is told what to boot from: only the device that was recorded. Real controllers are in tests/integration/pxe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.boot_choice import CannotChoose, Choosing
from ansible_collections.aos.cloud_manager.plugins.module_utils.boot_ipmi import BootDevice, BootIpmi
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import Control
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.fake_power import PASSWORD

CONTROL = Control("c1", "bmc", "ipmi", "192.0.2.11", 623, password=PASSWORD)
NET = BootDevice("net")


class Controller(BootIpmi):
    """Keeps the choice in a file, because each exchange is a process of its own; `asked` has what it was asked."""

    def __init__(self, folder: Path, tells: str = "SN-1") -> None:
        self._folder = folder
        self._tells = tells
        self._note("")

    @property
    def asked(self) -> list[str]:
        return (self._folder / "asked").read_text().split()

    def identity(self, control: Control, seconds: float) -> str:
        self._note("identity ")
        return self._tells

    def read_boot(self, control: Control) -> BootDevice:
        self._note("read ")
        return NET if "write" in self.asked else BootDevice()

    def write_boot(self, control: Control, wanted: BootDevice) -> None:
        self._note("write ")

    def _note(self, word: str) -> None:
        with (self._folder / "asked").open("a") as asked:
            asked.write(word)


def choosing(controller: Controller, identity: str) -> Choosing:
    device = Device(replace(CONTROL, identity=identity), controller)
    return Choosing(device, NET, 5, controller)


@pytest.mark.parametrize(
    ("told", "said"), [("SN-2", "tells identity SN-2, recorded is SN-1"), ("", "tells no identity, recorded is SN-1")]
)
def test_a_foreign_device_is_neither_believed_nor_told(tmp_path: Path, told: str, said: str) -> None:
    controller = Controller(tmp_path, told)
    request = choosing(controller, "SN-1")
    for act in (request.look, request.apply):
        with pytest.raises(CannotChoose, match=f"host c1: power control bmc .*{said}; nothing was sent"):
            act()
    assert controller.asked == ["identity", "identity"]


def test_the_recorded_device_is_asked_once_who_it_is_and_told(tmp_path: Path) -> None:
    controller = Controller(tmp_path)
    request = choosing(controller, " sn-1")
    request.look()
    assert request.apply()["result"] == "CONFIRMED"
    assert controller.asked == ["identity", "read", "write", "read"]


def test_where_nothing_is_recorded_nobody_is_asked(tmp_path: Path) -> None:
    controller = Controller(tmp_path, "SN-2")
    request = choosing(controller, "")
    request.look()
    assert request.apply()["result"] == "CONFIRMED"
    assert controller.asked == ["read", "write", "read"]


class Leaking(Controller):
    def read_boot(self, control: Control) -> BootDevice:
        raise ValueError(f"cannot log in with {control.password}")


def test_a_password_in_a_librarys_message_is_withheld(tmp_path: Path) -> None:
    with pytest.raises(CannotChoose, match="withheld") as caught:
        choosing(Leaking(tmp_path), "").look()
    assert PASSWORD not in str(caught.value)
