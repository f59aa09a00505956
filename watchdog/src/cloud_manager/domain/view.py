# SPDX-License-Identifier: GPL-3.0-or-later
"""One host as the gates and the transition table see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cloud_manager.domain.facts import ComputeHost, Facts, Fence, JobFact, Observation, Power, PowerReading, Server
from cloud_manager.domain.policy import Policy
from cloud_manager.domain.records import HostRecord, Records


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
    """

    blind: str
    settling: bool
    down: tuple[str, ...]

    @classmethod
    def of(cls, facts: Facts, records: Records, policy: Policy) -> Sight:
        blind = blindness(facts)
        since = None if records.blind_at is None else facts.now - records.blind_at
        settling = not blind and since is not None and since < policy.settle_seconds
        down = sorted(host.name for host in facts.hosts.values() if host.observation is Observation.DOWN)
        return cls(blind, settling, tuple(down))


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
