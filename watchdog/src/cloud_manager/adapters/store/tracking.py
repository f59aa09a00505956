# SPDX-License-Identifier: GPL-3.0-or-later
"""The memory between cycles, and the one transaction in which a decision is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, func, insert, select, update

from cloud_manager.adapters.store.incidents import write_incidents, write_steps
from cloud_manager.adapters.store.jobs import plan_jobs
from cloud_manager.adapters.store.leases import require
from cloud_manager.adapters.store.part import Part, chunks
from cloud_manager.adapters.store.rows import host_record, host_row, sight_of, sight_row
from cloud_manager.adapters.store.switchings import switchings
from cloud_manager.db import models
from cloud_manager.domain.actions import Recover
from cloud_manager.domain.records import Decision, HostRecord, Records, State
from cloud_manager.errors import Overtaken
from cloud_manager.ports import Lease

ROW = 1


class Tracking(Part):
    def load(self) -> Records:
        return self._database.read(_load)

    def save(self, decision: Decision, lease: Lease) -> None:
        """All or nothing. Raises BadInput for a job key that was used before for something else."""
        self._database.write(lambda connection: _save(connection, decision, lease))


def _load(connection: Connection) -> Records:
    hosts = [host_record(row) for row in connection.execute(select(models.Host.__table__))]
    last = connection.scalar(select(func.max(models.Incident.id))) or 0
    observer = connection.execute(select(models.Observer.__table__).where(models.Observer.id == ROW)).one_or_none()
    sight = sight_of(observer) if observer else {}
    return Records({host.name: host for host in hosts}, last + 1, **sight)


def _save(connection: Connection, decision: Decision, lease: Lease) -> None:
    require(connection, lease)
    _require_unswitched(connection, decision)
    _write_hosts(connection, decision.changed)
    _write_sight(connection, sight_row(decision.records))
    write_incidents(connection, decision.changed, decision.steps)
    write_steps(connection, decision.steps)
    plan_jobs(connection, decision.actions)


def _require_unswitched(connection: Connection, decision: Decision) -> None:
    """Who began to switch a host since it was looked at must not be fenced (SPEC S3, gate 1)."""
    recovered = {action.host for action in decision.actions if isinstance(action, Recover)}
    if not recovered:
        return
    looked_at = {step.host: step.at for step in decision.steps}
    for switching in switchings(connection):
        if switching.host in recovered and switching.may_last(looked_at.get(switching.host, switching.at)):
            words = f"{switching.action} by {switching.who} has just begun"
            raise Overtaken(f"host {switching.host} is not recovered now: {words}")


def _write_hosts(connection: Connection, changed: Sequence[HostRecord]) -> None:
    for names in chunks([record.name for record in changed]):
        connection.execute(delete(models.Host).where(models.Host.name.in_(names)))
    rows = [host_row(record) for record in changed if record.state is not State.HEALTHY]
    if rows:
        connection.execute(insert(models.Host), rows)


def _write_sight(connection: Connection, sight: Mapping[str, object]) -> None:
    table = models.Observer
    known = connection.execute(select(table.blind_at, table.missing).where(table.id == ROW)).one_or_none()
    if known is None:
        connection.execute(insert(table).values(id=ROW, **sight))
    elif dict(known._mapping) != sight:
        connection.execute(update(table).where(table.id == ROW).values(**sight))
