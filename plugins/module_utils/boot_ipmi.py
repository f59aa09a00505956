# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The device of the next boot over IPMI 2.0 (sections 28.12 to 28.14: System Boot Options), by pyghmi.

Sent raw: pyghmi's own set_bootdev() returns {'error': ...} for a device that it does not know, as if all were well.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import Control, ControlError, NoAnswer
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_ipmi import RETRANSMIT_SECONDS, Ipmi

SET_SYSTEM_BOOT_OPTIONS = 0x08
GET_SYSTEM_BOOT_OPTIONS = 0x09
FLAG_VALID_BIT_CLEARING = 3
BOOT_FLAGS = 5
# Keep the flags although no chassis command follows within a minute.
NO_EXPIRY = 0x08

VALID = 0x80
PERSISTENT = 0x40
UEFI = 0x20

NONE = "none"
# Boot flags, data 2, bits 5 to 2.
DEVICES = {NONE: 0x00, "net": 0x04, "disk": 0x08, "cdrom": 0x14, "setup": 0x18, "floppy": 0x3C}
_NAMES = {code: name for name, code in DEVICES.items()}


@dataclass(frozen=True, slots=True)
class BootDevice:
    """What a controller makes the host boot from. device: a key of DEVICES, or the code of another as text."""

    device: str = NONE
    persistent: bool = False
    uefi: bool = False


class BootIpmi(Ipmi):
    """A controller that can tell its host what to boot from."""

    def read_boot(self, control: Control) -> BootDevice:
        """Return the present choice; raise a ControlError."""
        data = self._chassis(control, GET_SYSTEM_BOOT_OPTIONS, (BOOT_FLAGS, 0, 0), RETRANSMIT_SECONDS)
        if len(data) < 4 or data[1] & 0x7F != BOOT_FLAGS:
            raise ControlError("sent boot flags without content", "update or restart the controller")
        code = data[3] & 0x3C
        if data[1] & 0x80 or not data[2] & VALID or code == DEVICES[NONE]:
            return BootDevice()
        return BootDevice(_NAMES.get(code, f"{code:#04x}"), bool(data[2] & PERSISTENT), bool(data[2] & UEFI))

    def write_boot(self, control: Control, wanted: BootDevice) -> None:
        """Return when the controller accepted the choice; raise a ControlError."""
        flags = 0
        if wanted.device != NONE:
            flags = VALID | (PERSISTENT if wanted.persistent else 0) | (UEFI if wanted.uefi else 0)
            self._keep_flags(control)
        self._set(control, BOOT_FLAGS, flags, DEVICES[wanted.device], 0, 0, 0)

    def _keep_flags(self, control: Control) -> None:
        try:
            self._set(control, FLAG_VALID_BIT_CLEARING, NO_EXPIRY)
        except NoAnswer:
            raise
        except ControlError as error:
            # Not every controller has this parameter; the flags then live for a minute.
            if error.final:
                raise

    def _set(self, control: Control, *data: int) -> None:
        self._chassis(control, SET_SYSTEM_BOOT_OPTIONS, data, RETRANSMIT_SECONDS)
