# SPDX-License-Identifier: GPL-3.0-or-later
"""One host as the gates and the transition table see it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from cloud_manager.domain.facts import ComputeHost, Facts, Fence, JobFact, Observation, Power, PowerReading, Server
from cloud_manager.domain.policy import Policy
from cloud_manager.domain.records import HostRecord, Records

# How many times longer sight settles while more than half of all hosts are missing: a client of the message bus that
# lost it tries again every 30 s, so that by then all that can come back have.
MOST_MISSING = 5


def blindness(facts: Facts) -> str:
    """Why this look proves nothing about any single host, or "".

    Message bus outages stop the heartbeats of all hosts while Nova's API still answers. The first host that Nova calls
    down then looks like a lone failure; the heartbeats of its peers, as old as its own, give the outage away.
    """
    if facts.error:
        return facts.error
    for binary, up in sorted(facts.control_plane.items()):
        if up == 0:
            return f"no {binary} is up"
    up_hosts = [host for host in facts.hosts.values() if host.observation is Observation.UP]
    down = [h for h in facts.hosts.values() if h.observation is Observation.DOWN and not h.forced_down]
    if facts.hosts and not up_hosts:
        return "no host is up: message bus or Nova rather than all hosts"
    if not down:
        return ""
    ages = [
        facts.nova_now - h.heartbeat_at for h in up_hosts if h.heartbeat_at is not None and facts.nova_now is not None
    ]
    if facts.nova_now is None or not ages:
        return "Nova shows no heartbeat times to compare"
    for host in down:
        if host.heartbeat_at is None:
            continue
        late = sum(2 * age > facts.nova_now - host.heartbeat_at for age in ages)
        if late > 1 or 2 * late >= len(ages):
            return f"the heartbeats of the other hosts stopped together with {host.name}'s"
    return ""


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look says about the whole installation, computed once for all hosts.

    down: names of all hosts that Nova calls down. settling: blind until a moment ago, DOWN does not count yet.
    blind_at, missing: what to remember of this look (see Records).

    After a message bus outage hosts report again one after the other. So the time to settle begins anew with each
    that comes back, and is longer while most of them are missing.
    """

    blind: str
    settling: bool
    down: tuple[str, ...]
    blind_at: float | None
    missing: frozenset[str]

    @classmethod
    def of(cls, facts: Facts, records: Records, policy: Policy) -> Sight:
        blind = blindness(facts)
        down, up = (named(facts, observation) for observation in (Observation.DOWN, Observation.UP))
        blind_at = facts.now if blind or records.missing & up else records.blind_at
        since = math.inf if blind_at is None else facts.now - blind_at
        missing = records.missing & awaited(facts) if facts.hosts else records.missing
        if since < policy.settle_seconds:
            counted = {record.name for record in records.hosts.values() if record.downs >= policy.mutex}
            missing |= (down & awaited(facts)) - counted
        most = 2 * len(missing) > len(facts.hosts)
        settling = since < policy.settle_seconds * (MOST_MISSING if most else 1)
        kept = missing if blind or settling else frozenset()
        return cls(blind, settling and not blind, tuple(sorted(down)), blind_at, kept)


def named(facts: Facts, observation: Observation) -> frozenset[str]:
    return frozenset(host.name for host in facts.hosts.values() if host.observation is observation)


def awaited(facts: Facts) -> frozenset[str]:
    """Hosts that are not up and of which no operator says why: they may have lost the message bus only."""
    return frozenset(
        host.name
        for host in facts.hosts.values()
        if host.observation is not Observation.UP and not host.forced_down and host.name not in facts.acknowledged
    )


@dataclass(frozen=True, slots=True)
class View:
    """record: as remembered, with this look already counted. host: None where Nova did not list it or was not read."""

    record: HostRecord
    host: ComputeHost | None
    facts: Facts
    policy: Policy
    sight: Sight

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def job(self) -> JobFact | None:
        return self.facts.jobs.get(self.record.job)

    @property
    def fence_failure(self) -> PowerReading | None:
        """The fencing result of the last recovery, unless it confirmed power-off or never got so far."""
        power = self.job.power if self.job else None
        if power is None or power.result in (None, Fence.OFF_CONFIRMED):
            return None
        return power

    @property
    def reads_off(self) -> bool:
        """A power control of this suspect says off by itself: proof of failure (SPEC S3)."""
        reading = self.facts.jobs.get(self.record.read_job)
        return reading is not None and reading.power is not None and reading.power.state is Power.OFF

    @property
    def forced_by_us(self) -> bool:
        return self.host is not None and self.host.forced_down and (self.record.forced_down_by_us or self.host.marked)

    @property
    def remaining(self) -> tuple[Server, ...] | None:
        """Servers still to be moved off the host; None where Nova could not be asked."""
        servers = self.facts.servers.get(self.name)
        if servers is None:
            return None
        excused = self.record.accounted | (self.job.left.keys() if self.job else frozenset())
        return tuple(server for server in servers if server.id not in excused)

    @property
    def retry_due(self) -> bool:
        """A retry time further away than any back-off means that the clock jumped: don't wait for it."""
        retry_at = self.record.retry_at
        return retry_at is None or not 0 < retry_at - self.facts.now <= self.policy.retry_interval_max

    def words(self, hold: str) -> Mapping[str, object]:
        """What the sentences of the transition table may name."""
        remaining = self.remaining or ()
        return {
            "downs": self.record.downs,
            "mutex": self.policy.mutex,
            "hold": hold,
            "maintenance": self.facts.maintenance.get(self.name, ""),
            "message": (self.job.message if self.job else "") or "no result",
            "remaining": len(remaining),
            "left": len(self.facts.servers.get(self.name, ())) - len(remaining),
        }
