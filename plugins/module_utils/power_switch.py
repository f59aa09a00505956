# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switch a host by one control and prove it: what is sent, what counts as a proof, and when it is given up.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import (
    OFF,
    ON,
    PARTLY,
    SPARE_SECONDS,
    UNKNOWN,
    Control,
    ControlError,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

# A command is repeated at most this often while readings contradict it: a controller may take seconds to obey.
RESEND_SECONDS = 5.0
# A device that refuses an off, since the host is off already, cancels no pending `on`: so long the host must stay off.
STEADY_SECONDS = 5.0
# One exchange of many, so that a packet lost in the middle of a login does not cost the whole deadline.
EXCHANGE_SECONDS = 10.0
# The part of the timeout that the reading before an off may take.
LOOK_SHARE = 1 / 3

SEEN = (ON, OFF, PARTLY)


@dataclass(frozen=True, slots=True)
class Goal:
    """What a requested state means.

    action: what is sent.
    proof: the reading that proves it, None where nothing can (a cycled host reads on before and after).
    reached, missed: the result with the proof, and the one where readings contradict it.
    always: the command is sent although the host already reads as wanted; off is, because an `on` may be pending.
    repeat: the command may be sent again.
    then: the goal that follows once the proof was read; also a soft off may have an `on` behind it.
    """

    action: str

    proof: str | None
    reached: str
    missed: str | None
    always: bool
    repeat: bool
    then: Goal | None = None


HARD_OFF = Goal("off", OFF, "OFF_CONFIRMED", "STILL_ON", always=True, repeat=True)
GOALS = {
    "on": Goal("on", ON, "ON_CONFIRMED", "STILL_OFF", always=False, repeat=True),
    "off": HARD_OFF,
    "soft_off": Goal("soft_off", OFF, "OFF_CONFIRMED", "STILL_ON", always=False, repeat=False, then=HARD_OFF),
    "reset": Goal("reset", None, "ACCEPTED", None, always=True, repeat=False),
    "cycle": Goal("cycle", None, "ACCEPTED", None, always=True, repeat=False),
}


class Reachable(t.Protocol):
    """A control that answers within the seconds it is given, or raises a ControlError.

    shown: by name of the outlet what the last reading showed; empty where the control is one outlet.
    cuts_supply: it switches a supply and does not see the host.
    """

    @property
    def control(self) -> Control: ...

    @property
    def shown(self) -> t.Mapping[str, str]: ...

    @property
    def cuts_supply(self) -> bool: ...

    def read(self, seconds: float) -> str: ...

    def send(self, action: str, seconds: float) -> None: ...


class Clock(t.Protocol):
    """The part of the module `time` that is used here."""

    def monotonic(self) -> float: ...

    def time(self) -> float: ...

    def sleep(self, seconds: float, /) -> None: ...


class NeverReached(AosError):
    """The state that was asked for was not confirmed. facts: `power`, `changed`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """timeout: seconds for everything. proofs: how many consecutive readings. interval: seconds between them."""

    timeout: float
    proofs: int
    interval: float

    def __post_init__(self) -> None:
        for name, value, lowest in (("timeout", self.timeout, 0.1), ("reading_interval", self.interval, 0.1)):
            if not lowest <= value < float("inf"):
                raise AosError(f"{name} is {value:g}, it must be at least {lowest:g} seconds; correct it")
        if self.proofs < 1:
            raise AosError(f"{self.proofs} readings prove nothing; ask for at least 1")
        if (self.proofs - 1) * self.interval >= self.timeout:
            raise AosError(
                f"{self.proofs} readings {self.interval:g} s apart do not fit into a timeout of {self.timeout:g} s; "
                "raise timeout or lower reading_interval"
            )


def reading(at: float, state: str | None, shown: t.Mapping[str, str]) -> dict[str, t.Any]:
    """Return one item of `readings`. shown: what single outlets showed, where there are several."""
    outlets = {"outlets": dict(shown)} if shown else {}
    return {"at": at, "state": state, **outlets}


def read_as(state: str, readings: t.Sequence[dict[str, t.Any]]) -> str:
    """Say what was read, outlet by outlet as in the last of the readings where they differ."""
    if state != PARTLY:
        return f"reads {state}"
    outlets = next(one["outlets"] for one in reversed(readings) if one["state"] == PARTLY)
    return "reads " + ", ".join(f"{outlet} {shown}" for outlet, shown in outlets.items())


class Switching:
    """One request for one control: look at the current state, plan, apply, report."""

    def __init__(self, device: Reachable, state: str, limits: Limits, clock: Clock = time) -> None:
        self._device = device
        self._state = state
        self._goal = GOALS[state]
        self._limits = limits
        self._clock = clock
        self._started = clock.monotonic()
        self._deadline = self._started + limits.timeout
        self._readings: list[dict[str, t.Any]] = []
        self._error: ControlError | None = None  # of the last exchange
        self._unsent: ControlError | None = None  # of the last command, until one is accepted
        self._sent_at: float | None = None  # monotonic time of the last command that was accepted
        self._accepted = False  # of the present goal, or not needed for it
        self._proofs = 0
        self._proofs_since = self._proofs_until = 0.0  # monotonic times of the first and the last of them
        self.before = UNKNOWN
        self.seen = UNKNOWN

    @property
    def needed(self) -> bool:
        """Whether the command has to be sent, given the state before."""
        return self._goal.always or self.before != self._goal.proof

    @property
    def sent(self) -> bool:
        """Whether the control accepted a command, or was proven to refuse one that was not needed any more."""
        return self._sent_at is not None or (self._needless and self._proven)

    @property
    def changed(self) -> bool:
        """Whether the host changes (check mode) or was changed. A repeated off of an off host changes nothing."""
        proof = self._goal.proof
        return self.before != proof or any(seen["state"] not in (proof, UNKNOWN) for seen in self._readings)

    @property
    def foreign(self) -> bool:
        """Whether the device is not the one that was recorded."""
        return self._error is not None and self._error.foreign

    @property
    def diff(self) -> dict[str, dict[str, str]]:
        """The state before, and the one that was asked for: what else is reached is a failure."""
        return {"before": {"power": self.before}, "after": {"power": self._goal.proof or self._state}}

    def look(self) -> None:
        """Read the state before.

        Where it decides what is sent, until the deadline. An off is sent in any case: one reading, and not for long.
        """
        decides = not (self._goal.always and self._goal.proof)
        share = 1 if decides else LOOK_SHARE
        self.before = self._read(self._left * share)
        while decides and self.before == UNKNOWN and not self._given_up:
            self._pause()
            self.before = self._read(self._left)

    def apply(self) -> dict[str, t.Any]:
        """Send what is needed and wait for the proof; return `power` or raise NeverReached."""
        self.seen = UNKNOWN
        self._accepted = not self.needed
        while not self._given_up:
            if not self._accepted or self._contradicted():
                self._send()
            if self._goal.proof is None:
                break
            if (self._accepted or self._needless) and not self._given_up:
                self._count(self._read(self._left))
            if self._goal.then and self._proofs:
                self._go_on_to(self._goal.then)
                continue
            if self._proven:
                break
            self._pause()
        return self.report()

    def report(self) -> dict[str, t.Any]:
        """Return `power` with the proof or the acceptance; raise NeverReached if there is none."""
        result = self._result()
        power = self._facts(result)
        if result != self._goal.reached:
            raise NeverReached(power["message"], power=power, changed=self.sent and self.changed)
        return power

    def not_sent(self) -> dict[str, t.Any]:
        """Return `power` of check mode: what was read, nothing sent; raise NeverReached where nothing could be read."""
        if self.before == UNKNOWN:
            return self.report()
        self.seen = self.before
        return self._facts("NOT_SENT")

    @property
    def _proofs_needed(self) -> int:
        return self._limits.proofs if self._goal.proof == OFF else 1

    @property
    def _needless(self) -> bool:
        """Whether the last command was refused by a device that understood it."""
        return self._unsent is not None and self._unsent.refused

    @property
    def _proven(self) -> bool:
        steady = self._proofs_until - self._proofs_since >= STEADY_SECONDS or self._accepted or self._goal.proof == ON
        return self._proofs >= self._proofs_needed and steady

    @property
    def _left(self) -> float:
        return self._deadline - self._clock.monotonic()

    @property
    def _given_up(self) -> bool:
        return self._left <= 0 or (self._error is not None and self._error.final)

    def _tells(self, error: ControlError, known: bool) -> bool:
        """Whether an error says more than what is known: silence that the deadline cut short does not."""
        return error.final or not known or self._left > SPARE_SECONDS

    def _pause(self) -> None:
        self._clock.sleep(max(0.0, min(self._limits.interval, self._left)))

    def _contradicted(self) -> bool:
        """Whether the last reading contradicts a command old enough to be sent again."""
        if not (self._goal.repeat and self._readings and self._readings[-1]["state"] in SEEN):
            return False
        contradicts = self._readings[-1]["state"] != self._goal.proof
        return contradicts and (self._sent_at is None or self._clock.monotonic() - self._sent_at >= RESEND_SECONDS)

    def _go_on_to(self, goal: Goal) -> None:
        self._goal, self._accepted, self._unsent, self._proofs = goal, False, None, 0

    def _send(self) -> None:
        try:
            self._device.send(self._goal.action, min(EXCHANGE_SECONDS, self._left))
        except ControlError as error:
            if self._tells(error, self._unsent is not None):
                self._error = self._unsent = error
            self._accepted = self._accepted or not self._goal.repeat
            return
        self._error = self._unsent = None
        self._accepted = True
        self._sent_at = self._clock.monotonic()

    def _read(self, seconds: float) -> str:
        state = UNKNOWN
        try:
            self.seen = state = self._device.read(min(EXCHANGE_SECONDS, seconds))
            self._error = None
        except ControlError as error:
            if self._tells(error, self.seen != UNKNOWN or self._error is not None):
                self._error, self.seen = error, UNKNOWN
        self._readings.append(reading(self._clock.time(), state, self._device.shown))
        return state

    def _count(self, seen: str) -> None:
        """Count consecutive proofs. Silence between two of them starts the count again, as the opposite does."""
        if seen == self._goal.proof:
            self._proofs_until = self._clock.monotonic()
            self._proofs_since = self._proofs_since if self._proofs else self._proofs_until
            self._proofs += 1
        elif self._left > 0:
            self._proofs = 0

    def _result(self) -> str:
        accepted = self._sent_at is not None
        if accepted if self._goal.proof is None else self._proven:
            return self._goal.reached
        contradicted = accepted and self.seen in SEEN and self.seen != self._goal.proof
        return self._goal.missed if contradicted and self._goal.missed else "UNKNOWN"

    def _facts(self, result: str) -> dict[str, t.Any]:
        proven = result == self._goal.reached and self._goal.proof is not None
        return {
            "host": self._device.control.host,
            "state": self.seen,
            "result": result,
            "control": self._device.control.title,
            "readings": self._readings,
            "message": f"{self._device.control} {self._sentence(result)}",
            "confirmed_at": self._readings[-1]["at"] if proven else None,
            "duration": round(self._clock.monotonic() - self._started, 3),
        }

    def _sentence(self, result: str) -> str:
        """Say what was seen, why it is not enough, and what to do."""
        count = len(self._readings)
        if result == "NOT_SENT":
            return f"{read_as(self.seen, self._readings)}; check mode sends nothing"
        if result == "ACCEPTED":
            return f"accepted {self._state}, which proves nothing about the host"
        if result == self._goal.reached:
            return f"is {self.seen}, confirmed by {self._proofs} consecutive reading(s)"
        if result == self._goal.missed:
            return (
                f"accepted {self._state} but still {read_as(self.seen, self._readings)} "
                f"after {self._limits.timeout:g} s ({count} readings); raise timeout if it is slow, else "
                "switch the host by another way and repair this control"
            )
        if self._unsent is not None and not self._goal.repeat:
            return f"did not acknowledge {self._state}, which is sent only once: {self._unsent}"
        if self._unsent or self._error:
            return str(self._unsent or self._error)
        return (
            f"gave {self._proofs} of {self._proofs_needed} consecutive {self._goal.proof} readings "
            f"within {self._limits.timeout:g} s; raise timeout"
        )
