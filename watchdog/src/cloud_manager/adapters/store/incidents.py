# SPDX-License-Identifier: GPL-3.0-or-later
"""Incidents with their timelines and the servers on the move."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from cloud_manager.adapters.store.part import Part, chunks
from cloud_manager.adapters.store.rows import fitting, job_fact, merged, move_of, move_row, state_of, step_of, step_row
from cloud_manager.db import models
from cloud_manager.domain.records import HostRecord, State, Step
from cloud_manager.errors import BadInput
from cloud_manager.ports import IncidentReport, IncidentSummary, Move

# The databases' integers end here, Python's don't.
LARGEST = 2**31


class Incidents(Part):
    def add_step(self, step: Step) -> None:
        """Raises BadInput for an unknown incident."""
        self._database.write(lambda connection: _add_step(connection, step))

    def write_moves(self, incident: int, moves: Sequence[Move]) -> None:
        """Raises BadInput for an unknown incident."""
        if moves:
            self._database.write(lambda connection: _write_moves(connection, incident, moves))

    def incidents(self, limit: int = 50) -> tuple[IncidentSummary, ...]:
        """The newest first."""
        statement = select(models.Incident.__table__).order_by(models.Incident.id.desc()).limit(limit)
        return self._database.read(lambda connection: _summaries(connection, connection.execute(statement).all()))

    def incident(self, number: int) -> IncidentReport:
        return self._database.read(lambda connection: _report(connection, number))


def write_incidents(connection: Connection, changed: Sequence[HostRecord], steps: Sequence[Step]) -> None:
    """Open incidents that are new, and carry the state of the open ones along."""
    rows: dict[int, dict[str, Any]] = {}
    for record in changed:
        if record.incident is not None and record.state is not State.HEALTHY:
            rows[record.incident] = _row(record.incident, record.name, record.state, record.since, record.reason)
    current = set(rows)
    for step in steps:
        row = rows.setdefault(step.incident, _row(step.incident, step.host, step.state, step.at, step.text))
        row["opened_at"] = min(row["opened_at"], step.at)
    known = _known(connection, rows.keys())
    if new := [row for number, row in rows.items() if number not in known]:
        connection.execute(insert(models.Incident), new)
    for number in current & known:
        values = {name: rows[number][name] for name in ("state", "reason")}
        connection.execute(update(models.Incident).where(models.Incident.id == number).values(**values))


def write_steps(connection: Connection, steps: Sequence[Step]) -> None:
    if not steps:
        return
    connection.execute(insert(models.IncidentStep), [step_row(step) for step in steps])
    table = models.Incident
    for step in steps:
        if step.state is State.HEALTHY:
            values = {"state": step.state.value, "closed_at": step.at, "reason": fitting(step.text)}
            connection.execute(
                update(table).where(table.id == step.incident, table.closed_at.is_(None)).values(**values)
            )


def _known(connection: Connection, numbers: Collection[int]) -> set[int]:
    found: set[int] = set()
    for some in chunks(numbers):
        found.update(connection.scalars(select(models.Incident.id).where(models.Incident.id.in_(some))))
    return found


def _row(number: int, host: str, state: State, at: float, reason: str) -> dict[str, Any]:
    return {
        "id": number,
        "host": host,
        "state": state.value,
        "opened_at": at,
        "closed_at": None,
        "reason": fitting(reason),
    }


def _add_step(connection: Connection, step: Step) -> None:
    _require(connection, step.incident)
    write_steps(connection, [step])


def _require(connection: Connection, number: int) -> Row[Any]:
    statement = select(models.Incident.__table__).where(models.Incident.id == number)
    row = connection.execute(statement).one_or_none() if 0 < number < LARGEST else None
    if row is None:
        raise BadInput(f"incident {number} is unknown: see `aos-cloud-manager incidents`")
    return row


def _write_moves(connection: Connection, incident: int, moves: Sequence[Move]) -> None:
    _require(connection, incident)
    table = models.InstanceMove
    statement = select(table.__table__).where(table.incident == incident).with_for_update()
    known = {row.server_id: move_of(row) for row in connection.execute(statement)}
    wanted: dict[str, Move] = {}
    for move in moves:
        before = wanted.get(move.server_id) or known.get(move.server_id)
        wanted[move.server_id] = merged(before, move) if before else move
    if new := [{"incident": incident, **move_row(move)} for key, move in wanted.items() if key not in known]:
        connection.execute(insert(table), new)
    for key, move in wanted.items():
        if key in known and move != known[key]:
            mine = (table.incident == incident, table.server_id == key)
            connection.execute(update(table).where(*mine).values(**move_row(move)))


def _summaries(connection: Connection, rows: Sequence[Row[Any]]) -> tuple[IncidentSummary, ...]:
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    table = models.InstanceMove
    for numbers in chunks([row.id for row in rows]):
        statement = select(table.incident, table.outcome, func.count()).where(table.incident.in_(numbers))
        for incident, outcome, number in connection.execute(statement.group_by(table.incident, table.outcome)):
            counts[incident][outcome] = number
    return tuple(_summary(row, counts[row.id]) for row in rows)


def _summary(row: Row[Any], counts: Mapping[str, int]) -> IncidentSummary:
    outcomes = {name: counts.get(name, 0) for name in ("evacuated", "left", "failed")}
    return IncidentSummary(row.id, row.host, state_of(row), row.opened_at, row.closed_at, row.reason, **outcomes)


def _report(connection: Connection, number: int) -> IncidentReport:
    summary = _summaries(connection, [_require(connection, number)])[0]
    steps, moves, jobs = (table.__table__ for table in (models.IncidentStep, models.InstanceMove, models.Job))
    of_this = {table: select(table).where(table.c.incident == number) for table in (steps, moves, jobs)}
    return IncidentReport(
        summary,
        tuple(map(step_of, connection.execute(of_this[steps].order_by(steps.c.id)))),
        tuple(map(move_of, connection.execute(of_this[moves].order_by(moves.c.priority.desc(), moves.c.name)))),
        tuple(map(job_fact, connection.execute(of_this[jobs].order_by(jobs.c.key)))),
    )
