# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts for tests: a healthy cluster of three hosts, and what is different about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cloud_manager.domain.facts import (
    ComputeHost,
    Facts,
    Fence,
    JobFact,
    JobKind,
    JobStatus,
    Observation,
    Power,
    PowerReading,
    Server,
)
from cloud_manager.domain.policy import Policy
from cloud_manager.domain.records import HostRecord, Records, State

NOW = 1_000_000.0
POLICY = Policy(mutex=1, max_down_hosts=1)
UP, DOWN, UNKNOWN = Observation.UP, Observation.DOWN, Observation.UNKNOWN


class Cluster:
    """c1, c2, c3 are up and have a power control each."""

    def __init__(self) -> None:
        names = ("c1", "c2", "c3")
        self._hosts = {name: ComputeHost(name, UP, heartbeat_at=NOW) for name in names}
        self._facts = Facts(
            NOW,
            control_plane={"nova-scheduler": 1, "nova-conductor": 1},
            nova_now=NOW,
            controls={name: (f"bmc-{name}",) for name in names},
        )

    def host(self, name: str, **changes: Any) -> Cluster:
        self._hosts[name] = replace(self._hosts[name], **changes)
        return self

    def add(self, name: str, **fields: Any) -> Cluster:
        self._hosts[name] = ComputeHost(name, UP, **fields)
        return self

    def down(self, *names: str, age: float = 60.0, **changes: Any) -> Cluster:
        for name in names:
            self.host(name, observation=DOWN, heartbeat_at=NOW - age, **changes)
        return self

    def but(self, **changes: Any) -> Cluster:
        self._facts = replace(self._facts, **changes)
        return self

    def without(self, name: str) -> Cluster:
        del self._hosts[name]
        return self

    def job(self, status: JobStatus, kind: JobKind = JobKind.RECOVER, key: str = "1-job-1", **result: Any) -> Cluster:
        jobs = {**self._facts.jobs, key: JobFact(key, kind, "c1", status, **result)}
        return self.but(jobs=jobs)

    def servers(self, *ids: str) -> Cluster:
        return self.but(servers={"c1": tuple(Server(i, i, "ACTIVE") for i in ids)})

    def facts(self) -> Facts:
        return replace(self._facts, hosts={} if self._facts.error else dict(self._hosts))


def a_cluster() -> Cluster:
    return Cluster()


def c1(state: State, **fields: Any) -> Records:
    """c1 is remembered in this state, with incident 1 open and job 1-job-1 as its last job."""
    incident = None if state is State.MAINTENANCE else 1
    fields = {"incident": incident, "attempt": 1, "job": "1-job-1", "since": NOW - 100, **fields}
    return Records({"c1": HostRecord("c1", state, **fields)}, next_incident=2)


def reading(result: Fence | None, state: Power = Power.UNKNOWN, message: str = "no answer in 30 s") -> PowerReading:
    return PowerReading("bmc-c1", state, result, message)
