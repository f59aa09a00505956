# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Choose what a host boots from next, and read it back: each exchange in a process that is killed at the deadline.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import dataclasses
import json
import time
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.boot_ipmi import NONE, BootDevice, BootIpmi
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import ControlError, NoAnswer
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_gang import Gang
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

PROTOCOL = "ipmi"
SHORTEST_TIMEOUT = 0.1

CONFIRMED = "CONFIRMED"
ACCEPTED = "ACCEPTED"
NOT_SENT = "NOT_SENT"


class CannotChoose(AosError):
    """The control was not told what the host is to boot from, or does not keep it."""


def device_for_boot(host: str, found: t.Sequence[Device | Gang]) -> Device:
    """Return the host's control that can choose: the default one, or the only one of the protocol."""
    able = [device for device in found if isinstance(device, Device) and device.control.protocol == PROTOCOL]
    chosen = [device for device in able if device.control.default] or able
    if len(chosen) != 1:
        titles = ", ".join(device.control.title for device in found)
        raise AosError(
            f"host {host} has {len(chosen) or 'no'} power control(s) that can choose what it boots from, among "
            f"{titles}; that needs protocol {PROTOCOL}, with default: true where there are several"
        )
    return chosen[0]


class Choosing:
    """One request for one host: look, plan, apply, read back. A foreign device is neither believed nor told."""

    def __init__(self, device: Device, wanted: BootDevice, timeout: float, driver: BootIpmi | None = None) -> None:
        if not SHORTEST_TIMEOUT <= timeout < float("inf"):
            raise AosError(f"timeout is {timeout:g}, it must be at least {SHORTEST_TIMEOUT:g} seconds; correct it")
        if wanted.device == NONE and (wanted.persistent or wanted.uefi):
            raise AosError(f"device {NONE} is no choice that could be persistent or for UEFI; remove persistent, uefi")
        self._device = device
        self._control = device.control
        self._wanted = wanted
        self._driver = driver or BootIpmi()
        self._deadline = time.monotonic() + timeout
        self.before = BootDevice()

    @property
    def needed(self) -> bool:
        """Whether something has to be sent, given the choice before."""
        return self.before != self._wanted

    def look(self) -> None:
        """Read the present choice; raise CannotChoose."""
        self.before = self._read()

    def apply(self) -> dict[str, t.Any]:
        """Send what is needed, read it back; return `boot` or raise CannotChoose."""
        if not self.needed:
            return self.facts(self.before, CONFIRMED)
        self._exchange(lambda: self._driver.write_boot(self._control, self._wanted))
        seen = self._read()
        if seen == self._wanted:
            return self.facts(seen, CONFIRMED)
        if seen != self.before:
            raise CannotChoose(
                f"{self._control} accepted {_words(self._wanted)} and shows {_words(seen)}; choose what it can do, "
                "or set it in the firmware's setup",
                boot=self.facts(seen, ACCEPTED),
            )
        return self.facts(seen, ACCEPTED)

    def facts(self, seen: BootDevice, result: str) -> dict[str, t.Any]:
        """Return what the module returns. seen: the last reading."""
        said = {
            CONFIRMED: "shows what was asked for",
            ACCEPTED: f"accepted {_words(self._wanted)} and still shows {_words(seen)}; watch what the host boots",
            NOT_SENT: f"shows {_words(seen)}; check mode sends nothing",
        }[result]
        return {
            "host": self._control.host,
            "control": self._control.title,
            **dataclasses.asdict(seen),
            "result": result,
            "message": f"{self._control} {said}",
        }

    def _read(self) -> BootDevice:
        said = self._exchange(lambda: json.dumps(dataclasses.asdict(self._driver.read_boot(self._control))))
        return BootDevice(**json.loads(said or "{}"))

    def _exchange(self, call: t.Callable[[], str | None]) -> str | None:
        left = self._deadline - time.monotonic()
        try:
            if left <= 0:
                raise NoAnswer
            return self._device.start(call, left).result()
        except ControlError as error:
            raise CannotChoose(f"{self._control} {error}") from error


def _words(device: BootDevice) -> str:
    words = [device.device, "at every boot" if device.persistent else "once", "by UEFI" if device.uefi else ""]
    return device.device if device.device == NONE else " ".join(word for word in words if word)
