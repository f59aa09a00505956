# SPDX-License-Identifier: GPL-3.0-or-later
"""A real database that fails in the middle: all of a decision is kept, or nothing of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, insert, text

from cloud_manager.adapters.store import SqlJournal, SqlPowerControls
from cloud_manager.db import Database, PasswordBox, models, schema
from cloud_manager.domain.power import PowerControl, Secret
from cloud_manager.domain.records import Records
from cloud_manager.errors import BadInput, StoreUnavailable
from cloud_manager.ports import Lease, Move
from watchdog.tests.contract.mariadb import PASSWORD, MariaDB
from watchdog.tests.contract.stories import decision, holding, opened, record, step

SAVES_UNTIL_KILLED = """
import sys
from cloud_manager.adapters.store import SqlJournal
from cloud_manager.db import Database
from cloud_manager.domain.power import PowerControl, Secret
from watchdog.tests.contract.stories import holding, opened
journal = SqlJournal(Database(Secret(sys.stdin.readline().strip())))
lease = holding(journal)
print("ready", flush=True)
for number in range(1, 100_000):
    journal.save(opened(number, f"compute-{number}"), lease)
"""
WRITES = "('INSERT', 'UPDATE', 'DELETE', 'REPLACE')"


@pytest.fixture
def database(url: Secret) -> Iterator[Database]:
    opened_one = Database(url)
    schema.migrate(opened_one)
    yield opened_one
    opened_one.close()


class Broken(Exception):
    """The process dies here."""


def statements_of(database: Database, work: Callable[[], object]) -> int:
    """How many statements the work sends."""
    seen: list[str] = []

    def listen(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(database.engine, "before_cursor_execute", listen)
    try:
        work()
    finally:
        event.remove(database.engine, "before_cursor_execute", listen)
    return len(seen)


def test_a_save_that_breaks_before_any_of_its_statements_leaves_nothing_behind(database: Database) -> None:
    journal = SqlJournal(database)
    lease = holding(journal)
    journal.save(opened(1), lease)
    before = journal.load()
    count = statements_of(database, lambda: journal.save(opened(2, "compute-02"), lease))
    assert count >= 6
    for fatal in range(count):
        left = [fatal]

        def break_off(_c: object, _cursor: object, statement: str, *_rest: object, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Broken(statement)

        event.listen(database.engine, "before_cursor_execute", break_off)
        with pytest.raises(Broken):
            journal.save(opened(3, "compute-03"), lease)
        event.remove(database.engine, "before_cursor_execute", break_off)
    assert journal.load().hosts.keys() == before.hosts.keys() | {"compute-02"}
    assert [summary.id for summary in journal.incidents()] == [2, 1]
    assert {job.key for job in journal.unfinished_jobs()} == {"1-recover-1", "2-recover-1"}


@pytest.mark.parametrize("turn", range(3))
def test_a_killed_process_leaves_whole_decisions_only(database: Database, url: Secret, turn: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SAVES_UNTIL_KILLED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdin
    assert process.stdout
    process.stdin.write(url.reveal() + "\n")
    process.stdin.flush()
    assert process.stdout.readline() == "ready\n"
    journal = SqlJournal(database)
    deadline = time.monotonic() + 60
    while journal.load().next_incident < 10 * (turn + 1):
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGKILL)
    process.communicate()
    records = journal.load()
    numbers = range(1, records.next_incident)
    assert len(numbers) > 1
    assert records.hosts.keys() == {f"compute-{number}" for number in numbers}
    assert {job.key for job in journal.unfinished_jobs()} == {f"{number}-recover-1" for number in numbers}
    assert all(len(journal.incident(number).steps) == 1 for number in numbers)
    lease = journal.acquire_lease("successor", 60, lambda _: False)
    assert lease == Lease("successor", 2)
    journal.save(opened(records.next_incident), lease)


def test_a_connection_lost_in_the_middle_is_replaced_and_the_decision_saved_once(mariadb: MariaDB) -> None:
    database = Database(mariadb.new_database())
    schema.migrate(database)
    journal = SqlJournal(database)
    lease = holding(journal)
    killed: list[int] = []

    def kill(connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("INSERT INTO incident_steps") and not killed:
            killed.append(int(connection.connection.thread_id()))  # type: ignore[attr-defined]
            mariadb.root(f"KILL {killed[0]}")

    event.listen(database.engine, "before_cursor_execute", kill)
    journal.save(opened(), lease)
    assert killed
    assert len(journal.incident(1).steps) == 1
    database.close()


def test_a_connection_lost_during_commit_is_an_error_and_the_save_not_repeated(mariadb: MariaDB) -> None:
    database = Database(mariadb.new_database())
    schema.migrate(database)
    journal = SqlJournal(database)
    lease = holding(journal)
    commits: list[int] = []

    def kill(connection: Connection) -> None:
        commits.append(int(connection.connection.thread_id()))  # type: ignore[attr-defined]
        mariadb.root(f"KILL {commits[-1]}")

    event.listen(database.engine, "commit", kill)
    with pytest.raises(StoreUnavailable, match="committed"):
        journal.save(opened(), lease)
    event.remove(database.engine, "commit", kill)
    assert len(commits) == 1
    assert journal.load() == Records({}, 1, None)
    database.close()


def test_a_database_that_is_gone_is_named_without_its_password_and_used_again_when_it_is_back(mariadb: MariaDB) -> None:
    database = Database(mariadb.new_database())
    schema.migrate(database)
    journal = SqlJournal(database)
    lease = holding(journal)
    mariadb.stop()
    try:
        for ask in (journal.load, lambda: journal.save(opened(), lease), journal.unfinished_jobs):
            with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1") as caught:
                ask()
            assert PASSWORD not in str(caught.value)
    finally:
        mariadb.start()
    journal.save(opened(), lease)
    assert journal.load().next_incident == 2
    database.close()


def test_a_wrong_password_and_an_unknown_database_are_named_with_the_remedy(mariadb: MariaDB) -> None:
    name = mariadb.new_database().reveal().rsplit("/", 1)[1].split("?")[0]
    wrong = Database(mariadb.url(name, "wrong-password"))
    with pytest.raises(StoreUnavailable, match="correct user and password") as caught:
        schema.prepare(wrong)
    assert "wrong-password" not in str(caught.value)
    missing = Database(mariadb.url("cloud_manager_missing"))
    with pytest.raises(StoreUnavailable, match=r"cloud_manager_missing.*grant"):
        schema.prepare(missing)


def test_a_holder_whose_machine_died_inside_a_transaction_does_not_keep_the_lease(mariadb: MariaDB) -> None:
    url = mariadb.new_database()
    first, second = Database(url), Database(url)
    schema.migrate(first)
    assert SqlJournal(first).acquire_lease("first", 1, lambda _: True)
    stuck = first.engine.raw_connection()
    stuck.cursor().execute("SELECT * FROM lease FOR UPDATE")
    assert SqlJournal(second).acquire_lease("second", 60, lambda _: True) == Lease("second", 2)
    stuck.invalidate()


def test_of_two_that_lock_each_other_out_the_loser_runs_again(mariadb: MariaDB) -> None:
    database = Database(mariadb.new_database())
    schema.migrate(database)
    for host in ("compute-01", "compute-02"):
        SqlJournal(database).set_maintenance(host, "0", "anna", 0.0)
    meeting, runs = threading.Barrier(2), []

    def lock(first: str, second: str) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            runs.append(first)
            change = text("UPDATE maintenance SET reason = reason + 1 WHERE host = :host")
            connection.execute(change, {"host": first})
            if len(runs) <= 2:
                meeting.wait(10)
            connection.execute(change, {"host": second})

        return work

    with ThreadPoolExecutor(2) as pool:
        works = (lock("compute-01", "compute-02"), lock("compute-02", "compute-01"))
        list(pool.map(database.write, works))
    assert len(runs) == 3
    assert SqlJournal(database).operator_facts().maintenance == {"compute-01": "2", "compute-02": "2"}
    database.close()


def test_a_value_that_the_database_refuses_is_bad_input_for_which_waiting_would_be_in_vain(database: Database) -> None:
    orphan = {"incident": 7, "host": "compute-01", "at": 1.0, "state": "HELD", "text": "an incident that never was"}
    with pytest.raises(BadInput, match="refused"):
        database.write(lambda connection: connection.execute(insert(models.IncidentStep).values(**orphan)))


def test_texts_that_no_database_could_take_are_kept_as_far_as_they_go(database: Database) -> None:
    journal = SqlJournal(database)
    lease = holding(journal)
    strange = "\ud800 \x00 ok " + "x" * 20_000_000
    journal.save(decision(replace(record(), reason=strange), steps=(step(text=strange),)), lease)
    journal.write_moves(1, [Move("server-1", "n" * 300, "compute-01", status="S" * 40, reason=strange)])
    report = journal.incident(1)
    assert report.steps[0].text.startswith("? \x00 ok xxx")
    assert report.summary.reason == report.steps[0].text
    assert report.moves[0].name == "n" * 255


def test_a_row_that_makes_no_sense_is_an_error_that_names_it(database: Database) -> None:
    journal = SqlJournal(database)
    journal.save(opened(), holding(journal))
    for change, ask in {
        "UPDATE observer SET missing = '{broken'": journal.load,
        "UPDATE hosts SET state = 'JOLLY'": journal.load,
        "UPDATE hosts SET state = 'HELD', fence = '{broken'": journal.load,
        "UPDATE jobs SET failed = '[1, 2]'": journal.unfinished_jobs,
        "UPDATE incident_steps SET state = 'JOLLY'": lambda: journal.incident(1),
    }.items():
        database.write(lambda c, change=change: c.execute(text(change)))
        with pytest.raises(StoreUnavailable, match=r"table .*, row .*can't be understood"):
            ask()


def test_a_thousand_changed_hosts_are_saved_and_loaded_quickly(database: Database) -> None:
    journal = SqlJournal(database)
    lease = holding(journal)
    many = tuple(record(f"compute-{number:04}", number) for number in range(1, 3001))
    began = time.perf_counter()
    journal.save(decision(*many), lease)
    journal.save(decision(*many), lease)
    assert len(journal.load().hosts) == 3000
    assert time.perf_counter() - began < 20
    began = time.perf_counter()
    journal.load()
    assert time.perf_counter() - began < 1


def test_two_operators_that_take_one_control_at_once_do_not_both_get_it(
    database: Database, url: Secret, tmp_path: Path
) -> None:
    box = PasswordBox(tmp_path / "key", creates=True)
    stores = [SqlPowerControls(Database(url), box, who=f"operator-{n}") for n in range(4)]
    stores[0].add(PowerControl("bmc-1", "ipmi", "192.0.2.11", 623, "admin", Secret("secret")))

    def take(number: int) -> bool:
        try:
            stores[number].link(f"compute-{number}", "bmc-1", None, default=True)
        except BadInput:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(take, range(4))) == [False, False, False, True]
