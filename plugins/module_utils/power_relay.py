# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What relay boards have in common: a host's supply runs through one of eight contacts, and nothing asks the host.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import abc
import os
import typing as t

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import (
    OFF,
    ON,
    Control,
    ControlError,
    Driver,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

OUTLETS = 8
REMEDIES = {
    "soft_off": "shut the host down from its operating system or by another power control, or send off",
    "reset": "send off and, when off is confirmed, on",
    "cycle": "send off and, when off is confirmed, on",
}


class Relay(Driver):
    """A board that switches supplies. option_names: the options of the protocol beside `inverted`."""

    cuts_supply = True
    option_names: t.ClassVar[tuple[str, ...]] = ()

    @abc.abstractmethod
    def energised(self, control: Control, seconds: float) -> bool:
        """Return whether the outlet's relay is energised, as the board shows it; raise a ControlError."""

    @abc.abstractmethod
    def energise(self, control: Control, value: bool, seconds: float) -> None:
        """Return when the board accepted the new state of the outlet's relay; raise a ControlError."""

    def check(self, control: Control) -> None:
        if control.outlet is None:
            raise AosError(f"{control} has no outlet; give the number of the host's relay, 1..{OUTLETS}")
        if not 1 <= control.outlet <= OUTLETS:
            raise AosError(f"{control}: outlet {control.outlet} is not within 1..{OUTLETS}; correct it")
        known = (*self.option_names, "inverted")
        unknown = ", ".join(sorted(str(name) for name in control.options if name not in known))
        if unknown:
            raise AosError(
                f"{control}: protocol {control.protocol} has the options {', '.join(known)}; remove: {unknown}"
            )
        inverted(control)

    def read(self, control: Control, seconds: float) -> str:
        return ON if self.energised(control, seconds) != inverted(control) else OFF

    def send(self, control: Control, action: str, seconds: float) -> None:
        if action not in (ON, OFF):
            raise ControlError(f"cannot {action}, it is a relay board", REMEDIES[action], final=True)
        self.energise(control, (action == ON) != inverted(control), seconds)


def inverted(control: Control) -> bool:
    """Return whether the host is on while its relay is not energised; raise an AosError."""
    value = control.options.get("inverted", False)
    try:
        return bool(boolean(value))
    except TypeError as error:
        raise AosError(f"{control}: option inverted is {value!r}; make it true or false") from error


def choice(control: Control, name: str, choices: t.Iterable[str], default: str) -> str:
    """Return the value of an option as text; raise an AosError."""
    value = str(control.options.get(name, default))
    if value not in choices:
        raise AosError(f"{control}: option {name} is {value!r}; make it one of {', '.join(choices)}")
    return value


def refuse_credential(control: Control, kind: str, reason: str) -> None:
    """Raise an AosError where a `username` or `password` was given that the board has no use for.

    What the environment offers to every control may be meant for another one.
    """
    value = getattr(control, kind)
    if value and value != os.environ.get(f"AOS_BMC_{kind.upper()}"):
        raise AosError(f"{control}: {reason}; remove its {kind}")
