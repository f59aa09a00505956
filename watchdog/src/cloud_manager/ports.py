# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service needs from the world. Every implementation, fake or real, passes the same contract suite."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cloud_manager.domain.actions import Action
from cloud_manager.domain.facts import ComputeHost, JobFact, JobStatus, Power, PowerReading, Server, Switching
from cloud_manager.domain.power import Check, ControlChange, Option, PowerControl, PowerLink
from cloud_manager.domain.records import Decision, Records, State, Step
from cloud_manager.domain.switching import Order


@dataclass(frozen=True, slots=True)
class CloudView:
    """One look at os-services. control_plane: binary -> services up. nova_now: newest heartbeat, s since epoch."""

    hosts: Mapping[str, ComputeHost]
    control_plane: Mapping[str, int]
    nova_now: float | None


@dataclass(frozen=True, slots=True)
class Move:
    """One server of an incident: where it came from, where it is, in which state. Times are s since epoch.

    outcome: waiting | moving | evacuated | left | failed. reason: why left or failed.
    """

    server_id: str
    name: str
    source: str
    destination: str = ""
    priority: int | None = None
    status_before: str = ""
    status: str = ""
    outcome: str = "waiting"
    reason: str = ""
    attempts: int = 0
    requested_at: float | None = None
    accepted_at: float | None = None
    finished_at: float | None = None


class Cloud(Protocol):
    """Nova, read only. Raises CloudUnavailable."""

    def look(self) -> CloudView: ...

    def servers_on(self, host: str) -> tuple[Server, ...]: ...

    def moves_from(self, host: str, since: float) -> tuple[Move, ...]:
        """Evacuations away from host that changed since this time, newest attempt of each server only."""
        ...


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A hint while a playbook runs: text for the timeline, moves as the evacuation task reported them."""

    key: str
    at: float
    text: str = ""
    moves: tuple[Move, ...] = ()


class JobListener(Protocol):
    """Called from the job's own thread, in order."""

    def job_event(self, event: JobEvent) -> None: ...

    def job_ended(self, result: JobFact) -> None: ...


class Playbooks(Protocol):
    """Runs an action's playbook to its end. Never prints or keeps a secret."""

    def run(
        self, action: Action, controls: Sequence[PowerLink], listener: JobListener, cancelled: Callable[[], bool]
    ) -> None:
        """Blocks until the playbook ended, then calls listener.job_ended exactly once. Raises JobNotStarted."""
        ...

    def kill(self, keys: Sequence[str]) -> tuple[str, ...]:
        """End what runs under these keys, whoever started it, at once; returns the keys that had processes."""
        ...


@dataclass(frozen=True, slots=True)
class IncidentSummary:
    id: int
    host: str
    state: State
    opened_at: float
    closed_at: float | None
    reason: str
    evacuated: int = 0
    left: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class IncidentReport:
    summary: IncidentSummary
    steps: tuple[Step, ...]
    moves: tuple[Move, ...]
    jobs: tuple[JobFact, ...]


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to act: whoever holds the newest epoch."""

    holder: str
    epoch: int


@dataclass(frozen=True, slots=True)
class OperatorFacts:
    """maintenance: host -> reason. acknowledged: host -> "who: why", while the incident it was given for is open.

    switchings: what was begun and not concluded, however old, the oldest first.
    """

    maintenance: Mapping[str, str] = field(default_factory=dict)
    acknowledged: Mapping[str, str] = field(default_factory=dict)
    switchings: tuple[Switching, ...] = ()


class Journal(Protocol):
    """The recovery journal. Raises StoreUnavailable; NotLeader where a lease is asked for and is lost."""

    def acquire_lease(self, holder: str, ttl: float, alive: Callable[[str], bool]) -> Lease | None:
        """Take, renew or take over the lease; None while another holder's is valid.

        A holder that `alive` knows to be dead (a process of this machine) is taken over at once.
        """
        ...

    def release_lease(self, lease: Lease) -> None: ...

    def lease_holder(self) -> str:
        """Who holds the lease, "" while nobody does; for people only."""
        ...

    def load(self) -> Records: ...

    def save(self, decision: Decision, lease: Lease) -> None:
        """One transaction: check the lease; write records, steps, jobs (PLANNED), incidents (a step HEALTHY closes).

        Raises Overtaken where a host to be recovered is being switched by an operator.
        """
        ...

    def jobs(self, keys: Sequence[str]) -> Mapping[str, JobFact]: ...

    def unfinished_jobs(self) -> tuple[JobFact, ...]: ...

    def write_job(self, key: str, status: JobStatus, result: JobFact | None = None) -> None: ...

    def add_step(self, step: Step) -> None: ...

    def write_moves(self, incident: int, moves: Sequence[Move]) -> None:
        """Insert or update by server; empty fields and None never overwrite what is known."""
        ...

    def operator_facts(self) -> OperatorFacts: ...

    def set_maintenance(self, host: str, reason: str | None, who: str, at: float) -> None: ...

    def acknowledge(self, host: str, who: str, why: str, at: float) -> None:
        """Raises BadInput where host has no open incident."""
        ...

    def incidents(self, limit: int = 50) -> tuple[IncidentSummary, ...]: ...

    def incident(self, number: int) -> IncidentReport:
        """Raises BadInput for an unknown number."""
        ...


@dataclass(frozen=True, slots=True)
class LoggedAction:
    """What somebody did: subject is a host or a power control. at: s since epoch.

    result: "" while it isn't known how it ended, None for what could not end otherwise.
    """

    at: float
    who: str
    action: str
    subject: str
    result: str | None
    details: str


@dataclass(frozen=True, slots=True)
class Switched:
    """proven: the control shows what was asked for. message: what was seen, or what went wrong."""

    proven: bool
    state: Power
    message: str


class PowerControls(Protocol):
    """The installed power controls. Raises BadInput: unknown title or host, duplicate, outlet in use."""

    def add(self, control: PowerControl) -> None: ...

    def change(self, title: str, change: ControlChange) -> None: ...

    def remove(self, title: str, force: bool) -> Mapping[str, str]: ...

    def get(self, title: str) -> PowerControl: ...

    def list(self) -> tuple[tuple[PowerControl, tuple[PowerLink, ...]], ...]: ...

    def link(
        self,
        host: str,
        title: str,
        outlet: int | None = None,
        default: bool = False,
        options: Mapping[str, Option] | None = None,
    ) -> None:
        """options: None leaves those of an existing link."""
        ...

    def link_outlets(
        self,
        host: str,
        title: str,
        outlets: Sequence[int],
        default: bool = False,
        options: Mapping[str, Option] | None = None,
    ) -> None:
        """All of these links or none."""
        ...

    def unlink(
        self, host: str, title: str, outlet: int | None = None, new_default: str | None = None, force: bool = False
    ) -> None:
        """Refused without force: the only control of the host, or some outlets of a control that keeps others."""
        ...

    def titles(self) -> Mapping[str, tuple[str, ...]]:
        """host -> titles of its linked controls, the default first."""
        ...

    def of(self, host: str) -> tuple[PowerLink, ...]: ...

    def verified(self, host: str, title: str, at: float, outlet: int | None = None) -> None: ...

    def initialised(self, host: str, title: str, at: float, identity: str, outlet: int | None = None) -> None: ...

    def checked(self, host: str, title: str, check: Check, outlet: int | None = None) -> None: ...

    def forget_identity(self, title: str) -> int: ...

    def begin(self, action: str, subject: str, details: str) -> int:
        """Log an action before it is done; returns its number."""
        ...

    def begin_switching(self, order: Order) -> int:
        """As begin. Raises BadInput, in the same transaction, for a host that is to go on and whose servers are on
        their way elsewhere; without force only.
        """
        ...

    def conclude(self, number: int, result: str, message: str) -> None:
        """message comes after what was logged at the beginning."""
        ...

    def actions(self, last: int) -> tuple[LoggedAction, ...]: ...


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic(self) -> float: ...


class Supervisor(Protocol):
    """What started the watchdog and looks after it: systemd. It answers nothing, and nobody may be there."""

    def starting(self, seconds: float) -> None:
        """The start may take so long from now."""
        ...

    def ready(self, silence: float) -> None:
        """The watch has begun, or goes on after a reload. silence: s without alive() that mean that it hangs."""
        ...

    def alive(self) -> None: ...

    def status(self, text: str) -> None: ...

    def reloading(self) -> None: ...

    def stopping(self, seconds: float) -> None:
        """The end may take so long from now."""
        ...


def never() -> bool:
    return False


Checked = Callable[[PowerLink, PowerReading], None]


class Verifier(Protocol):
    """Asks power controls by playbook, for the console and the scheduled check. Several threads may ask at once.

    cancelled: asked twice a second; once it says True the playbook is ended.
    """

    def read_power(
        self, host: str, controls: Sequence[PowerLink], cancelled: Callable[[], bool] = never
    ) -> PowerReading: ...

    def check_power(
        self,
        hosts: Mapping[str, Sequence[PowerLink]],
        told: Checked,
        cancelled: Callable[[], bool] = never,
    ) -> str:
        """Read every link of these hosts by itself, none for another.

        told: called from this thread, once for each link, as soon as its host was read. Returns what went wrong, as
        far as it is known; links that were not told then were not read.
        """
        ...

    def switch_power(self, host: str, controls: Sequence[PowerLink], state: str, timeout: float) -> Switched:
        """state: on, off or soft_off. timeout: s until it must be proven."""
        ...
