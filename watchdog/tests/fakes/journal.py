# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal in memory. It passes the contract suite that the real one passes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cloud_manager.adapters.store.rows import merged
from cloud_manager.domain.actions import Action, Recover
from cloud_manager.domain.facts import JobFact, JobStatus, Switching
from cloud_manager.domain.records import Decision, HostRecord, Records, State, Step
from cloud_manager.errors import BadInput, NotLeader, Overtaken, StoreUnavailable
from cloud_manager.ports import IncidentReport, IncidentSummary, Lease, Move, OperatorFacts
from watchdog.tests.fakes.power_controls import FakePowerControls

__all__ = ["FakeJournal", "FakePowerControls"]


@dataclass
class Chapter:
    """One incident."""

    summary: IncidentSummary
    steps: list[Step] = field(default_factory=list)
    moves: dict[str, Move] = field(default_factory=dict)
    jobs: list[str] = field(default_factory=list)
    acknowledged: str = ""


class FakeJournal:
    """ports.Journal. broken: set it to a sentence, and every call raises StoreUnavailable with it."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.broken = ""
        self.saved: list[Decision] = []
        self.switchings: dict[int, Switching] = {}
        self._now = now
        self._lock = threading.RLock()
        self._hosts: dict[str, HostRecord] = {}
        self._sight = Records()
        self._chapters: dict[int, Chapter] = {}
        self._jobs: dict[str, JobFact] = {}
        self._maintenance: dict[str, str] = {}
        self._lease = Lease("", 0)
        self._expires_at = 0.0

    def acquire_lease(self, holder: str, ttl: float, alive: Callable[[str], bool]) -> Lease | None:
        with self._whole():
            other = self._lease.holder
            if other not in (holder, "") and self._expires_at > self._now() and alive(other):
                return None
            if other != holder:
                self._lease = Lease(holder, self._lease.epoch + 1)
            self._expires_at = self._now() + ttl
            return self._lease

    def lease_holder(self) -> str:
        with self._whole():
            return self._lease.holder if self._expires_at > self._now() else ""

    def release_lease(self, lease: Lease) -> None:
        with self._whole():
            if self._lease == lease:
                self._lease = Lease("", lease.epoch)

    def load(self) -> Records:
        with self._whole():
            return replace(self._sight, hosts=dict(self._hosts), next_incident=max(self._chapters, default=0) + 1)

    def save(self, decision: Decision, lease: Lease) -> None:
        with self._whole():
            if self._lease != lease:
                raise NotLeader(f"the lease of {lease.holder} (epoch {lease.epoch}) is lost")
            self._require_unswitched(decision)
            for action in decision.actions:
                self._require_unused(action)
            for record in decision.changed:
                self._remember(record)
            self._sight = decision.records
            for step in decision.steps:
                self._chapters.setdefault(step.incident, _opened(step.incident, step.host, step.at, step))
                self._tell(step)
            for action in decision.actions:
                self._plan(action)
            self.saved.append(decision)

    def jobs(self, keys: Sequence[str]) -> Mapping[str, JobFact]:
        with self._whole():
            return {key: self._jobs[key] for key in keys if key in self._jobs}

    def unfinished_jobs(self) -> tuple[JobFact, ...]:
        with self._whole():
            return tuple(job for job in self._jobs.values() if not job.status.ended)

    def write_job(self, key: str, status: JobStatus, result: JobFact | None = None) -> None:
        with self._whole():
            if key not in self._jobs:
                raise BadInput(f"job {key} is unknown")
            if not self._jobs[key].status.ended:
                self._jobs[key] = replace(result or self._jobs[key], status=status)

    def add_step(self, step: Step) -> None:
        with self._whole():
            self._chapter(step.incident)
            self._tell(step)

    def write_moves(self, incident: int, moves: Sequence[Move]) -> None:
        with self._whole():
            known = self._chapter(incident).moves if moves else {}
            for move in moves:
                before = known.get(move.server_id)
                known[move.server_id] = merged(before, move) if before else move

    def operator_facts(self) -> OperatorFacts:
        with self._whole():
            acknowledged = {
                c.summary.host: c.acknowledged
                for c in self._chapters.values()
                if c.acknowledged and c.summary.closed_at is None
            }
            return OperatorFacts(dict(self._maintenance), acknowledged, tuple(self.switchings.values()))

    def set_maintenance(self, host: str, reason: str | None, who: str, at: float) -> None:
        with self._whole():
            self._maintenance.pop(host, None)
            if reason is not None:
                self._maintenance[host] = reason

    def acknowledge(self, host: str, who: str, why: str, at: float) -> None:
        with self._whole():
            numbers = [n for n, c in self._chapters.items() if c.summary.host == host and c.summary.closed_at is None]
            if not numbers:
                raise BadInput(f"host {host} has no open incident: there is nothing to acknowledge")
            self._chapters[max(numbers)].acknowledged = f"{who}: {why}"

    def incidents(self, limit: int = 50) -> tuple[IncidentSummary, ...]:
        with self._whole():
            numbers = sorted(self._chapters, reverse=True)[:limit]
            return tuple(_counted(self._chapters[number]) for number in numbers)

    def incident(self, number: int) -> IncidentReport:
        with self._whole():
            chapter = self._chapter(number)
            moves = sorted(chapter.moves.values(), key=lambda m: -1 if m.priority is None else m.priority, reverse=True)
            jobs = tuple(self._jobs[key] for key in sorted(chapter.jobs))
            return IncidentReport(_counted(chapter), tuple(chapter.steps), tuple(moves), jobs)

    def _whole(self) -> threading.RLock:
        if self.broken:
            raise StoreUnavailable(self.broken)
        return self._lock

    def _require_unused(self, action: Action) -> None:
        job = self._jobs.get(action.key)
        if job and (job.status is not JobStatus.PLANNED or (job.kind, job.host) != (action.kind, action.host)):
            raise BadInput(f"job {action.key} exists already: a key is used once")

    def _require_unswitched(self, decision: Decision) -> None:
        at = {step.host: step.at for step in decision.steps}
        recovered = {action.host for action in decision.actions if isinstance(action, Recover)}
        for one in self.switchings.values():
            if one.host in recovered and one.may_last(at.get(one.host, one.at)):
                raise Overtaken(f"host {one.host}: {one.action} by {one.who}")

    def _plan(self, action: Action) -> None:
        if action.key not in self._jobs:
            self._jobs[action.key] = JobFact(action.key, action.kind, action.host, JobStatus.PLANNED)
            if action.incident in self._chapters:
                self._chapters[action.incident].jobs.append(action.key)

    def _remember(self, record: HostRecord) -> None:
        self._hosts.pop(record.name, None)
        if record.state is State.HEALTHY:
            return
        self._hosts[record.name] = record
        if record.incident is None:
            return
        chapter = self._chapters.setdefault(
            record.incident, _opened(record.incident, record.name, record.since, record)
        )
        chapter.summary = replace(chapter.summary, state=record.state, reason=record.reason)

    def _tell(self, step: Step) -> None:
        chapter = self._chapters[step.incident]
        chapter.steps.append(step)
        if step.state is State.HEALTHY and chapter.summary.closed_at is None:
            chapter.summary = replace(chapter.summary, state=step.state, closed_at=step.at, reason=step.text)

    def _chapter(self, number: int) -> Chapter:
        if number not in self._chapters:
            raise BadInput(f"incident {number} is unknown")
        return self._chapters[number]


def _opened(number: int, host: str, at: float, source: HostRecord | Step) -> Chapter:
    reason = source.reason if isinstance(source, HostRecord) else source.text
    return Chapter(IncidentSummary(number, host, source.state, at, None, reason))


def _counted(chapter: Chapter) -> IncidentSummary:
    outcomes = [move.outcome for move in chapter.moves.values()]
    evacuated, left, failed = map(outcomes.count, ("evacuated", "left", "failed"))
    return replace(chapter.summary, evacuated=evacuated, left=left, failed=failed)
