# SPDX-License-Identifier: GPL-3.0-or-later
"""Ticks go on whatever happens in a cycle; signals end or reload."""

from __future__ import annotations

import itertools
import os
import signal
import time
from collections.abc import Callable

import pytest

from cloud_manager.errors import CloudManagerError, StoreUnavailable
from cloud_manager.service.scheduler import Scheduler

Looks = list[int]


def scheduler_of(cycle: Callable[[int], object], interval: float = 0.01) -> tuple[Scheduler, Looks]:
    """cycle gets the number of the look, from 1."""
    looks: Looks = []

    def look() -> None:
        looks.append(len(looks) + 1)
        cycle(len(looks))

    return Scheduler(look, interval, lambda: interval), looks


@pytest.mark.parametrize("error", [ZeroDivisionError("ours"), CloudManagerError("refused"), StoreUnavailable("away")])
def test_a_cycle_that_fails_is_followed_by_the_next_one(error: Exception) -> None:
    def cycle(number: int) -> None:
        if number == 3:
            scheduler.stop()
        raise error

    scheduler, looks = scheduler_of(cycle)
    scheduler.run()
    assert looks == [1, 2, 3]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_ticking_after_the_cycle_that_runs(number: signal.Signals) -> None:
    ended: list[int] = []

    def cycle(look: int) -> None:
        os.kill(os.getpid(), number)
        ended.append(look)

    scheduler, looks = scheduler_of(cycle, interval=60)
    with scheduler.signals():
        scheduler.run()
    assert ended == looks == [1]


def test_hangup_reloads_between_two_cycles_and_takes_the_new_interval() -> None:
    order: list[str] = []

    def look() -> None:
        order.append("look")
        if len(order) == 1:
            os.kill(os.getpid(), signal.SIGHUP)
        else:
            scheduler.stop()

    def reload() -> float:
        order.append("reload")
        return 0.01

    scheduler = Scheduler(look, 60, reload)
    with scheduler.signals():
        scheduler.run()
    assert order == ["look", "reload", "look"]


def test_signals_mean_again_what_they_meant_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    scheduler, _ = scheduler_of(lambda number: None)
    with scheduler.signals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_journal_that_is_away_is_said_once_and_its_return_too(caplog: pytest.LogCaptureFixture) -> None:
    def cycle(number: int) -> None:
        if number == 5:
            scheduler.stop()
        if number < 4:
            raise StoreUnavailable("the database is away")

    scheduler, _ = scheduler_of(cycle, 0.001)
    scheduler.run()
    said = [record.getMessage() for record in caplog.records]
    assert said == ["cycle.skipped error=the database is away", "cycle.resumed skipped=3"]


def test_a_clock_that_was_set_back_does_not_stop_the_watch() -> None:
    scheduler, looks = scheduler_of(lambda number: scheduler.stop() if number == 2 else None, interval=5)
    scheduler.tick()
    scheduler._arrange(5)
    scheduler._ticks.jobs[0].next_run = scheduler._ticks.jobs[0].next_run.replace(year=2999)
    assert scheduler._until_next() == 0.0
    assert looks == [1, 2]


def test_the_main_loop_gives_a_sign_of_life_between_looks_and_none_while_one_lasts() -> None:
    order: list[str] = []

    def look() -> None:
        order.append("begin")
        time.sleep(0.05)
        order.append("end")
        if order.count("end") == 3:
            scheduler.stop()

    scheduler = Scheduler(look, 0.01, lambda: 0.01, alive=lambda: order.append("alive"))
    scheduler.run()
    assert [word for word in order if word != "alive"] == ["begin", "end"] * 3
    assert all(after == "end" for before, after in itertools.pairwise(order) if before == "begin")
    assert all(after == "alive" for before, after in itertools.pairwise(order) if before == "end")


def test_that_the_end_is_wanted_is_told_while_the_look_still_lasts() -> None:
    order: list[str] = []

    def look() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        order.append("looked")

    scheduler = Scheduler(look, 60, lambda: 60, ending=lambda: order.append("ending"))
    with scheduler.signals():
        scheduler.run()
    assert order == ["ending", "looked"]
