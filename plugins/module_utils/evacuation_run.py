# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry an evacuation plan out on a real cloud: look, decide, ask, look again.

PRIVATE to the collection aos.cloud_manager: may change in any release.

One thread decides; a bounded pool sends requests and reads servers. One look at Nova is the list of evacuations,
whatever the number of servers, and a server is read only before it is asked for and when its evacuation has ended.
While servers wait for their turn the hosts that they leave are looked at, too: one that shows a sign of life is left
alone from then on.
"""

from __future__ import annotations

import concurrent.futures
import math
import time
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud import CloudUnavailable
from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Compute, Server
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation import Answer, Move, Said
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_lost import why_lost
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_plan import EvacuationPlan
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_proof import sign_of_life
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_request import ask
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_survey import Survey
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

# Requests are sent only within this many seconds after a look, so that what others started is known.
FRESH_SECONDS = 1.0
# Requests are sent only within this many seconds after a look at the hosts that the servers leave.
SOURCES_SECONDS = 2.0
# The pace of looks while servers wait for a place.
HURRY_SECONDS = 0.5
BLIND_SECONDS = 900.0
GRACE_SECONDS = 10.0


class Pool(t.Protocol):
    """What is used of concurrent.futures.Executor."""

    def submit(self, work: t.Callable[..., t.Any], *arguments: t.Any) -> concurrent.futures.Future[t.Any]:
        """Run work(*arguments) soon."""


def steady_clock() -> t.Callable[[], float]:
    """Epoch seconds that never jump, whatever is done to the machine's clock meanwhile."""
    offset = time.time() - time.monotonic()
    return lambda: offset + time.monotonic()


def wait_for(futures: set[concurrent.futures.Future], seconds: float) -> None:
    """Return when one of the futures is done, or after that time."""
    if futures:
        concurrent.futures.wait(futures, seconds, concurrent.futures.FIRST_COMPLETED)
    else:
        time.sleep(seconds)


class EvacuationRun:
    """One run of a plan. compute, pool, clock and wait are the outside world; threads: the size of the pool.

    found: what the plan was made from.
    """

    def __init__(
        self,
        compute: Compute,
        found: Survey,
        plan: EvacuationPlan,
        pool: Pool,
        threads: int,
        clock: t.Callable[[], float] | None = None,
        wait: t.Callable[[set[concurrent.futures.Future], float], None] = wait_for,
    ) -> None:
        self._compute = compute
        self._plan = plan
        self._since = found.since
        self._sources = {service.host: service for service in found.services}
        self._pool = pool
        self._threads = threads
        self._clock = clock or steady_clock()
        self._sources_looked_at = -math.inf
        self._wait = wait
        self._asked: dict[concurrent.futures.Future, Move] = {}
        self._read: dict[concurrent.futures.Future, Move] = {}
        self._look_began = 0.0
        self._look_ended = 0.0
        self._looked_well = False
        self._blind_since: float | None = None
        self._blind_because = ""
        self._interrupted = ""

    def interrupt(self, reason: str) -> None:
        """Ask for no more evacuations and end soon; may be called by a signal handler."""
        self._interrupted = reason

    def run(self) -> None:
        """Go on until every server has its outcome, or an interruption. Never raises for one server's sake."""
        while not self._plan.finished and not self._interrupted:
            self.step()
            if not self._plan.finished:
                self._wait(set(self._asked) | set(self._read), self._pause(self._clock()))
        if self._interrupted:
            self._end_interrupted()

    def step(self) -> None:
        """Take in what has come, look if it is time, send the requests that are due."""
        self._collect()
        now = self._clock()
        if self._should_look(now):
            self._look()
            now = self._clock()
        if self._looked_well and not self._is_stale(now):
            # never more than begin at once: one that waited in the pool would act on an old look
            for move in self._plan.requests(now, self._threads - len(self._asked) - len(self._read)):
                self._asked[self._pool.submit(ask, self._compute, move)] = move
        self._give_up_when_blind(now)

    def _should_look(self, now: float) -> bool:
        if now >= self._look_ended + self._look_interval():
            return True
        return self._is_stale(now) and self._has_place and bool(self._plan.due(now))

    def _is_stale(self, now: float) -> bool:
        """Whether the last look is too old to request anything after it."""
        return now - self._look_ended > FRESH_SECONDS or now - self._sources_looked_at > SOURCES_SECONDS

    @property
    def _has_place(self) -> bool:
        return len(self._plan.flying) < self._plan.settings.parallel

    def _look_interval(self) -> float:
        """Seconds between looks; never so short that looking takes more than a fifth of the time."""
        interval = self._plan.settings.poll_interval
        if self._plan.waiting:
            interval = min(interval, HURRY_SECONDS)
        return max(interval, 4 * (self._look_ended - self._look_began))

    def _pause(self, now: float) -> float:
        """Seconds until something may be to be done without a future's end."""
        until_look = self._look_ended + self._look_interval() - now
        return min(max(until_look, 0.01), 0.2)

    def _look(self) -> None:
        """Read evacuations and sources; a failure leaves the plan as it is, because servers are on the move."""
        self._look_began = self._clock()
        self._looked_well = False
        try:
            evacuations = self._compute.evacuations(since=self._since, patience=0)
            self._look_at_sources()
        except AosError as error:
            self._blind_since, self._blind_because = self._blind_since or self._look_began, str(error)
            return
        finally:
            self._look_ended = self._clock()
        self._looked_well, self._blind_since = True, None
        self._plan.looked(evacuations, self._clock())
        being_read = set(map(id, self._read.values()))
        for move in self._plan.to_check(self._look_began):
            if id(move) not in being_read:
                self._read[self._pool.submit(self._read_server, move)] = move

    def _look_at_sources(self) -> None:
        """Leave hosts that show a sign of life alone. Raises AosError."""
        began = self._clock()
        if began - self._sources_looked_at < SOURCES_SECONDS - FRESH_SECONDS:
            return
        for host in sorted(self._plan.waiting):
            if why := sign_of_life(self._sources[host], self._compute.service(host, patience=0)):
                self._plan.source_lives(host, why, self._clock())
        self._sources_looked_at = began

    def _read_server(self, move: Move) -> tuple[Server | None, str]:
        """The server, and why its evacuation in flight will never end, if that is so."""
        server = self._compute.server(move.server.id, patience=0)
        overdue = self._plan.overdue(move)
        lost = why_lost(self._compute, move.server.id, *overdue) if overdue and server else ""
        return server, lost

    def _collect(self) -> None:
        """Take in what the pool has finished."""
        for future in [one for one in self._asked if one.done()]:
            self._plan.answered(self._asked.pop(future), answer_of(future), self._clock())
        for future in [one for one in self._read if one.done()]:
            move = self._read.pop(future)
            try:
                server, lost = future.result()
            except AosError:
                continue  # read again after the next look
            if self._plan.checked(move, server, self._clock(), lost):
                self._stop_server(move)

    def _stop_server(self, move: Move) -> None:
        """Power off a server that was powered off before the failure."""
        try:
            self._compute.stop(move.server.id)
        except CloudUnavailable:
            move.stop_after = True
        except AosError as error:
            move.note(f"could not be stopped again: {error}")

    def _give_up_when_blind(self, now: float) -> None:
        if self._blind_since is not None and now - self._blind_since > BLIND_SECONDS:
            self._interrupted = f"no look at the evacuations for {BLIND_SECONDS:.0f} s, given up: {self._blind_because}"

    def _end_interrupted(self) -> None:
        """Learn what the requests under way came to, look once more, and end every move where it is."""
        deadline = self._clock() + GRACE_SECONDS
        while (self._asked or self._read) and self._clock() < deadline:
            self._wait(set(self._asked) | set(self._read), 0.2)
            self._collect()
        if not self._blind_since:
            self._look()
            while self._read and self._clock() < deadline:
                self._wait(set(self._read), 0.2)
                self._collect()
        self._plan.stop(self._interrupted, self._clock())


def answer_of(future: concurrent.futures.Future) -> Answer:
    """The answer to a request; a defect of this program counts as an answer that was lost."""
    error = future.exception()
    if error is None:
        return future.result()
    return Answer(Said.UNCLEAR, f"{type(error).__name__}: {error}")
