# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several outlets that together feed one host: it has as many power supplies, and runs on any of them.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import PARTLY, UNKNOWN, ControlError
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device, Exchange


class Together:
    """The same exchange with every outlet, side by side.

    ended_at: after result(), when the last one ended, in seconds since the epoch.
    """

    def __init__(self, exchanges: dict[str, Exchange], joined: t.Callable[[dict[str, str | None]], str | None]) -> None:
        self.ended_at = 0.0
        self._exchanges = exchanges
        self._joined = joined

    def result(self) -> str | None:
        """Wait for all; return what they say together. One that fails is an error that tells of every outlet."""
        said: dict[str, str | None] = {}
        errors: dict[str, ControlError] = {}
        for name, exchange in self._exchanges.items():
            try:
                said[name] = exchange.result()
            except ControlError as error:
                errors[name] = error
            self.ended_at = max(self.ended_at, exchange.ended_at)
        together = self._joined(said)
        if errors:
            raise _joint_error(errors, said)
        return together


class Gang:
    """The outlets of one title as one control: ON and OFF are what all of them show, in one and the same round.

    A command goes to all of them, and failed if one of them failed. shown: what the last reading showed of each, also
    where that of another outlet failed. Relay boards alone have outlets, and those tell no identity.
    """

    tells_identity = False

    def __init__(self, members: list[Device]) -> None:
        controls = [member.control for member in members]
        default = any(control.default for control in controls)
        self.control = dataclasses.replace(controls[0], outlet=None, default=default)
        self.cuts_supply = all(member.cuts_supply for member in members)
        self.shown: dict[str, str] = {}
        one_device = len({(control.address, control.port) for control in controls}) == 1
        self._members = {
            member.place + ("" if one_device else f" of {member.control.address}:{member.control.port}"): member
            for member in members
        }

    def start_reading(self, seconds: float) -> Together:
        self.shown = dict.fromkeys(self._members, UNKNOWN)
        return Together(self._each(lambda member: member.start_reading(seconds)), self._joint_state)

    def start_sending(self, action: str, seconds: float) -> Together:
        return Together(self._each(lambda member: member.start_sending(action, seconds)), lambda _said: None)

    def read(self, seconds: float) -> str:
        """Return ON, OFF or PARTLY; raise a ControlError, at the latest after `seconds`."""
        return t.cast(str, self.start_reading(seconds).result())

    def send(self, action: str, seconds: float) -> None:
        """Send a command to every outlet; raise a ControlError, at the latest after `seconds`."""
        self.start_sending(action, seconds).result()

    def _each(self, start: t.Callable[[Device], Exchange]) -> dict[str, Exchange]:
        return {name: start(member) for name, member in self._members.items()}

    def _joint_state(self, said: dict[str, str | None]) -> str:
        self.shown |= {name: str(state) for name, state in said.items()}
        states = set(self.shown.values())
        return states.pop() if len(states) == 1 else PARTLY


def _joint_error(errors: dict[str, ControlError], said: dict[str, str | None]) -> ControlError:
    parts = [f"{name} {error.reason}" for name, error in errors.items()]
    parts += [f"{name} {'accepted the command' if told is None else f'tells {told}'}" for name, told in said.items()]
    return ControlError(
        f"failed at {len(errors)} of {len(errors) + len(said)} outlets: {', '.join(parts)}",
        "; ".join(dict.fromkeys(error.remedy for error in errors.values())),
        final=any(error.final for error in errors.values()),
        foreign=any(error.foreign for error in errors.values()),
        silent=all(error.silent for error in errors.values()),
        refused=all(error.refused for error in errors.values()),
    )
