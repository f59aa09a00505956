# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered between cycles. A healthy host has no record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cloud_manager.domain.actions import Action
from cloud_manager.domain.facts import PowerReading


class State(StrEnum):
    HEALTHY = "HEALTHY"
    SUSPECT = "SUSPECT"
    HELD = "HELD"
    RECOVERING = "RECOVERING"
    RECOVERED = "RECOVERED"
    FAILED = "FAILED"
    RETURNING = "RETURNING"
    MAINTENANCE = "MAINTENANCE"


@dataclass(frozen=True, slots=True)
class HostRecord:
    """One host as the last cycle left it.

    since: when `state` was entered. reason: the sentence shown to operators.
    downs, ups: consecutive DOWN and UP looks. beats: heartbeats seen while the host is down by our own act.
    incident: number of the open incident. attempt: playbooks started in it. failures: how many of those recoveries or
    returns failed in a row.
    job, read_job: keys of the last recovery or return, and of the last power reading. retry_at: not again before.
    forced_down_by_us: may be undone at the host's return; recorded before the act.
    fence: the last attempt that did not confirm power-off. accounted: servers that stay on the host on purpose.
    """

    name: str
    state: State = State.HEALTHY
    since: float = 0.0
    reason: str = ""
    downs: int = 0
    ups: int = 0
    beats: int = 0
    heartbeat_at: float | None = None
    incident: int | None = None
    attempt: int = 0
    failures: int = 0
    job: str = ""
    read_job: str = ""
    retry_at: float | None = None
    forced_down_by_us: bool = False
    fence: PowerReading | None = None
    accounted: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Records:
    """next_incident: the number that the next incident gets.

    blind_at: when the observer was last blind, or when a missing host came back after that.
    missing: hosts that Nova has called down since the observer was last blind, and that had not failed before.
    """

    hosts: Mapping[str, HostRecord] = field(default_factory=dict)
    next_incident: int = 1
    blind_at: float | None = None
    missing: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of an incident's timeline."""

    incident: int
    host: str
    at: float
    state: State
    text: str


@dataclass(frozen=True, slots=True)
class Decision:
    """records: the whole memory after this cycle; changed: the part that must be written (HEALTHY: forget it).

    steps: new lines of the timelines. held: host -> reason. blind: why nothing could be seen, or "".
    seen: how many hosts Nova told of.
    """

    records: Records
    changed: tuple[HostRecord, ...] = ()
    actions: tuple[Action, ...] = ()
    steps: tuple[Step, ...] = ()
    held: Mapping[str, str] = field(default_factory=dict)
    blind: str = ""
    seen: int = 0
