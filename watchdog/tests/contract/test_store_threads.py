# SPDX-License-Identifier: GPL-3.0-or-later
"""Many threads and several processes use one store."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from cloud_manager.domain.facts import JobStatus
from cloud_manager.ports import Journal, Move
from watchdog.tests.contract.conftest import Store
from watchdog.tests.contract.stories import NOW, healthy, holding, opened, step


def test_threads_that_write_steps_moves_and_jobs_lose_nothing(journal: Journal) -> None:
    lease = holding(journal)
    for number in range(1, 9):
        journal.save(opened(number, f"compute-{number:02}"), lease)

    def job(number: int) -> None:
        journal.write_job(f"{number}-recover-1", JobStatus.RUNNING)
        for turn in range(10):
            journal.add_step(step(number, text=f"turn {turn}"))
            journal.write_moves(number, [Move(f"server-{n}", "web", "compute-01", attempts=turn + 1) for n in range(3)])
        journal.write_job(f"{number}-recover-1", JobStatus.SUCCEEDED)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(job, range(1, 9)))
    for number in range(1, 9):
        report = journal.incident(number)
        assert [s.text for s in report.steps] == ["seen", *(f"turn {turn}" for turn in range(10))]
        assert [move.attempts for move in report.moves] == [10, 10, 10]
    assert journal.unfinished_jobs() == ()


def test_two_processes_that_write_the_same_server_at_once_both_succeed(store: Store) -> None:
    journals = [store.journal() for _ in range(4)]
    journals[0].save(opened(), holding(journals[0]))
    with ThreadPoolExecutor(4) as pool:
        for turn in range(20):
            move = Move(f"server-{turn}", "web", "compute-01", requested_at=NOW)
            list(pool.map(lambda journal, move=move: journal.write_moves(1, [move]), journals))
    assert len(journals[0].incident(1).moves) == 20


def test_a_reader_sees_each_decision_whole_or_not_at_all(store: Store) -> None:
    writer, reader = store.journal(), store.journal()
    lease = holding(writer)

    def write() -> None:
        for number in range(1, 41):
            writer.save(opened(number), lease)
            writer.save(healthy(number), lease)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        while not writing.done():
            newest = reader.load().next_incident - 1
            if newest:
                report = reader.incident(newest)
                assert len(report.steps) in (1, 2)
                assert (report.summary.closed_at is None) == (len(report.steps) == 1)
                assert len(report.jobs) == 1
        writing.result()
