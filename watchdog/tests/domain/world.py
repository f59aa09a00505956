# SPDX-License-Identifier: GPL-3.0-or-later
"""A small simulated cloud for property tests: it knows what really runs where, and objects to every wrong act."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from cloud_manager.domain.actions import Action, ReadPower, Recover, Return
from cloud_manager.domain.decide import decide
from cloud_manager.domain.facts import (
    MARK,
    ComputeHost,
    Facts,
    Fence,
    JobFact,
    JobStatus,
    Observation,
    Power,
    PowerReading,
    Server,
)
from cloud_manager.domain.policy import Policy
from cloud_manager.domain.records import Decision, Records, State

LOOP = 10.0
DOWN_AFTER = 30.0


@dataclass
class Host:
    """powered: electricity. reachable: its heartbeats arrive. bmc: ok | frozen | stuck.

    own_fault_at: when a heartbeat last failed for the host's own sake, not the message bus'.
    fenced_by: key of the job that saw it off last. late: has not found the message bus again after its outage.
    """

    name: str
    powered: bool = True
    reachable: bool = True
    bmc: str = "ok"
    enabled: bool = True
    reason: str = ""
    forced_down: bool = False
    forced_by_operator: bool = False
    done_evacuations: bool = False
    heartbeat: float = 0.0
    own_fault_at: float = -1.0
    fenced_by: str = ""
    late: bool = False
    servers: set[str] = field(default_factory=set)


class World:
    """Hosts c1..cN with two servers each; the last is left alone by all tests, so that there is somewhere to go.

    `cycle` is what the daemon does, `crash` is kill -9 of it and of its jobs.
    """

    def __init__(self, count: int = 5, policy: Policy | None = None) -> None:
        self.now = 1_000_000.0
        self.policy = policy or Policy(mutex=2, max_down_hosts=2, settle_seconds=40.0)
        self.hosts = {f"c{n}": Host(f"c{n}", servers={f"s{n}a", f"s{n}b"}) for n in range(1, count + 1)}
        self.all_servers = {server for host in self.hosts.values() for server in host.servers}
        self.bus_up = self.api_up = True
        self.gap = self.next_back_at = 0.0
        self.maintenance: dict[str, str] = {}
        self.acknowledged: dict[str, str] = {}
        self.switching: dict[str, str] = {}
        self.records = Records()
        self.jobs: dict[str, JobFact] = {}
        self.running: dict[str, Iterator[None]] = {}
        self.moves: list[tuple[str, str]] = []
        self.recoveries: list[str] = []
        self.looks: dict[str, list[Observation]] = {name: [] for name in self.hosts}
        self.beat()

    # --- the world goes on

    def beat(self) -> None:
        if self.bus_up:
            self._one_comes_back()
        for host in self.hosts.values():
            if not (host.powered and host.reachable):
                host.own_fault_at = self.now
                host.late = False
            elif self.bus_up and not host.late:
                host.heartbeat = self.now

    def bus_back(self, gap: float) -> None:
        """Hosts that Nova calls down by now report again one after the other, gap seconds apart, the others at once."""
        self.bus_up, self.gap, self.next_back_at = True, gap, self.now
        for host in self.hosts.values():
            only_the_bus = host.own_fault_at <= host.heartbeat
            host.late = only_the_bus and gap > 0 and self.now - host.heartbeat > DOWN_AFTER

    def _one_comes_back(self) -> None:
        """The next one of which Nova will say so: what is forced down comes back unnoticed."""
        late = [host for host in self.hosts.values() if host.late and host.powered and host.reachable]
        if late and self.now >= self.next_back_at:
            self.next_back_at = self.now + self.gap
            next((host for host in late if not host.forced_down), late[0]).late = False

    def observe(self) -> Facts:
        operators: dict[str, Any] = {
            "maintenance": dict(self.maintenance),
            "acknowledged": dict(self.acknowledged),
            "switching": dict(self.switching),
        }
        controls = {name: (f"bmc-{name}",) for name in self.hosts}
        if not self.api_up:
            return Facts(self.now, error="Nova does not answer", controls=controls, jobs=dict(self.jobs), **operators)
        hosts = {host.name: self._compute_host(host) for host in self.hosts.values()}
        servers = {h.name: tuple(Server(s, s, "ACTIVE") for s in sorted(h.servers)) for h in self.hosts.values()}
        return Facts(
            self.now,
            hosts=hosts,
            control_plane={"nova-scheduler": 1, "nova-conductor": 1},
            nova_now=self.now,
            controls=controls,
            jobs=dict(self.jobs),
            servers=servers,
            **operators,
        )

    def _compute_host(self, host: Host) -> ComputeHost:
        up = not host.forced_down and self.now - host.heartbeat <= DOWN_AFTER
        seen = Observation.UP if up else Observation.DOWN
        return ComputeHost(host.name, seen, host.enabled, host.reason, host.forced_down, "az", host.heartbeat)

    # --- the daemon

    def cycle(self, crash_before_submit: bool = False) -> Decision:
        self.now += LOOP
        self.beat()
        facts = self.observe()
        decision = decide(facts, self.records, self.policy)
        for action in decision.actions:
            self.check(action, facts)
        for name, host in facts.hosts.items():
            self.looks[name].append(host.observation)
        if decision.blind:
            self.looks = {name: [] for name in self.hosts}
        self.records = decision.records
        for action in decision.actions:
            assert action.key not in self.jobs, "an idempotency key is used once"
            self.jobs[action.key] = JobFact(action.key, action.kind, action.host, JobStatus.PLANNED)
        if crash_before_submit:
            self.crash()
            return decision
        for action in decision.actions:
            self.jobs[action.key] = replace(self.jobs[action.key], status=JobStatus.RUNNING)
            self.running[action.key] = self._job(action)
        return decision

    def crash(self) -> None:
        self.running.clear()
        for key, job in self.jobs.items():
            if not job.status.ended:
                self.jobs[key] = replace(job, status=JobStatus.LOST)

    def step_jobs(self) -> None:
        for key in list(self.running):
            if next(self.running[key], "end") == "end":
                self.running.pop(key, None)

    def _end(self, key: str, status: JobStatus, message: str = "", power: PowerReading | None = None) -> None:
        self.jobs[key] = replace(self.jobs[key], status=status, message=message, power=power)

    def _job(self, action: Action) -> Iterator[None]:
        host = self.hosts[action.host]
        if isinstance(action, ReadPower):
            state = Power.UNKNOWN if host.bmc == "frozen" else Power.ON if host.powered else Power.OFF
            yield
            self._end(action.key, JobStatus.SUCCEEDED, power=PowerReading(f"bmc-{host.name}", state))
        elif isinstance(action, Recover):
            yield from self._recover(action, host)
        else:
            yield from self._return(action, host)

    def _recover(self, action: Recover, host: Host) -> Iterator[None]:
        yield
        if not action.override:
            if host.bmc != "ok":
                result = Fence.UNKNOWN if host.bmc == "frozen" else Fence.STILL_ON
                reading = PowerReading(f"bmc-{host.name}", Power.UNKNOWN, result, f"the BMC is {host.bmc}")
                self._end(action.key, JobStatus.FAILED, "not off", reading)
                return
            host.powered = False
            host.fenced_by = action.key
        reading = PowerReading(f"bmc-{host.name}", Power.OFF, Fence.OFF_CONFIRMED)
        yield
        if not self.api_up:
            self._end(action.key, JobStatus.FAILED, "Nova does not answer", reading)
            return
        host.forced_down = True
        if action.disable_service:
            host.enabled, host.reason = False, f"{MARK} incident {action.incident}"
        yield
        for server in sorted(host.servers):
            if not self.api_up or not self.bus_up:
                self._end(action.key, JobStatus.FAILED, "Nova does not answer", reading)
                return
            if host.powered and host.reachable and not action.override:
                self._end(action.key, JobStatus.FAILED, "its heartbeat is back", reading)
                return
            targets = [h for h in self.hosts.values() if h.powered and h.reachable and not h.forced_down and h.enabled]
            if not targets:
                self._end(action.key, JobStatus.FAILED, "no valid host", reading)
                return
            proven = bool(action.override) or host.fenced_by == action.key
            assert proven, f"{server} would run on {host.name} and on {targets[0].name}"
            self._evacuate(server, host, targets[0])
            yield
        self._end(action.key, JobStatus.SUCCEEDED, power=reading)

    def _evacuate(self, server: str, source: Host, target: Host) -> None:
        source.servers.remove(server)
        source.done_evacuations = True
        target.servers.add(server)
        self.moves.append((server, source.name))

    def _return(self, action: Return, host: Host) -> Iterator[None]:
        yield
        assert not host.forced_by_operator, f"{host.name} is un-forced although an operator forced it down"
        if not (host.powered and host.reachable and self.api_up and self.bus_up):
            self._end(action.key, JobStatus.FAILED, "the heartbeat does not move")
            return
        host.forced_down = False
        yield
        if host.reason.startswith(MARK):
            host.enabled, host.reason = True, ""
        self._end(action.key, JobStatus.SUCCEEDED)

    # --- what must hold for every act, restated independently of the gates

    def check(self, action: Action, facts: Facts) -> None:
        if not isinstance(action, Recover):
            return
        name, policy = action.host, self.policy
        host, seen = self.hosts[name], facts.hosts.get(name)
        down = [h for h in facts.hosts.values() if h.observation is Observation.DOWN]
        assert seen is not None
        assert seen.observation is Observation.DOWN, "only a host seen down is recovered"
        assert self.api_up, "nothing is recovered while Nova can't be read"
        assert host.own_fault_at > host.heartbeat, "a host whose heartbeats only the message bus lost is left alone"
        assert 0 < len(down) <= policy.max_down_hosts, "limits hold"
        assert policy.allow_evacuate_host
        assert name not in policy.deny_evacuate, "denied hosts are left alone"
        assert name not in self.maintenance, "maintenance is respected"
        assert name not in self.switching, "an operator's switching is respected"
        assert not host.forced_by_operator, "an operator's forced_down is respected"
        ours = host.reason.startswith(MARK)
        assert host.enabled or ours or policy.recover_disabled_hosts, "an operator's disabling is respected"
        proof = facts.controls.get(name) or action.override
        assert proof or not policy.fencing_required, "no recovery without a way to prove power-off"
        assert not action.override or name in self.acknowledged or not facts.controls.get(name), (
            "no override of its own making"
        )
        earlier = self.looks[name][-(policy.mutex - 1) :] if policy.mutex > 1 else []
        off = any(j.power and j.power.state is Power.OFF for j in self.jobs.values() if j.host == name)
        first = self.records.hosts.get(name) is None or self.records.hosts[name].state is State.SUSPECT
        if first and not off:
            assert earlier == [Observation.DOWN] * (policy.mutex - 1), "mutex looks are needed"

    # --- repair everything that can be repaired

    def settle(self, cycles: int = 60) -> None:
        self.api_up = True
        self.bus_back(gap=0)
        self.maintenance.clear()
        self.switching.clear()
        self.policy = replace(self.policy, max_down_hosts=len(self.hosts), deny_evacuate=frozenset())
        for host in self.hosts.values():
            host.bmc = "ok"
            host.reachable = True
        for _ in range(cycles):
            self.cycle()
            for _ in range(6):
                self.step_jobs()
