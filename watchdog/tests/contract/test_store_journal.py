# SPDX-License-Identifier: GPL-3.0-or-later
"""What every journal keeps: the one in memory, on SQLite and on MariaDB."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_manager.domain.actions import ReadPower, Recover
from cloud_manager.domain.facts import Fence, JobFact, JobKind, JobStatus, Power, PowerReading
from cloud_manager.domain.records import HostRecord, Records, State
from cloud_manager.errors import BadInput, NotLeader
from cloud_manager.ports import Journal, Lease, Move
from watchdog.tests.contract.conftest import Store
from watchdog.tests.contract.stories import NOW, decision, healthy, holding, opened, record, step

MOVE = Move("server-1", "web", "compute-01", priority=7, status_before="ACTIVE", requested_at=NOW)


def test_an_empty_journal_remembers_nothing_and_counts_incidents_from_one(journal: Journal) -> None:
    assert journal.load() == Records({}, 1, None)
    assert journal.incidents() == ()
    assert journal.unfinished_jobs() == ()


def test_a_record_comes_back_as_it_was_saved_with_every_field_and_to_the_microsecond(store: Store) -> None:
    journal = store.journal()
    journal.save(opened(), holding(journal))
    assert store.journal().load() == Records({"compute-01": record()}, 2, None)


def test_a_record_without_fence_times_and_incident_comes_back_as_it_was_saved(journal: Journal) -> None:
    plain = HostRecord("compute-02", State.MAINTENANCE, since=NOW)
    journal.save(decision(plain), holding(journal))
    assert journal.load().hosts == {"compute-02": plain}


def test_a_changed_record_replaces_the_old_one_and_leaves_the_others(journal: Journal) -> None:
    lease = holding(journal)
    other = record("compute-02", 2)
    journal.save(decision(record(), other), lease)
    changed = replace(record(), state=State.HELD, reason="held")
    journal.save(decision(changed), lease)
    assert journal.load().hosts == {"compute-01": changed, "compute-02": other}


def test_names_that_differ_only_in_case_are_two_hosts(journal: Journal) -> None:
    upper = record("Compute-01", 2)
    journal.save(decision(record(), upper), holding(journal))
    assert journal.load().hosts == {"compute-01": record(), "Compute-01": upper}


def test_a_healthy_host_is_forgotten_and_its_incident_closed_while_its_number_stays_used(journal: Journal) -> None:
    lease = holding(journal)
    journal.save(opened(), lease)
    journal.save(healthy(), lease)
    assert journal.load() == Records({}, 2, None)
    (summary,) = journal.incidents()
    assert (summary.state, summary.opened_at, summary.closed_at) == (State.HEALTHY, NOW, NOW + 100)
    assert summary.reason == "host is back"


def test_a_closed_incident_stays_closed_as_it_was_whatever_is_told_later(journal: Journal) -> None:
    lease = holding(journal)
    journal.save(opened(), lease)
    journal.save(healthy(), lease)
    journal.add_step(step(state=State.HEALTHY, at=NOW + 200, text="once more"))
    journal.add_step(step(state=State.RECOVERING, at=NOW + 201, text="a late word of a playbook"))
    (summary,) = journal.incidents()
    assert (summary.state, summary.closed_at, summary.reason) == (State.HEALTHY, NOW + 100, "host is back")
    assert len(journal.incident(1).steps) == 4


def test_an_open_incident_carries_the_state_and_the_reason_of_its_host(journal: Journal) -> None:
    lease = holding(journal)
    journal.save(opened(), lease)
    journal.save(decision(replace(record(), state=State.HELD, reason="2 hosts are down")), lease)
    (summary,) = journal.incidents()
    assert (summary.state, summary.reason, summary.closed_at) == (State.HELD, "2 hosts are down", None)


def test_the_time_of_blindness_and_the_hosts_missing_since_are_kept(journal: Journal) -> None:
    lease = holding(journal)
    two, one, none = frozenset({"compute-01", "узел-02"}), frozenset({"compute-01"}), frozenset[str]()
    for blind_at, missing in ((NOW, two), (NOW, one), (NOW + 1, one), (NOW + 1, none), (None, none)):
        journal.save(replace(decision(), records=Records(blind_at=blind_at, missing=missing)), lease)
        assert journal.load() == Records(blind_at=blind_at, missing=missing)


def test_the_timeline_keeps_its_order_also_within_one_moment(journal: Journal) -> None:
    journal.save(opened(), holding(journal))
    for number in range(5):
        journal.add_step(step(text=f"step {number}"))
    assert [s.text for s in journal.incident(1).steps] == ["seen", *(f"step {number}" for number in range(5))]
    assert journal.incident(1).steps[0] == step()


def test_the_newest_incidents_come_first_and_as_many_as_asked(journal: Journal) -> None:
    lease = holding(journal)
    for number in range(1, 5):
        journal.save(opened(number, f"compute-0{number}"), lease)
    assert [summary.id for summary in journal.incidents(limit=3)] == [4, 3, 2]


def test_an_unknown_incident_is_an_error_that_names_it(journal: Journal) -> None:
    for ask in (
        lambda: journal.incident(7),
        lambda: journal.incident(7 * 10**30),
        lambda: journal.add_step(step(7)),
        lambda: journal.write_moves(7, [MOVE]),
    ):
        with pytest.raises(BadInput, match="incident 7"):
            ask()


def test_a_job_is_planned_with_the_decision_and_then_goes_its_way(journal: Journal) -> None:
    journal.save(opened(), holding(journal))
    planned = JobFact("1-recover-1", JobKind.RECOVER, "compute-01", JobStatus.PLANNED)
    assert journal.jobs(["1-recover-1", "unknown"]) == {"1-recover-1": planned}
    journal.write_job("1-recover-1", JobStatus.RUNNING)
    assert journal.unfinished_jobs() == (replace(planned, status=JobStatus.RUNNING),)
    reading = PowerReading("bmc-1", Power.OFF, Fence.OFF_CONFIRMED, "off twice")
    ended = replace(
        planned,
        status=JobStatus.FAILED,
        power=reading,
        left={"server-1": "priority 0"},
        failed={"server-2": "№ 2"},
        message="no",
    )
    journal.write_job("1-recover-1", JobStatus.FAILED, ended)
    assert journal.jobs(["1-recover-1"]) == {"1-recover-1": ended}
    assert journal.unfinished_jobs() == ()
    assert journal.incident(1).jobs == (ended,)


def test_a_job_that_has_ended_stays_as_it_ended(journal: Journal) -> None:
    journal.save(opened(), holding(journal))
    journal.write_job("1-recover-1", JobStatus.LOST)
    journal.write_job("1-recover-1", JobStatus.RUNNING)
    journal.write_job("1-recover-1", JobStatus.SUCCEEDED)
    assert journal.jobs(["1-recover-1"])["1-recover-1"].status is JobStatus.LOST


def test_an_unknown_job_is_an_error_that_names_it(journal: Journal) -> None:
    with pytest.raises(BadInput, match="9-recover-9"):
        journal.write_job("9-recover-9", JobStatus.RUNNING)


def test_the_same_decision_saved_twice_plans_its_job_once(journal: Journal) -> None:
    lease = holding(journal)
    journal.save(opened(), lease)
    journal.save(opened(), lease)
    assert [job.key for job in journal.unfinished_jobs()] == ["1-recover-1"]


@pytest.mark.parametrize("started", [True, False])
def test_a_used_key_is_refused_and_nothing_of_that_decision_is_kept(journal: Journal, started: bool) -> None:
    lease = holding(journal)
    journal.save(opened(), lease)
    if started:
        journal.write_job("1-recover-1", JobStatus.RUNNING)
        again = Recover("1-recover-1", "compute-01", 1)
    else:
        again = ReadPower("1-recover-1", "compute-01", 1)
    other = record("compute-02", 2)
    with pytest.raises(BadInput, match="1-recover-1"):
        journal.save(decision(other, steps=(step(2, host="compute-02"),), actions=(again,)), lease)
    assert journal.load() == Records({"compute-01": record()}, 2, None)


def test_moves_are_kept_by_server_and_what_is_known_is_never_overwritten_by_nothing(journal: Journal) -> None:
    journal.save(opened(), holding(journal))
    journal.write_moves(
        1, [MOVE, Move("server-2", "db", "compute-01", priority=0, outcome="left", reason="priority 0")]
    )
    journal.write_moves(1, [Move("server-1", "", "", "compute-02", status="ACTIVE", outcome="evacuated", attempts=2)])
    journal.write_moves(1, [Move("server-1", "", "", priority=None)])
    journal.write_moves(1, [])
    web, db = journal.incident(1).moves
    assert web == replace(MOVE, destination="compute-02", status="ACTIVE", outcome="evacuated", attempts=2)
    assert (db.server_id, db.priority, db.outcome, db.reason) == ("server-2", 0, "left", "priority 0")
    (summary,) = journal.incidents()
    assert (summary.evacuated, summary.left, summary.failed) == (1, 1, 0)


def test_the_status_before_the_incident_is_the_first_one_told(journal: Journal) -> None:
    journal.save(opened(), holding(journal))
    journal.write_moves(1, [MOVE])
    journal.write_moves(1, [replace(MOVE, status_before="REBUILD")])
    assert journal.incident(1).moves[0].status_before == "ACTIVE"


def test_maintenance_begins_changes_and_ends(journal: Journal) -> None:
    journal.set_maintenance("compute-01", "new memory", "anna", NOW)
    journal.set_maintenance("compute-01", "new disks", "anna", NOW)
    assert journal.operator_facts().maintenance == {"compute-01": "new disks"}
    journal.set_maintenance("compute-01", None, "anna", NOW)
    journal.set_maintenance("compute-01", None, "anna", NOW)
    assert journal.operator_facts().maintenance == {}


def test_an_acknowledgement_counts_while_its_incident_is_open(journal: Journal) -> None:
    with pytest.raises(BadInput, match="compute-01"):
        journal.acknowledge("compute-01", "anna", "unplugged it", NOW)
    lease = holding(journal)
    journal.save(opened(), lease)
    journal.acknowledge("compute-01", "anna", "I think so", NOW)
    journal.acknowledge("compute-01", "anna", "unplugged it", NOW)
    assert journal.operator_facts().acknowledged == {"compute-01": "anna: unplugged it"}
    journal.save(healthy(), lease)
    assert journal.operator_facts().acknowledged == {}
    journal.save(opened(2), lease)
    assert journal.operator_facts().acknowledged == {}


def test_without_the_lease_nothing_is_written(journal: Journal) -> None:
    for lease in (Lease("here", 1), Lease("here", 0)):
        with pytest.raises(NotLeader):
            journal.save(opened(), lease)
    assert journal.load() == Records({}, 1, None)
