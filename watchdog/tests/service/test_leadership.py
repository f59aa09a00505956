# SPDX-License-Identifier: GPL-3.0-or-later
"""The lease between and during cycles."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from cloud_manager.ports import Lease
from cloud_manager.service.leadership import Leadership
from watchdog.tests.service.house import House


def leader(house: House, name: str, patience: float = 100.0) -> Leadership:
    return Leadership(house.journal, house.identity(name), house.clock, ttl=30.0, patience=patience)


def test_a_renewed_lease_is_not_taken_by_another() -> None:
    house = House()
    one, two = leader(house, "one"), leader(house, "two")
    one.take()
    house.clock.advance(29)
    one.renew()
    house.clock.advance(29)
    assert two.take() is None


def test_a_watchdog_whose_cycle_hangs_loses_the_lease() -> None:
    house = House()
    one, two = leader(house, "one", patience=40.0), leader(house, "two")
    one.take()
    for _ in range(4):
        house.clock.advance(20)
        one.renew()
    assert two.take() is not None


def test_who_never_had_the_lease_does_not_take_it_by_renewing() -> None:
    house = House()
    leader(house, "one").renew()
    assert house.journal.lease_holder() == ""


def test_a_released_lease_is_free_at_once() -> None:
    house = House()
    one = leader(house, "one")
    one.take()
    assert house.journal.lease_holder() == "one"
    one.release()
    assert leader(house, "two").take() is not None


@pytest.mark.parametrize("hangs", [False, True])
def test_who_cannot_renew_stops_acting_before_another_may_begin(hangs: bool) -> None:
    house = House()
    lost: list[float] = []
    one = Leadership(
        house.journal,
        house.identity("one"),
        house.clock,
        ttl=30.0,
        patience=5.0 if hangs else 100.0,
        lost=lambda: lost.append(house.clock.now()),
    )
    one.take()
    began = house.clock.now()
    house.journal.broken = "" if hangs else "away"
    for _ in range(6):
        house.clock.advance(10)
        one.renew()
        one.expire()
    house.journal.broken = ""
    assert [at - began for at in lost] == [20]
    assert leader(house, "two").take() is not None
    assert one.take() is None


def test_a_renewal_that_hangs_does_not_hide_that_the_lease_runs_out() -> None:
    house = House()
    entered, answers = threading.Event(), threading.Event()
    lost: list[str] = []
    one = Leadership(house.journal, house.identity("one"), house.clock, 30.0, 100.0, lambda: lost.append("lost"))
    lease = one.take()
    assert lease is not None
    acquire = house.journal.acquire_lease

    def hanging(holder: str, ttl: float, alive: Callable[[str], bool]) -> Lease | None:
        entered.set()
        assert answers.wait(10)
        return acquire(holder, ttl, alive)

    house.journal.acquire_lease = hanging  # type: ignore[method-assign]
    thread = threading.Thread(target=one.renew)
    thread.start()
    assert entered.wait(10)
    house.clock.advance(20)
    one.expire()
    assert lost == ["lost"]
    assert not one.holds(lease)
    answers.set()
    thread.join()


def test_who_finds_his_lease_taken_stops_acting_at_once() -> None:
    house = House()
    lost: list[str] = []
    one = Leadership(house.journal, house.identity("one"), house.clock, 30.0, 100.0, lambda: lost.append("lost"))
    one.take()
    house.clock.advance(45)  # the machine slept
    leader(house, "two").take()
    one.renew()
    assert lost == ["lost"]


def test_a_database_that_is_away_for_a_moment_costs_nothing() -> None:
    house = House()
    lost: list[str] = []
    one = Leadership(house.journal, house.identity("one"), house.clock, 30.0, 100.0, lambda: lost.append("lost"))
    one.take()
    for broken in ("away", "", "away", ""):
        house.journal.broken = broken
        house.clock.advance(10)
        one.renew()
        one.expire()
    assert lost == []
    assert leader(house, "two").take() is None


def test_a_database_that_is_away_neither_ends_the_renewing_nor_the_release() -> None:
    house = House()
    one = leader(house, "one")
    one.take()
    house.journal.broken = "away"
    one.renew()
    one.release()
