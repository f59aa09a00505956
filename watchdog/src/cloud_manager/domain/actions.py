# SPDX-License-Identifier: GPL-3.0-or-later
"""What a decision asks for: playbooks, each with an idempotency key, and the variables that they take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cloud_manager.domain.facts import JobKind


@dataclass(frozen=True, slots=True)
class Recover:
    """Switch off and confirm, force down and disable, evacuate.

    disable_service is False where an operator had disabled the host before: his reason must survive.
    override: "who: why", replaces the power-off proof.
    """

    kind: ClassVar[JobKind] = JobKind.RECOVER
    key: str
    host: str
    incident: int
    disable_service: bool = True
    override: str = ""

    def to_vars(self) -> dict[str, object]:
        return {
            "host": self.host,
            "incident": str(self.incident),
            "disable_service": self.disable_service,
            "override": self.override,
        }


@dataclass(frozen=True, slots=True)
class Return:
    """Clear our forced_down and enable what we disabled.

    clear_forced_down: our record says that the forced_down is ours although no marked reason shows it.
    """

    kind: ClassVar[JobKind] = JobKind.RETURN
    key: str
    host: str
    incident: int
    clear_forced_down: bool = False

    def to_vars(self) -> dict[str, object]:
        return {"host": self.host, "clear_forced_down": self.clear_forced_down}


@dataclass(frozen=True, slots=True)
class ReadPower:
    """Ask the power control of a suspect, changing nothing."""

    kind: ClassVar[JobKind] = JobKind.READ_POWER
    key: str
    host: str
    incident: int

    def to_vars(self) -> dict[str, object]:
        return {"host": self.host, "power_state": "status"}


@dataclass(frozen=True, slots=True)
class SwitchPower:
    """What an operator asks for at the console; no decision does. state: on, off or soft_off. timeout: s."""

    kind: ClassVar[JobKind] = JobKind.READ_POWER
    key: str
    host: str
    state: str
    timeout: float

    def to_vars(self) -> dict[str, object]:
        return {"host": self.host, "power_state": self.state, "power_timeout": self.timeout}


@dataclass(frozen=True, slots=True)
class CheckPower:
    """What the schedule asks for; no decision does. It is about every host of the job's inventory."""

    kind: ClassVar[JobKind] = JobKind.CHECK_POWER
    host: ClassVar[str] = ""
    key: str

    def to_vars(self) -> dict[str, object]:
        return {}


Action = Recover | Return | ReadPower
