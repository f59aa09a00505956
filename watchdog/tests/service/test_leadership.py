# SPDX-License-Identifier: GPL-3.0-or-later
"""The lease between and during cycles."""

from __future__ import annotations

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


def test_a_database_that_is_away_neither_ends_the_renewing_nor_the_release() -> None:
    house = House()
    one = leader(house, "one")
    one.take()
    house.journal.broken = "away"
    one.renew()
    one.release()
