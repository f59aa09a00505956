# SPDX-License-Identifier: GPL-3.0-or-later
"""An operator switches a host and the watchdog recovers it: whichever is recorded first, the other one sees it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import func, select

from cloud_manager.adapters.store import SqlJournal, SqlPowerControls, actions, tracking
from cloud_manager.db import Database, PasswordBox, models, schema
from cloud_manager.domain.actions import Recover
from cloud_manager.domain.power import Secret
from cloud_manager.domain.records import Decision, HostRecord, Records, State, Step
from cloud_manager.domain.switching import Order
from cloud_manager.errors import BadInput, Overtaken
from cloud_manager.ports import Journal
from watchdog.tests.contract.conftest import Store
from watchdog.tests.contract.stories import holding

HOST = "compute-01"


def order(state: str, host: str = HOST, force: bool = False, seconds: float = 29.5) -> Order:
    subject = f"host {host}" if host else "power control board"
    return Order(state, host, subject, "board outlet 3", seconds, force)


def recovery(journal: Journal, at: float) -> Decision:
    number = journal.load().next_incident
    record = HostRecord(HOST, State.RECOVERING, at, "down", incident=number, forced_down_by_us=True)
    step = Step(number, HOST, at, State.RECOVERING, "down")
    return Decision(Records(), (record,), (Recover(f"{number}-recover-1", HOST, number),), (step,))


def test_what_is_under_way_is_known_until_it_is_concluded(store: Store) -> None:
    controls, journal = store.power_controls(), store.journal()
    controls.begin("power.status", f"host {HOST}", "board outlet 3")
    controls.begin_switching(order("off", host="", force=True))
    number = controls.begin_switching(order("soft_off"))
    (one,) = journal.operator_facts().switchings
    assert (one.host, one.action, one.who) == (HOST, "power.soft_off", "operator")
    assert 29.5 <= one.seconds <= 30
    assert one.may_last(one.at + 85)
    assert not one.may_last(one.at + 95)
    assert not one.may_last(one.at - 65)
    controls.conclude(number, "FAILED", "no answer")
    assert journal.operator_facts().switchings == ()
    assert controls.actions(1)[0].details == "by board outlet 3: no answer"


@pytest.mark.parametrize("state", ["on", "off", "soft_off"])
def test_a_host_is_not_recovered_that_is_switched_since_it_was_looked_at(store: Store, state: str) -> None:
    controls, journal = store.power_controls(), store.journal()
    lease = holding(journal)
    number = controls.begin_switching(order(state))
    (one,) = journal.operator_facts().switchings
    with pytest.raises(Overtaken, match=rf"{HOST}.*power\.{state} by operator"):
        journal.save(recovery(journal, one.at - 3), lease)
    assert not journal.load().hosts
    assert not journal.unfinished_jobs()
    controls.conclude(number, "ok", "is so")
    journal.save(recovery(journal, one.at + 7), lease)
    assert journal.load().hosts[HOST].state is State.RECOVERING


def test_a_switching_that_was_never_concluded_keeps_nothing_from_recovery_for_ever(store: Store) -> None:
    store.power_controls().begin_switching(order("off"))
    journal = store.journal()
    (one,) = journal.operator_facts().switchings
    journal.save(recovery(journal, one.at + 100), holding(journal))
    assert journal.load().hosts[HOST].state is State.RECOVERING


def test_another_host_is_recovered_meanwhile(store: Store) -> None:
    store.power_controls().begin_switching(order("off", host="compute-02"))
    journal = store.journal()
    (one,) = journal.operator_facts().switchings
    journal.save(recovery(journal, one.at + 1), holding(journal))
    assert journal.load().hosts[HOST].state is State.RECOVERING


def test_a_host_under_recovery_does_not_go_on_and_nothing_is_logged(store: Store) -> None:
    controls, journal = store.power_controls(), store.journal()
    journal.save(recovery(journal, 1.0), holding(journal))
    with pytest.raises(BadInput, match=rf"{HOST} is RECOVERING.*--force"):
        controls.begin_switching(order("on"))
    assert controls.actions(10) == ()
    controls.begin_switching(order("off"))
    controls.begin_switching(order("on", force=True))
    assert len(controls.actions(10)) == 2


@pytest.fixture
def databases(url: Secret) -> Iterator[tuple[Database, Database]]:
    """The watchdog's and the console's way to the same database."""
    both = Database(url), Database(url)
    schema.migrate(both[0])
    yield both
    for database in both:
        database.close()


class Pause:
    """Stops a transaction after a step of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: ModuleType, step: str) -> None:
        self.reached, self._go_on = threading.Event(), threading.Event()
        real = getattr(module, step)

        def stopping(*arguments: object) -> None:
            real(*arguments)
            self.reached.set()
            assert self._go_on.wait(10)

        monkeypatch.setattr(module, step, stopping)

    def end_after(self, other: Future[object]) -> None:
        with pytest.raises(TimeoutError):
            other.result(0.5)
        self._go_on.set()


def test_a_host_whose_recovery_is_just_being_recorded_does_not_go_on(
    databases: tuple[Database, Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = SqlJournal(databases[0])
    controls = SqlPowerControls(databases[1], PasswordBox(tmp_path / "key", creates=True), who="ada")
    lease, pause = holding(journal), Pause(monkeypatch, tracking, "plan_jobs")
    with ThreadPoolExecutor(2) as threads:
        saving = threads.submit(journal.save, recovery(journal, 1.0), lease)
        assert pause.reached.wait(10)
        switching: Future[object] = threads.submit(controls.begin_switching, order("on"))
        pause.end_after(switching)
        saving.result(10)
        with pytest.raises(BadInput, match=f"{HOST} is RECOVERING"):
            switching.result(10)


def test_a_host_whose_switching_is_just_being_logged_is_not_recovered(
    databases: tuple[Database, Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = SqlJournal(databases[0])
    controls = SqlPowerControls(databases[1], PasswordBox(tmp_path / "key", creates=True), who="ada")
    lease, pause = holding(journal), Pause(monkeypatch, actions, "_prune")
    with ThreadPoolExecutor(2) as threads:
        switching = threads.submit(controls.begin_switching, order("on"))
        assert pause.reached.wait(10)
        saving: Future[object] = threads.submit(journal.save, recovery(journal, time.time()), lease)
        pause.end_after(saving)
        switching.result(10)
        with pytest.raises(Overtaken, match=HOST):
            saving.result(10)
    assert not journal.load().hosts


def test_the_newest_actions_are_kept(
    databases: tuple[Database, Database], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = databases[0]
    controls = SqlPowerControls(database, PasswordBox(tmp_path / "key", creates=True), who="ada")
    assert actions.KEPT == 10_000
    monkeypatch.setattr(actions, "KEPT", 3)
    numbers = [controls.begin("power.status", f"host c{n}", "bmc") for n in range(5)]
    controls.conclude(numbers[-1], "ok", "on")
    assert [action.subject for action in controls.actions(10)] == ["host c2", "host c3", "host c4"]
    controls.begin_switching(order("off"))
    counted = select(func.count()).select_from(models.ActionLog)
    assert database.read(lambda connection: connection.scalar(counted)) == 3
