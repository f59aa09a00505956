# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switch a host that has several controls: the default one, then the others, and the last word of all of them.

PRIVATE to the collection aos.cloud_manager: may change in any release.

A default control that sees the host is believed alone: a relay reads on while the controller behind it holds the host
off. A relay sees its own contact only, and any other control that had to confirm may be linked to a wrong host, or feed
one of two supplies. Then every other control of the host is read again, and whoever answers the opposite is believed.
Silence is no objection: it is what a controller does whose power was cut. For the same reason one that still speaks,
whatever it says, objects to a relay that claims to have cut the supply, and so does a relay that shows nothing: its own
power is another one, and it may feed the host too.
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import (
    OFF,
    ON,
    PARTLY,
    UNKNOWN,
    ControlError,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_switch import (
    GOALS,
    SEEN,
    Clock,
    Limits,
    NeverReached,
    Reachable,
    Switching,
    read_as,
    reading,
)

# How long a control may take for its last word, and how often it is asked while it objects.
LAST_WORD_SECONDS = 5.0
LAST_WORDS = 4

WRONG_LINK = "one of the two is linked to another host, or is not the only supply; correct the links"

ATTEMPT = ("control", "result", "message", "readings", "duration")


def contradiction(
    proof: str, proven: Reachable, device: Reachable, seen: dict[str, t.Any], error: ControlError | None
) -> str:
    """Return what `device` has against the state `proof` that `proven` showed, "" where nothing.

    seen: its last reading. error: why that one failed.
    """
    if seen["state"] in SEEN:
        return "" if seen["state"] == proof else read_as(seen["state"], [seen])
    if error is None:
        return ""
    if error.foreign:
        return str(error)
    if proof != OFF or not proven.cuts_supply:
        return ""
    if device.cuts_supply:
        return f"shows nothing ({error.reason})"
    return "" if error.silent else f"still speaks ({error.reason})"


class HostSwitching:
    """One request for one host. order: its controls, the default one first; the others serve for on and off only."""

    def __init__(self, order: t.Sequence[Reachable], state: str, limits: Limits, clock: Clock = time) -> None:
        self._goal = GOALS[state]
        self._state = state
        self._order = order if self._goal.repeat else order[:1]
        self._limits = limits
        self._clock = clock
        self._started = clock.monotonic()
        self._tried: list[Switching] = []
        self._said: list[dict[str, t.Any]] = []  # `power` of every attempt

    def run(self, *, check_mode: bool = False) -> dict[str, t.Any]:
        """Return `changed`, `power` and `diff`; raise NeverReached, with the same, without a proof."""
        proven = self._rehearse() if check_mode else self._switch()
        power = self._facts(proven)
        diff = next((one.diff for one in self._tried if one.before != UNKNOWN), self._tried[0].diff)
        if proven is None:
            raise NeverReached(power["message"], power=power, changed=self._changed, diff=diff)
        return {"changed": self._changed or (check_mode and self._tried[-1].changed), "power": power, "diff": diff}

    @property
    def _changed(self) -> bool:
        return any(one.sent and one.changed for one in self._tried)

    def _rehearse(self) -> dict[str, t.Any] | None:
        """Look only: at the default control, at another where it cannot be read."""
        for device in self._order:
            switching = self._try(device)
            power = self._told(switching.not_sent)
            if power is not None:
                return power | {"message": f"{power['message']}; {self._intention(switching)}"}
            if switching.foreign:
                return None
        return None

    def _intention(self, switching: Switching) -> str:
        if not switching.needed:
            what = f"only {self._goal.then.action} would be sent" if self._goal.then else "nothing would be sent"
            return f"{what}, it reads so already"
        titles = [device.control.title for device in self._order]
        others = f", and if that is not confirmed by {', then '.join(titles[1:])}" if titles[1:] else ""
        return f"{self._state} would be sent by {titles[0]}{others}"

    def _switch(self) -> dict[str, t.Any] | None:
        objections: list[dict[str, t.Any]] = []
        for number, device in enumerate(self._order):
            switching = self._try(device)
            power = self._told(switching.apply)
            if power is None:
                if switching.foreign:
                    return None
                continue
            if number == 0 and not device.cuts_supply:
                return power
            objections = self._objections(device)
            if not objections:
                return power
            if any(objection["foreign"] for objection in objections):
                break
        self._said += objections
        return None

    def _told(self, act: t.Callable[[], dict[str, t.Any]]) -> dict[str, t.Any] | None:
        """Note what an attempt came to; return it if it reached what was asked for."""
        try:
            power = act()
        except NeverReached as error:
            self._said.append(error.facts["power"])
            return None
        self._said.append(power)
        return power

    def _try(self, device: Reachable) -> Switching:
        switching = Switching(device, self._state, self._limits, self._clock)
        self._tried.append(switching)
        switching.look()
        return switching

    def _objections(self, proven: Reachable) -> list[dict[str, t.Any]]:
        """Return `power` of every other control that contradicts what `proven` confirmed, and whether it is foreign."""
        words = [self._last_word(device, proven) for device in self._order if device is not proven]
        return [word for word in words if word is not None]

    def _last_word(self, device: Reachable, proven: Reachable) -> dict[str, t.Any] | None:
        """Return what the control objects. It may change its mind: a controller lives on for a moment without power."""
        started = self._clock.monotonic()
        readings: list[dict[str, t.Any]] = []
        without, objection, foreign, objected = 0, "", False, UNKNOWN
        for turn in range(LAST_WORDS):
            if turn:
                self._clock.sleep(self._limits.interval)
            state, error = self._heard(device)
            readings.append(reading(self._clock.time(), state, device.shown))
            said = contradiction(str(self._goal.proof), proven, device, readings[-1], error)
            without = 0 if said else without + 1
            # After an objection one silence may be a lost packet.
            if state == self._goal.proof or without > bool(objection):
                return None
            if said:
                objection, objected = said, state
            if error is not None and error.foreign:
                foreign = True
                break
        return {
            "control": device.control.title,
            "state": objected,
            "result": self._goal.missed if objected in SEEN else "UNKNOWN",
            "message": (
                f"{device.control} {objection} after power control {proven.control.title} confirmed {self._state}"
                + ("" if foreign else f": {WRONG_LINK}")
            ),
            "readings": readings,
            "duration": round(self._clock.monotonic() - started, 3),
            "foreign": foreign,
        }

    def _heard(self, device: Reachable) -> tuple[str, ControlError | None]:
        try:
            return device.read(min(LAST_WORD_SECONDS, self._limits.timeout)), None
        except ControlError as error:
            # One outlet that shows the opposite counts, whatever became of the others.
            opposite = {ON, OFF} - {self._goal.proof}
            return (PARTLY if opposite & set(device.shown.values()) else UNKNOWN), error

    def _facts(self, proven: dict[str, t.Any] | None) -> dict[str, t.Any]:
        told = proven or self._unproven()
        before = [said for said in self._said if proven is not None and said["control"] != proven["control"]]
        return {
            **told,
            "message": "; before that ".join([told["message"], *(said["message"] for said in before)]),
            "attempts": [{name: said[name] for name in ATTEMPT} for said in self._said],
            "duration": round(self._clock.monotonic() - self._started, 3),
        }

    def _unproven(self) -> dict[str, t.Any]:
        """Return `power` where nobody may be believed: one that shows the opposite, else the default control's."""
        failed = [said for said in self._said if said["result"] != self._goal.reached]
        told = next((said for said in reversed(failed) if said["result"] == self._goal.missed), failed[0])
        host = self._order[0].control.host
        single = len(self._said) == 1
        return {
            "host": host,
            "state": told["state"],
            "result": told["result"],
            "control": told["control"],
            "readings": told["readings"],
            "message": (
                told["message"]
                if single
                else f"host {host} is not confirmed {self._state} by any of its power controls: "
                + "; ".join(said["message"].removeprefix(f"host {host}: ") for said in self._said)
            ),
            "confirmed_at": None,
        }
