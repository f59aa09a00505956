# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks that do what a test tells them, in no time or when they are let go."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from cloud_manager.domain.actions import Action
from cloud_manager.domain.facts import JobFact, JobStatus
from cloud_manager.domain.power import PowerLink
from cloud_manager.ports import JobEvent, JobListener

Play = Callable[[Action, JobListener], JobFact]

PATIENCE = 10.0


def succeed(action: Action, _listener: JobListener) -> JobFact:
    return JobFact(action.key, action.kind, action.host, JobStatus.SUCCEEDED)


def say(*texts: str) -> Play:
    def play(action: Action, listener: JobListener) -> JobFact:
        for text in texts:
            listener.job_event(JobEvent(action.key, 1.0, text))
        return succeed(action, listener)

    return play


class FakePlaybooks:
    """ports.Playbooks. play: what the next runs do. held: runs wait until release(), or until they are cancelled.

    orphans: keys of jobs that a dead daemon left running. started: actions, in the order of their start.
    """

    def __init__(self) -> None:
        self.play: Play = succeed
        self.started: list[Action] = []
        self.given: dict[str, tuple[PowerLink, ...]] = {}
        self.orphans: set[str] = set()
        self.killed: list[str] = []
        self.held = False
        self._changed = threading.Condition()

    def run(
        self, action: Action, controls: Sequence[PowerLink], listener: JobListener, cancelled: Callable[[], bool]
    ) -> None:
        with self._changed:
            self.started.append(action)
            self.given[action.key] = tuple(controls)
            self._changed.notify_all()
            while self.held and not cancelled():
                self._changed.wait(0.01)  # a real one asks as well
        if cancelled():
            listener.job_ended(JobFact(action.key, action.kind, action.host, JobStatus.LOST, message="cancelled"))
        else:
            listener.job_ended(self.play(action, listener))

    def kill(self, keys: Sequence[str]) -> tuple[str, ...]:
        found = tuple(key for key in keys if key in self.orphans)
        self.orphans -= set(found)
        self.killed += found
        return found

    def hold(self) -> None:
        self.held = True

    def release(self) -> None:
        with self._changed:
            self.held = False
            self._changed.notify_all()

    def wait_for(self, count: int) -> list[str]:
        """Keys of the first `count` runs, once they have started."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.started) >= count, PATIENCE), self.started
            return [action.key for action in self.started[:count]]
