# SPDX-License-Identifier: GPL-3.0-or-later
"""What a playbook reports while it runs: ansible-runner's events in, lines for the timeline and a JobFact out.

Only tasks of the collection's own modules are read. Whatever has another shape than their documentation says is
passed over: an event is a hint.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cloud_manager.domain.actions import Action, CheckPower, SwitchPower
from cloud_manager.domain.facts import Fence, JobFact, JobStatus, Power, PowerReading
from cloud_manager.domain.power import PowerLink, kept_identity
from cloud_manager.ports import Checked, Move

COLLECTION = "aos.cloud_manager."
# A hold has a sentence for each of a host's power controls.
MESSAGE_LENGTH = 3000
OUTCOMES = ("moving", "evacuated", "left", "failed")


class JobReport:
    """Collects one job's events in the order in which they come."""

    def __init__(self, action: Action | SwitchPower | CheckPower) -> None:
        self._action = action
        self._power: PowerReading | None = None
        self._left: dict[str, str] = {}
        self._failed: dict[str, str] = {}
        self._message = ""
        self._said: set[str] = set()
        self._last_line = ""

    def take(self, event: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Move, ...]]:
        """New lines for the timeline, and the servers that they are about."""
        name, data = event.get("event"), event.get("event_data")
        if name in ("verbose", "error", "deprecated", "warning", "system_warning"):
            self._last_line = _line(event.get("stdout")) or self._last_line
        if name not in ("runner_on_ok", "runner_on_failed", "runner_on_unreachable") or not isinstance(data, dict):
            return (), ()
        result = data.get("res")
        if not isinstance(result, dict):
            return (), ()
        if name != "runner_on_ok" and not data.get("ignore_errors"):
            self._message = _line(result.get("msg")) or self._message
        texts, moves = self._of_module(str(data.get("task_action")), result)
        new = tuple(text for text in texts if text not in self._said)
        self._said.update(new)
        return new, moves

    def fact(self, status: JobStatus, message: str = "") -> JobFact:
        """The result once the playbook has ended. message: what is known beside its events."""
        if status is not JobStatus.SUCCEEDED:
            message = message or self._message or self._last_line or "the playbook failed without a word"
        return JobFact(
            key=self._action.key,
            kind=self._action.kind,
            host=self._action.host,
            status=status,
            power=self._power,
            left=self._left,
            failed=self._failed,
            message=message,
        )

    def _of_module(self, task_action: str, result: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Move, ...]]:
        module = task_action.removeprefix(COLLECTION) if task_action.startswith(COLLECTION) else ""
        if module in ("power", "power_info") and isinstance(result.get("power"), dict):
            return self._of_power(result["power"], asked=module == "power"), ()
        if module == "compute_service" and isinstance(result.get("service"), dict):
            return (_of_service(result["service"], str(result.get("kept") or "")),), ()
        if module == "host_evacuate" and isinstance(result.get("evacuation"), dict):
            return self._of_evacuation(result["evacuation"])
        return (), ()

    def _of_power(self, power: Mapping[str, Any], asked: bool) -> tuple[str, ...]:
        """One line for each control that was tried. asked: something was switched; a plain reading fences nothing."""
        result = _fence(power.get("result")) if asked else None
        self._power = replace(_reading(power), result=result)
        control, state, message = self._power.control, self._power.state, self._power.message
        attempts = power.get("attempts")
        told = [one for one in attempts if isinstance(one, dict)] if isinstance(attempts, list) else []
        if asked and len(told) > 1:
            return tuple(_of_attempt(one) for one in told)
        if result is not None:
            return (_of_attempt(power),)
        return (f"power control {control} reads {state}" + (f": {message}" if state is Power.UNKNOWN else ""),)

    def _of_evacuation(self, evacuation: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Move, ...]]:
        rows = evacuation.get("servers")
        moves = tuple(
            move
            for row in (rows if isinstance(rows, list) else ())
            if isinstance(row, dict) and (move := _move(row, self._action.host)) is not None
        )
        moves = tuple(move for move in moves if move.source == self._action.host)
        self._left = {move.server_id: move.reason for move in moves if move.outcome == "left"}
        self._failed = {
            move.server_id: move.reason or "still moving when the playbook gave up waiting"
            for move in moves
            if move.outcome in ("failed", "moving")
        }
        outcomes = Counter(move.outcome for move in moves)
        counts = [f"{outcomes[name]} {name}" for name in ("evacuated", "left", "failed")]
        if outcomes["moving"]:
            counts.append(f"{outcomes['moving']} still moving")
        warnings = [f"warning: {_line(text)}" for text in evacuation.get("warnings") or () if isinstance(text, str)]
        return ("evacuation: " + ", ".join(counts), *warnings), moves


class CheckReport(JobReport):
    """Of the playbook that reads the controls of many hosts: each link that was read is told at once, and once."""

    def __init__(self, action: CheckPower, hosts: Mapping[str, Sequence[PowerLink]], told: Checked) -> None:
        super().__init__(action)
        self._links = {(link.host, link.control.title, link.outlet): link for links in hosts.values() for link in links}
        self._told = told

    def _of_module(self, task_action: str, result: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[Move, ...]]:
        controls = result.get("controls")
        if task_action == f"{COLLECTION}power_info" and isinstance(controls, list):
            for one in controls:
                if isinstance(one, dict):
                    self._tell(one)
        return (), ()

    def _tell(self, power: Mapping[str, Any]) -> None:
        host, title, outlet = power.get("host"), power.get("control"), power.get("outlet")
        if isinstance(host, str) and isinstance(title, str) and isinstance(outlet, int | None):
            link = self._links.pop((host, title, outlet), None)
            if link is not None:
                self._told(link, _reading(power))


def _of_attempt(attempt: Mapping[str, Any]) -> str:
    """What one control did, or objected after another had confirmed."""
    control, message = str(attempt.get("control") or ""), _line(attempt.get("message"))
    result = _fence(attempt.get("result"))
    if result is Fence.OFF_CONFIRMED:
        readings = attempt.get("readings")
        count = len(readings) if isinstance(readings, list) else 0
        return f"power control {control} confirmed power-off by {count} readings"
    if result is not None:
        return f"power control {control} did not confirm power-off ({result}): {message}"
    return f"power control {control}: {_line(attempt.get('result'))}: {message}"


def _of_service(service: Mapping[str, Any], kept: str) -> str:
    forced = ", forced down" if service.get("forced_down") else ""
    text = f"compute service is {service.get('state')}, {service.get('status')}{forced}"
    reason = service.get("disabled_reason")
    return text + (f" ({reason})" if reason else "") + (f"; left as it is: {kept}" if kept else "")


def _move(row: Mapping[str, Any], host: str) -> Move | None:
    if not isinstance(row.get("id"), str):
        return None
    return Move(
        server_id=row["id"],
        name=str(row.get("name") or ""),
        source=str(row.get("source") or host),
        destination=str(row.get("destination") or ""),
        priority=row["priority"] if isinstance(row.get("priority"), int) else None,
        status_before=str(row.get("status_before") or ""),
        status=str(row.get("status") or ""),
        outcome=row["outcome"] if row.get("outcome") in OUTCOMES else "waiting",
        reason=_line(row.get("reason")),
        attempts=row["attempts"] if isinstance(row.get("attempts"), int) else 0,
        requested_at=_moment(row.get("requested_at")),
        accepted_at=_moment(row.get("accepted_at")),
        finished_at=_moment(row.get("finished_at")),
    )


def _moment(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _reading(power: Mapping[str, Any]) -> PowerReading:
    return PowerReading(
        control=str(power.get("control") or ""),
        state=_power(power.get("state")),
        message=_line(power.get("message")),
        identity=_identity(power.get("identity")),
    )


def _identity(value: Any) -> str | None:
    return kept_identity(value) if isinstance(value, str) else None


def _power(value: Any) -> Power:
    return Power(value) if value in list(Power) else Power.UNKNOWN


def _fence(value: Any) -> Fence | None:
    return Fence(value) if value in list(Fence) else None


def _line(value: Any) -> str:
    """One line, without colours and control characters."""
    if not isinstance(value, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())[:MESSAGE_LENGTH]
