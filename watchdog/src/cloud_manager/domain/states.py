# SPDX-License-Identifier: GPL-3.0-or-later
"""The states of a host and every way between them.

One ordered table, RULES: for the state a host is in, the first row whose condition holds is taken, once a cycle.
Each row carries the sentence that operators read. Everything that starts a playbook is a row with an act; gates stand
before each recovery. A row that leads nowhere (to is None) keeps the host where it is, in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from cloud_manager.domain.actions import Action, ReadPower, Recover, Return
from cloud_manager.domain.facts import JobStatus, Observation
from cloud_manager.domain.gates import BEFORE_READING, GATES, first_hold, not_confirmed, vouched
from cloud_manager.domain.records import HostRecord, State
from cloud_manager.domain.view import View

Condition = Callable[[View], bool]
Effect = Callable[[View, HostRecord], HostRecord]
Act = Callable[[View, HostRecord], tuple[HostRecord, Action | None]]


@dataclass(frozen=True, slots=True)
class Rule:
    """effect: what the record remembers beside the new state. act: the playbook, and the key it is recorded under."""

    states: tuple[State, ...]
    when: Condition
    to: State | None
    sentence: str = ""
    effect: Effect | None = None
    act: Act | None = None


# --- conditions


def in_maintenance(view: View) -> bool:
    return view.name in view.facts.maintenance


def maintenance_over(view: View) -> bool:
    return not in_maintenance(view)


def maintenance_over_within_incident(view: View) -> bool:
    """What was done to the host before must not be forgotten."""
    return maintenance_over(view) and view.record.incident is not None


def always(_view: View) -> bool:
    return True


def removed(view: View) -> bool:
    """Nova was read and no longer lists the host."""
    return view.host is None and not view.facts.error and bool(view.facts.hosts)


def unseen(view: View) -> bool:
    return view.host is None or view.host.observation is Observation.UNKNOWN


def job_running(view: View) -> bool:
    return view.job is not None and not view.job.status.ended


def job_failed(view: View) -> bool:
    return view.job is not None and view.job.status is JobStatus.FAILED


def job_succeeded(view: View) -> bool:
    return view.job is not None and view.job.status is JobStatus.SUCCEEDED


def fence_failed(view: View) -> bool:
    return view.fence_failure is not None


def is_down(view: View) -> bool:
    return view.host is not None and view.host.observation is Observation.DOWN


def is_up(view: View) -> bool:
    return view.host is not None and view.host.observation is Observation.UP and view.record.ups >= view.policy.mutex_up


def reports_again(view: View) -> bool:
    """Forced down by us, and yet Nova noted something of it a short while ago: perhaps its heartbeat."""
    host, nova_now = view.host, view.facts.nova_now
    if not view.forced_by_us or host is None or host.heartbeat_at is None or nova_now is None:
        return False
    return view.record.beats > 0 or nova_now - host.heartbeat_at < view.policy.settle_seconds


def retry_possible(view: View) -> bool:
    """Down, and not on its way back: what boots again is not powered off."""
    return is_down(view) and view.record.beats == 0


def suspicious(view: View) -> bool:
    return is_down(view) and view.record.downs > 0


def failed(view: View) -> bool:
    """Down often enough, or down and without power.

    A host that we forced down looks down by definition: there its heartbeat must be old as well.
    """
    if not suspicious(view) or reports_again(view):
        return False
    return view.record.downs >= view.policy.mutex or view.reads_off


def held(view: View) -> bool:
    return first_hold(view, GATES) is not None


def down_and_held(view: View) -> bool:
    return is_down(view) and held(view)


def failed_and_held(view: View) -> bool:
    return failed(view) and held(view)


def returned(view: View) -> bool:
    """A host that is out of service by our own act lives again: its heartbeat moves, or Nova calls it up."""
    host = view.host
    if host is None or in_maintenance(view) or not view.retry_due:
        return False
    if host.forced_down:
        return view.forced_by_us and view.record.beats >= view.policy.mutex_up
    ups_needed = (
        1 if view.record.state is State.HEALTHY else view.policy.mutex_up
    )  # a healthy host has no memory of looks
    return host.marked and host.observation is Observation.UP and view.record.ups >= ups_needed


def back_in_service(view: View) -> bool:
    return is_up(view) and view.host is not None and not view.host.marked


def forced_down_cleared(view: View) -> bool:
    return is_down(view) and view.host is not None and not view.host.forced_down


def servers_unknown(view: View) -> bool:
    return view.remaining is None


def evacuated(view: View) -> bool:
    """Nova shows it: forced down by us, which follows only on confirmed power-off, and nothing left to move."""
    return view.forced_by_us and view.remaining == ()


def servers_remain(view: View) -> bool:
    return bool(view.remaining)


def retry_wait(view: View) -> bool:
    return not view.retry_due


# --- effects and acts


def _next_job(record: HostRecord, step: str) -> tuple[HostRecord, int, str]:
    """The record with one attempt more, its incident, and the idempotency key of the attempt."""
    assert record.incident is not None, "a row with an act opens an incident"
    incident, attempt = record.incident, record.attempt + 1
    return replace(record, attempt=attempt), incident, f"{incident}-{step}-{attempt}"


def recover(view: View, record: HostRecord) -> tuple[HostRecord, Action | None]:
    """Ownership of what will be switched is recorded before it is switched."""
    assert view.host is not None, "a row that recovers has seen the host down"
    record, incident, key = _next_job(record, "recover")
    override = vouched(view)
    if not override and not view.facts.controls.get(view.name) and not view.policy.fencing_required:
        override = "configuration: [fencing] required is False and no power control is linked"
    disable = view.host.enabled or view.host.marked
    record = replace(
        record,
        job=key,
        forced_down_by_us=not view.host.forced_down or view.forced_by_us,
        fence=None,
        retry_at=None,
    )
    return record, Recover(key, view.name, incident, disable, override)


def bring_back(view: View, record: HostRecord) -> tuple[HostRecord, Action | None]:
    record, incident, key = _next_job(record, "return")
    record = replace(record, job=key, beats=0)
    return record, Return(key, view.name, incident, record.forced_down_by_us)


def read_power(view: View, record: HostRecord) -> tuple[HostRecord, Action | None]:
    """One reading at a time, and only where it could change the decision."""
    reading = view.facts.jobs.get(record.read_job)
    busy = reading is not None and not reading.status.ended
    if busy or not view.facts.controls.get(view.name) or first_hold(view, BEFORE_READING):
        return record, None
    record, incident, key = _next_job(record, "read")
    return replace(record, read_job=key), ReadPower(key, view.name, incident)


def fail(view: View, record: HostRecord) -> HostRecord:
    failures = record.failures + 1
    left = view.job.left.keys() if view.job else frozenset()
    retry_at = view.facts.now + view.policy.retry_after(failures)
    return replace(record, failures=failures, retry_at=retry_at, accounted=record.accounted | left)


def fail_fence(view: View, record: HostRecord) -> HostRecord:
    """Without confirmed power-off the playbook forces nothing down: what is forced down unmarked is an operator's."""
    return replace(fail(view, record), fence=view.fence_failure, job="", forced_down_by_us=False)


def fail_return(view: View, record: HostRecord) -> HostRecord:
    return replace(fail(view, record), beats=0)


def settle(view: View, record: HostRecord) -> HostRecord:
    """Recovered: failures are forgotten, heartbeats count from here on, what was left on purpose is remembered."""
    left = view.job.left.keys() if view.job else frozenset()
    return replace(record, failures=0, retry_at=None, fence=None, beats=0, accounted=record.accounted | left)


S = State
IDLE = (S.HEALTHY, S.SUSPECT, S.HELD)
OPEN = (S.SUSPECT, S.HELD, S.RECOVERING, S.RECOVERED, S.FAILED, S.RETURNING)

RULES: tuple[Rule, ...] = (
    # running playbooks are waited for, whatever Nova says meanwhile
    Rule((S.RECOVERING, S.RETURNING), job_running, None),
    Rule(OPEN, removed, S.HEALTHY, "Nova no longer lists the host; incident closed"),
    # maintenance
    Rule(IDLE, in_maintenance, S.MAINTENANCE, "in maintenance: {maintenance}"),
    Rule((S.MAINTENANCE,), maintenance_over_within_incident, S.HELD, "maintenance is over, looking again"),
    Rule((S.MAINTENANCE,), maintenance_over, S.HEALTHY, "maintenance is over"),
    Rule((S.MAINTENANCE,), always, None),
    # recovery: what its playbook reports is a hint, what Nova shows decides
    Rule((S.RECOVERING,), fence_failed, S.HELD, "{hold}", effect=fail_fence),
    Rule((*OPEN, S.HEALTHY), unseen, None),
    Rule(
        (S.RECOVERING, S.FAILED, S.HELD),
        evacuated,
        S.RECOVERED,
        "evacuation complete, {left} servers left on purpose",
        effect=settle,
    ),
    Rule((S.RECOVERING,), job_failed, S.FAILED, "recovery failed, will be retried: {message}", effect=fail),
    Rule((S.RECOVERING,), servers_unknown, None),
    Rule(
        (S.RECOVERING,), job_succeeded, S.FAILED, "{remaining} servers remain on the host, will be retried", effect=fail
    ),
    Rule((S.RECOVERING,), down_and_held, S.HELD, "{hold}"),
    Rule((S.RECOVERING,), is_down, S.RECOVERING, "recovery was interrupted, going on", act=recover),
    # return
    Rule((S.RETURNING,), back_in_service, S.HEALTHY, "host is back in service; incident closed"),
    Rule(
        (S.RETURNING, S.RECOVERED),
        forced_down_cleared,
        S.HEALTHY,
        "forced_down is cleared and the host is down: that is a new incident",
    ),
    Rule((S.RETURNING,), servers_remain, S.FAILED, "return failed, servers remain: {message}", effect=fail_return),
    Rule((S.RETURNING,), always, S.RECOVERED, "return did not succeed, will be retried: {message}", effect=fail_return),
    Rule(
        (*IDLE, S.RECOVERING, S.RECOVERED, S.FAILED),
        returned,
        S.RETURNING,
        "heartbeats are back, returning the host to service",
        act=bring_back,
    ),
    Rule(OPEN, back_in_service, S.HEALTHY, "host is up; incident closed"),
    # nothing is final while servers remain
    Rule((S.RECOVERED,), servers_remain, S.FAILED, "{remaining} servers remain on the host", effect=fail),
    Rule((S.FAILED,), retry_wait, None),
    Rule((S.FAILED,), held, S.HELD, "{hold}"),
    Rule((S.FAILED,), retry_possible, S.RECOVERING, "retrying, {remaining} servers remain", act=recover),
    # detection
    Rule(IDLE, failed_and_held, S.HELD, "{hold}"),
    Rule(IDLE, failed, S.RECOVERING, "down: powering off, then evacuating", act=recover),
    Rule((S.HEALTHY, S.SUSPECT), suspicious, S.SUSPECT, "{downs} of {mutex} looks say down", act=read_power),
)


def matching(view: View) -> Rule | None:
    """The row to take, or None: stay in silence."""
    for rule in RULES:
        if view.record.state in rule.states and rule.when(view):
            return None if rule.to is None else rule
    return None


def hold_reason(view: View) -> str:
    """The reason that a row's {hold} names."""
    if view.record.state is State.RECOVERING and view.fence_failure is not None:
        return not_confirmed(view.fence_failure)
    hold = first_hold(view, GATES)
    return hold.reason if hold else ""
