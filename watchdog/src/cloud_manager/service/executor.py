# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the playbooks of decisions: bounded, one of a kind for a host; what they tell goes into the journal."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from cloud_manager.domain.actions import Action, ReadPower, Return
from cloud_manager.domain.facts import JobFact, JobKind, JobStatus
from cloud_manager.domain.power import PowerLink
from cloud_manager.domain.records import State, Step
from cloud_manager.errors import CloudManagerError, StoreUnavailable
from cloud_manager.ports import Clock, JobEvent, Journal, Move, Playbooks, PowerControls
from cloud_manager.service.scribe import Scribe

log = logging.getLogger(__name__)

# How long killed playbooks may take to be gone, seconds.
CANCEL_SECONDS = 15.0
STATES = {JobKind.RECOVER: State.RECOVERING, JobKind.RETURN: State.RETURNING, JobKind.READ_POWER: State.SUSPECT}


@dataclass(frozen=True, slots=True)
class Tools:
    """What jobs work with; a reload of the configuration replaces it for jobs that start later."""

    playbooks: Playbooks
    journal: Journal
    controls: PowerControls
    clock: Clock
    max_jobs: int
    reported: Callable[[int, tuple[Move, ...]], None] = lambda _incident, _moves: None


class Executor:
    """Jobs run in threads of their own. Their states are in the journal, here is only what this process has in hand."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._scribe = Scribe()
        self._changed = threading.Condition()
        self._queue: list[Action] = []
        self._running: dict[str, Action] = {}
        self._cancelled: set[str] = set()

    def use(self, tools: Tools) -> None:
        with self._changed:
            self._tools = tools
            self._start_ready()

    @property
    def in_hand(self) -> frozenset[str]:
        """Keys of jobs that are queued or run."""
        with self._changed:
            return frozenset(self._running) | {action.key for action in self._queue}

    @property
    def has_leisure(self) -> bool:
        """No recovery or return is in hand, and one job more would leave a place free for one."""
        with self._changed:
            taken = [*self._queue, *self._running.values()]
            return all(isinstance(a, ReadPower) for a in taken) and len(taken) < max(self._tools.max_jobs - 1, 1)

    def submit(self, action: Action) -> None:
        with self._changed:
            taken = [*self._queue, *self._running.values()]
            busy = any((other.kind, other.host) == (action.kind, action.host) for other in taken)
            if not busy:
                self._needless(action)
                self._queue.append(action)
                self._start_ready()
        if busy:
            self._end(action, _lost(action, f"another {action.kind.value} of {action.host} is still running"))

    def reconcile(self) -> None:
        """Jobs that the journal calls unfinished and that nobody here runs are lost; what they left running is ended.

        Raises StoreUnavailable.
        """
        self._scribe.flush()
        in_hand = self.in_hand
        lost = [job for job in self._tools.journal.unfinished_jobs() if job.key not in in_hand]
        if not lost:
            return
        orphans = self._tools.playbooks.kill([job.key for job in lost])
        for job in lost:
            log.warning("job.lost key=%s host=%s killed=%s", job.key, job.host, job.key in orphans)
            self._tools.journal.write_job(job.key, JobStatus.LOST)

    def flush(self) -> None:
        """Raises StoreUnavailable while what jobs told can't be written."""
        self._scribe.flush()

    def cancel(self) -> None:
        """Start nothing more of what was submitted, and end what runs, whatever its thread waits for."""
        with self._changed:
            queued, self._queue = self._queue, []
            running = sorted(self._running)
            self._cancelled |= set(running)
        if queued or running:
            log.warning("jobs.cancelled running=%d queued=%d", len(running), len(queued))
        self._tools.playbooks.kill(running)
        for action in queued:
            self._end(action, _lost(action, "cancelled before its start"))

    def wait(self, timeout: float | None = None) -> bool:
        """Until nothing is in hand any more; False when the timeout (s) came first."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while self._running or self._queue:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def stop(self, timeout: float) -> None:
        """Let running jobs end by themselves for so long, then cancel them. The journal keeps what they told."""
        with self._changed:
            queued, self._queue = self._queue, []
        for action in queued:
            self._end(action, _lost(action, "the watchdog stopped before its start"))
        if not self.wait(timeout):
            self.cancel()
            self.wait(CANCEL_SECONDS)
        try:
            self._scribe.flush()
        except StoreUnavailable as error:
            log.error("journal.incomplete error=%s", error)

    def _needless(self, action: Action) -> None:
        """Under the lock. Who recovers a host doesn't wait for what its power control says to a plain question."""
        if not isinstance(action, ReadPower):
            readings = (a for a in self._running.values() if isinstance(a, ReadPower) and a.host == action.host)
            self._cancelled |= {reading.key for reading in readings}

    def _start_ready(self) -> None:
        """Under the lock. Readings come last, and never take the last free place from a recovery."""
        self._queue.sort(key=lambda action: isinstance(action, ReadPower))
        places = self._tools.max_jobs
        while self._queue:
            reading = isinstance(self._queue[0], ReadPower)
            if len(self._running) >= (max(places - 1, 1) if reading else places):
                return
            action = self._queue.pop(0)
            self._running[action.key] = action
            name = f"job-{action.key}"
            threading.Thread(target=self._work, args=(action, self._tools), name=name, daemon=True).start()

    def _work(self, action: Action, tools: Tools) -> None:
        try:
            result = self._run(action, tools)
        except StoreUnavailable as error:
            result = _lost(action, f"could not be started: {error}")
        except CloudManagerError as error:
            result = _failed(action, str(error))
        except Exception:  # the job boundary: one broken job must not silence the watchdog
            log.exception("job.broken key=%s host=%s", action.key, action.host)
            result = _failed(action, "internal error, see the watchdog's log")
        self._end(action, result)
        with self._changed:
            del self._running[action.key]
            self._cancelled.discard(action.key)
            self._start_ready()
            self._changed.notify_all()

    def _run(self, action: Action, tools: Tools) -> JobFact:
        controls: tuple[PowerLink, ...] = () if isinstance(action, Return) else tools.controls.of(action.host)
        log.info("job.started key=%s playbook=%s host=%s", action.key, action.kind.value, action.host)
        self._scribe.write(lambda: tools.journal.write_job(action.key, JobStatus.RUNNING))
        listener = _Listener(action, tools, self._scribe)
        tools.playbooks.run(action, controls, listener, lambda: action.key in self._cancelled)
        return listener.result or _failed(action, "the playbook's end was not reported")

    def _end(self, action: Action, result: JobFact) -> None:
        journal = self._tools.journal
        told = (action.key, action.host, result.status, result.message)
        log.info("job.ended key=%s host=%s status=%s message=%s", *told)
        self._scribe.write(lambda: journal.write_job(action.key, result.status, result))


class _Listener:
    """ports.JobListener of one job."""

    def __init__(self, action: Action, tools: Tools, scribe: Scribe) -> None:
        self.result: JobFact | None = None
        self._action = action
        self._tools = tools
        self._scribe = scribe

    def job_event(self, event: JobEvent) -> None:
        action, journal = self._action, self._tools.journal
        if event.text:
            log.info("job.said key=%s host=%s text=%s", action.key, action.host, event.text)
            step = Step(action.incident, action.host, event.at, STATES[action.kind], event.text)
            self._scribe.write(lambda: journal.add_step(step))
        if event.moves:
            self._scribe.write(lambda: self._write_moves(event.moves))

    def job_ended(self, result: JobFact) -> None:
        self.result = result

    def _write_moves(self, moves: tuple[Move, ...]) -> None:
        self._tools.journal.write_moves(self._action.incident, moves)
        self._tools.reported(self._action.incident, moves)


def _failed(action: Action, message: str) -> JobFact:
    return JobFact(action.key, action.kind, action.host, JobStatus.FAILED, message=message)


def _lost(action: Action, message: str) -> JobFact:
    """Not the host's failure: recovery goes on at the next look, without a wait."""
    return JobFact(action.key, action.kind, action.host, JobStatus.LOST, message=message)
