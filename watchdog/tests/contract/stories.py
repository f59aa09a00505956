# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions to be stored."""

from __future__ import annotations

from cloud_manager.domain.actions import Action, Recover
from cloud_manager.domain.facts import Fence, Power, PowerReading
from cloud_manager.domain.records import Decision, HostRecord, Records, State, Step
from cloud_manager.ports import Journal, Lease

NOW = 1_700_000_000.123456


def holding(journal: Journal, holder: str = "here") -> Lease:
    lease = journal.acquire_lease(holder, 60, lambda _: True)
    assert lease is not None
    return lease


def record(name: str = "compute-01", incident: int = 1, state: State = State.SUSPECT) -> HostRecord:
    """Every field says something."""
    return HostRecord(
        name,
        state,
        since=NOW,
        reason="не отвечает 🔌",
        downs=3,
        ups=1,
        beats=2,
        heartbeat_at=NOW - 60,
        incident=incident,
        attempt=2,
        failures=1,
        job=f"{incident}-recover-2",
        read_job=f"{incident}-read-1",
        retry_at=NOW + 30,
        forced_down_by_us=True,
        fence=PowerReading("bmc-1", Power.ON, Fence.STILL_ON, "still on"),
        accounted=frozenset({"server-1", "server-2"}),
    )


def step(
    incident: int = 1, state: State = State.SUSPECT, host: str = "compute-01", at: float = NOW, text: str = "seen"
) -> Step:
    return Step(incident, host, at, state, text)


def decision(*changed: HostRecord, steps: tuple[Step, ...] = (), actions: tuple[Action, ...] = ()) -> Decision:
    return Decision(Records({r.name: r for r in changed}), changed, actions, steps)


def opened(incident: int = 1, host: str = "compute-01") -> Decision:
    """An incident begins, and its first playbook is planned."""
    return decision(
        record(host, incident),
        steps=(step(incident, host=host),),
        actions=(Recover(f"{incident}-recover-1", host, incident),),
    )


def healthy(incident: int = 1, host: str = "compute-01", at: float = NOW + 100) -> Decision:
    """An incident ends."""
    return decision(HostRecord(host, since=at), steps=(step(incident, State.HEALTHY, host, at, "host is back"),))
