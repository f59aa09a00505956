# SPDX-License-Identifier: GPL-3.0-or-later
"""One cycle: take the right to act, look, decide, record, act."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from cloud_manager.domain.decide import decide
from cloud_manager.domain.facts import Facts
from cloud_manager.domain.policy import Policy
from cloud_manager.domain.records import Decision, State
from cloud_manager.errors import NotLeader
from cloud_manager.ports import Journal, Lease
from cloud_manager.service.executor import Executor
from cloud_manager.service.leadership import Leadership
from cloud_manager.service.moves import MoveTracker
from cloud_manager.service.observer import Observer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Eyes:
    """What a cycle works with; a reload of the configuration replaces it between two cycles."""

    observer: Observer
    journal: Journal
    tracker: MoveTracker
    policy: Policy


class Cycle:
    def __init__(self, eyes: Eyes, leadership: Leadership, executor: Executor) -> None:
        self._eyes = eyes
        self._leadership = leadership
        self._executor = executor
        self._acting = True
        self._lease: Lease | None = None

    @property
    def acts(self) -> bool:
        """Whether the lease of the last cycle is still ours."""
        lease = self._lease
        return lease is not None and self._leadership.holds(lease)

    def use(self, eyes: Eyes) -> None:
        self._eyes = eyes

    def run_once(self) -> Decision | None:
        """None: another watchdog acts. Raises StoreUnavailable, Overtaken; then nothing was started."""
        eyes = self._eyes
        self._lease = lease = self._leadership.take()
        if lease is None:
            self._stand_by("another watchdog holds the lease")
            return None
        self._acting = True
        self._executor.reconcile()
        records = eyes.journal.load()
        facts = eyes.observer.observe(records)
        decision = decide(facts, records, eyes.policy)
        try:
            eyes.journal.save(decision, lease)  # intent first
        except NotLeader as error:
            self._stand_by(str(error))
            return None
        log.info("cycle.decided %s", summary(facts, decision))
        for action in decision.actions:
            self._executor.submit(action)
        if not self._leadership.holds(lease):  # after the submits: a loss that comes later cancels them by itself
            self._stand_by("the lease was lost during the cycle")
            return None
        eyes.tracker.track(facts, decision.records)
        return decision

    def _stand_by(self, why: str) -> None:
        """Who lost the lease ends his playbooks: the other watchdog goes on with them."""
        if self._acting:
            log.warning("cycle.standby reason=%s", why)
            self._executor.cancel()
        self._acting = False


def summary(facts: Facts, decision: Decision) -> str:
    """The one line of a cycle: held and acting name hosts, the others count them."""
    suspect = sum(record.state is State.SUSPECT for record in decision.records.hosts.values())
    held = ", ".join(f"{host} ({reason})" for host, reason in sorted(decision.held.items()))
    acting = ", ".join(f"{action.kind.value} {action.host}" for action in decision.actions)
    blind = f'"{decision.blind}"' if decision.blind else "no"
    return f"seen={len(facts.hosts)} suspect={suspect} held=[{held}] acting=[{acting}] blind={blind}"
