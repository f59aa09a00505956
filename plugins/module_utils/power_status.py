# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read several controls of one host at the same time; a silent one is an observation, never a failure.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import OFF, ON, UNKNOWN, ControlError
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_fallback import WRONG_LINK, contradiction
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_gang import Gang, Together
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device, Exchange
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_switch import Limits, read_as, reading


@dataclass(slots=True)
class Observation:
    """What one control showed, reading after reading, until it failed.

    identity: what it tells of itself, "" where it cannot, None where it was not asked or did not answer.
    """

    device: Device | Gang
    readings: list[dict[str, t.Any]] = field(default_factory=list)
    error: ControlError | None = None
    duration: float = 0.0
    identity: str | None = None
    unidentified: ControlError | None = None

    def facts(self) -> dict[str, t.Any]:
        """Return `power`: the state if every reading shows the same one, else unknown and why."""
        states = {reading["state"] for reading in self.readings}
        state = states.pop() if len(states) == 1 else UNKNOWN
        control = self.device.control
        subject = str(control) if control.outlet is None else f"{control} outlet {control.outlet}"
        return {
            "host": control.host,
            "state": state,
            "result": "READ" if state in (ON, OFF) else "UNKNOWN",
            "control": control.title,
            "outlet": control.outlet,
            "readings": self.readings,
            "identity": self.identity,
            "message": f"{subject} {self._sentence(state)}",
            "confirmed_at": self.readings[-1]["at"] if state in (ON, OFF) else None,
            "duration": round(self.duration, 3),
        }

    def _sentence(self, state: str) -> str:
        told = "" if self.unidentified is None else f"; its identity could not be read: {self.unidentified}"
        return self._seen(state) + told

    def _seen(self, state: str) -> str:
        if self.error is not None:
            return str(self.error)
        if state in (ON, OFF):
            return f"reads {state} ({len(self.readings)} reading(s))"
        if state == UNKNOWN:
            return "reads on and off in turn; it is being switched, read it again later"
        return f"{read_as(state, self.readings)}: the host may run on what is on; switch all outlets the same way"


def observe(devices: t.Sequence[Device | Gang], limits: Limits, *, identity: bool = False) -> list[Observation]:
    """Read every control `limits.proofs` times, each reading in a session of its own, all of them side by side.

    identity: ask each of them afterwards who it is, except those that have failed before for another reason than that.
    """
    started = time.monotonic()
    observations = [Observation(device) for device in devices]
    for number in range(limits.proofs):
        left = limits.timeout - (time.monotonic() - started)
        if number:
            time.sleep(max(0.0, min(limits.interval, left)))
            left = limits.timeout - (time.monotonic() - started)
        # What a silent control takes is not taken from the readings that the others still need.
        share = max(0.0, left) / (limits.proofs - number + identity)
        asked = [(seen, seen.device.start_reading(share)) for seen in observations if seen.error is None]
        for seen, exchange in asked:
            _take(seen, exchange)
            seen.duration = time.monotonic() - started
    if identity:
        left = limits.timeout - (time.monotonic() - started)
        answering = [seen for seen in observations if seen.error is None or seen.error.foreign]
        for seen in answering:
            seen.identity = None if seen.device.tells_identity else ""
        asking = [
            (seen, seen.device.start_identifying(max(0.0, left))) for seen in answering if seen.device.tells_identity
        ]
        for seen, exchange in asking:
            try:
                seen.identity = exchange.result()
            except ControlError as error:
                seen.unidentified = error
            seen.duration = time.monotonic() - started
    return observations


def believed(default: Observation, observations: t.Sequence[Observation]) -> dict[str, t.Any]:
    """Return `power` of the default control; unknown where that is a relay and another control contradicts it."""
    facts = default.facts()
    if facts["state"] not in (ON, OFF) or not default.device.cuts_supply:
        return facts
    objections = [
        f"{other.device.control} {said}"
        for other in observations
        if other is not default
        for said in [
            contradiction(facts["state"], default.device, other.device, one, other.error) for one in other.readings
        ]
        if said
    ]
    if not objections:
        return facts
    message = f"{facts['message']}, but {objections[0]}: {WRONG_LINK}"
    return facts | {"state": UNKNOWN, "result": "UNKNOWN", "confirmed_at": None, "message": message}


def _take(seen: Observation, exchange: Exchange | Together) -> None:
    state: str | None = UNKNOWN
    try:
        state = exchange.result()
    except ControlError as error:
        seen.error = error
    seen.readings.append(reading(exchange.ended_at, state, seen.device.shown))
