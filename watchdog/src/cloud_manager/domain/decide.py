# SPDX-License-Identifier: GPL-3.0-or-later
"""The one decision of a cycle: same facts, records and policy, same decision."""

from __future__ import annotations

from dataclasses import replace

from cloud_manager.domain.actions import Action
from cloud_manager.domain.facts import ComputeHost, Facts, Observation
from cloud_manager.domain.policy import Policy
from cloud_manager.domain.records import Decision, HostRecord, Records, State, Step
from cloud_manager.domain.states import hold_reason, matching
from cloud_manager.domain.view import Sight, View


def decide(facts: Facts, records: Records, policy: Policy) -> Decision:
    """What to remember and what to start after this look.

    At most one transition for each host. Nothing that a look did not show moves a counter.
    """
    if records.blind_at is not None and records.blind_at > facts.now:
        records = replace(records, blind_at=facts.now)  # the clock was set back
    sight = Sight.of(facts, records, policy)
    hosts = dict(records.hosts)
    next_incident = records.next_incident
    changed: list[HostRecord] = []
    actions: list[Action] = []
    steps: list[Step] = []
    for name in _worth_a_look(facts, records):
        before = hosts.get(name) or HostRecord(name, since=facts.now)
        host = facts.hosts.get(name)
        counted = count(before, host, sight, facts, policy)
        view = View(counted, host, facts, policy, sight)
        after, action, step = advance(view, next_incident)
        if step is not None and step.incident == next_incident:
            next_incident += 1
        if after != before and not before.state is after.state is State.HEALTHY:
            changed.append(after)
            hosts[name] = after
        if after.state is State.HEALTHY:
            hosts.pop(name, None)
        actions += [action] if action else []
        steps += [step] if step else []
    return Decision(
        records=Records(hosts, next_incident, sight.blind_at, sight.missing),
        changed=tuple(changed),
        actions=tuple(actions),
        steps=tuple(steps),
        held={r.name: r.reason for r in hosts.values() if r.state is State.HELD},
        blind=sight.blind,
        seen=len(facts.hosts),
    )


def _worth_a_look(facts: Facts, records: Records) -> list[str]:
    """Hosts that are remembered, or that are anything but plainly in service."""
    odd = {h.name for h in facts.hosts.values() if h.observation is not Observation.UP or h.marked}
    return sorted(odd | records.hosts.keys() | (facts.maintenance.keys() & facts.hosts.keys()))


def count(record: HostRecord, host: ComputeHost | None, sight: Sight, facts: Facts, policy: Policy) -> HostRecord:
    """Move the counters by this look. They stop at the number that decides, so that a steady state stays unchanged.

    A blind look counts neither UP nor DOWN. That a heartbeat moved it shows all the same.
    """
    if host is None or host.observation is Observation.UNKNOWN:
        return record
    job = facts.jobs.get(record.job)
    settled = job is None or job.status.ended
    moved = (
        record.state not in (State.RECOVERING, State.RETURNING)  # our own request moves Nova's time of change as well
        and host.forced_down
        and host.heartbeat_at is not None
        and record.heartbeat_at is not None
        and host.heartbeat_at > record.heartbeat_at
    )
    up = host.observation is Observation.UP
    beats = min(record.beats + 1, policy.mutex_up) if moved else 0 if silent(host, facts, policy) else record.beats
    record = replace(record, beats=beats, heartbeat_at=None if up else host.heartbeat_at)
    if sight.blind:
        return record
    downs = record.downs if sight.settling else min(record.downs + 1, max(policy.mutex, 2))
    return replace(
        record,
        ups=min(record.ups + 1, policy.mutex_up) if up else 0,
        downs=0 if up else downs,
        forced_down_by_us=record.forced_down_by_us and (host.forced_down or not settled),
    )


def silent(host: ComputeHost, facts: Facts, policy: Policy) -> bool:
    """No heartbeat for so long that those of before say nothing any more."""
    if host.heartbeat_at is None or facts.nova_now is None:
        return False
    return facts.nova_now - host.heartbeat_at >= policy.settle_seconds


def advance(view: View, next_incident: int) -> tuple[HostRecord, Action | None, Step | None]:
    """The host one row further: its record, the playbook to start, the line for the timeline."""
    record = view.record
    rule = matching(view)
    if rule is None or rule.to is None:
        return record, None, None
    text = rule.sentence.format_map(view.words(hold_reason(view)))
    if record.incident is None and rule.to not in (State.HEALTHY, State.MAINTENANCE):
        record = replace(record, incident=next_incident)
    if rule.effect:
        record = rule.effect(view, record)
    action = None
    if rule.act:
        record, action = rule.act(view, record)
    step = None
    if record.incident is not None and (rule.to is not record.state or text != record.reason or action):
        step = Step(record.incident, view.name, view.facts.now, rule.to, text)
    since = record.since if rule.to is record.state else view.facts.now
    return replace(record, state=rule.to, since=since, reason=text), action, step
