# SPDX-License-Identifier: GPL-3.0-or-later
"""Evacuation runs against the simulated Nova, in virtual time and in an order that a test chooses."""

from __future__ import annotations

import concurrent.futures
import random
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Compute
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation import Move, Phase, Settings
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_plan import EvacuationPlan
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_run import EvacuationRun
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_survey import survey
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.simulated_nova import SimulatedNova

QUICK = Settings(parallel=3, retries=2, polls=6, poll_interval=1.0, group_interval=5.0, settle=3.0)
LONGEST_RUN = 20_000.0


class ChosenOrder:
    """A pool whose work is done one piece at a time, in any order, before time goes on."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._waiting: list[tuple[concurrent.futures.Future[t.Any], t.Callable[[], t.Any]]] = []

    def submit(self, work: t.Callable[..., t.Any], *arguments: t.Any) -> concurrent.futures.Future[t.Any]:
        future: concurrent.futures.Future[t.Any] = concurrent.futures.Future()
        self._waiting.append((future, lambda: work(*arguments)))
        return future

    def do_one(self) -> bool:
        """Whether there was something to do. A kill passes through."""
        if not self._waiting:
            return False
        future, work = self._waiting.pop(self._chance.randrange(len(self._waiting)))
        try:
            result = work()
        except AosError as error:
            future.set_exception(error)
        else:
            future.set_result(result)
        return True


class AtOnce:
    """A pool that works while it is asked to."""

    def submit(self, work: t.Callable[..., t.Any], *arguments: t.Any, **named: t.Any) -> t.Any:
        future: concurrent.futures.Future[t.Any] = concurrent.futures.Future()
        future.set_result(work(*arguments, **named))
        return future


class World:
    """One engine or several on one Nova."""

    def __init__(self, nova: SimulatedNova, settings: Settings = QUICK, chance: random.Random | None = None) -> None:
        self.nova = nova
        self.settings = settings
        self.chance = chance or random.Random(0)
        self.began = nova.now

    def engine(self) -> tuple[EvacuationPlan, EvacuationRun, ChosenOrder]:
        compute = t.cast(Compute, self.nova)
        found = survey(compute, sorted(self.nova.dead), t.cast(concurrent.futures.Executor, AtOnce()), self.nova.now)
        plan, pool = found.plan(self.settings, self.nova.now), ChosenOrder(self.chance)

        def wait(_futures: set[concurrent.futures.Future[t.Any]], seconds: float) -> None:
            if not pool.do_one():
                self._pass(seconds)

        return plan, EvacuationRun(compute, found, plan, pool, 20, self.nova.clock, wait), pool

    def run(self) -> list[Move]:
        """One run to its end. Raises Killed where the simulation says so."""
        plan, run, _pool = self.engine()
        run.run()
        return plan.moves

    def run_side_by_side(self, engines: int = 2) -> list[list[Move]]:
        """Several programs on the same hosts, step by step in any order."""
        made = [self.engine() for _number in range(engines)]
        while not all(plan.finished for plan, _run, _pool in made):
            plan, run, pool = self.chance.choice(made)
            if not plan.finished:
                run.step()
            while pool.do_one():
                pass
            self._pass(self.chance.choice((0.01, 0.1, 0.2)))
        return [plan.moves for plan, _run, _pool in made]

    def _pass(self, seconds: float) -> None:
        self.nova.advance(seconds)
        assert self.nova.now - self.began < LONGEST_RUN, "the run does not end"


def by_name(moves: t.Iterable[Move]) -> dict[str, Move]:
    return {move.server.name: move for move in moves}


def faults_of(nova: SimulatedNova, moves: list[Move]) -> list[str]:
    """Everything that is wrong with the end of a run, as sentences."""
    faults = list(nova.breaches)
    ids = [move.server.id for move in moves]
    faults += [f"{one} is listed twice" for one in set(ids) if ids.count(one) > 1]
    existing = [one for one in nova.before if one in nova.all]
    faults += [f"{one} is forgotten" for one in existing if one not in ids]
    for move in moves:
        faults += fault_of(nova, move)
    return faults


def fault_of(nova: SimulatedNova, move: Move) -> list[str]:
    """What the report of one server says that is not so."""
    server = nova.all.get(move.server.id)
    if move.phase is not Phase.OVER:
        return [f"{move.server.id} has no outcome"]
    if move.outcome == "evacuated":
        before = nova.before[move.server.id].status
        expected = "SHUTOFF" if before in ("SHUTOFF", "SHELVED") else "ACTIVE"
        if server is None or server.host in nova.dead:
            return [f"{move.server.id} is not elsewhere"]
        return [] if server.status == expected else [f"{move.server.id} was {before} and is {server.status}"]
    if move.outcome not in ("left", "failed", "moving"):
        return [f"{move.server.id} is {move.outcome!r}"]
    return [] if move.notes else [f"{move.server.id} is {move.outcome} without a reason"]
