# SPDX-License-Identifier: GPL-3.0-or-later
"""One holder at a time, whoever asks and from wherever."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloud_manager.errors import NotLeader
from cloud_manager.ports import Journal, Lease
from watchdog.tests.contract.conftest import Store
from watchdog.tests.contract.stories import holding, opened

TTL = 0.5


def alive(_: str) -> bool:
    return True


def dead(_: str) -> bool:
    return False


def test_the_first_one_gets_the_lease_and_the_second_one_none(store: Store) -> None:
    assert store.journal().acquire_lease("first", 60, alive) == Lease("first", 1)
    assert store.journal().acquire_lease("second", 60, alive) is None


def test_its_holder_renews_it_and_keeps_its_epoch(journal: Journal) -> None:
    first = journal.acquire_lease("first", TTL, alive)
    assert journal.acquire_lease("first", 60, alive) == first
    time.sleep(TTL * 1.2)
    assert journal.acquire_lease("second", TTL, alive) is None


def test_when_it_has_run_out_the_next_one_gets_a_higher_epoch_and_the_old_holder_may_not_write(store: Store) -> None:
    old, new = store.journal(), store.journal()
    lost = old.acquire_lease("first", TTL, alive)
    assert lost is not None
    time.sleep(TTL * 1.2)
    assert new.acquire_lease("second", 60, alive) == Lease("second", 2)
    with pytest.raises(NotLeader, match="first"):
        old.save(opened(), lost)
    assert old.acquire_lease("first", 60, alive) is None
    assert new.load().hosts == {}


def test_a_holder_that_is_known_to_be_dead_is_followed_at_once(journal: Journal) -> None:
    assert journal.acquire_lease("first", 60, alive) is not None
    asked: list[str] = []
    assert journal.acquire_lease("second", 60, lambda holder: bool(asked.append(holder))) == Lease("second", 2)
    assert asked == ["first"]


def test_a_released_lease_is_free_and_its_epoch_not_used_again(journal: Journal) -> None:
    lease = holding(journal, "first")
    journal.release_lease(lease)
    with pytest.raises(NotLeader):
        journal.save(opened(), lease)
    assert journal.acquire_lease("second", 60, alive) == Lease("second", 2)


def test_releasing_a_lease_that_is_lost_does_not_take_it_from_its_new_holder(journal: Journal) -> None:
    lost = holding(journal, "first")
    assert journal.acquire_lease("second", 60, dead) is not None
    journal.release_lease(lost)
    assert journal.acquire_lease("third", 60, alive) is None


def test_of_many_that_ask_at_once_one_gets_it(store: Store) -> None:
    journals = {f"holder-{number}": store.journal() for number in range(8)}
    with ThreadPoolExecutor(8) as pool:
        leases = list(pool.map(lambda item: item[1].acquire_lease(item[0], 60, alive), journals.items()))
    assert [lease.epoch for lease in leases if lease] == [1]
