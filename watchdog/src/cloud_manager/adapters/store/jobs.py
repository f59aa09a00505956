# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbook runs: recorded before they start, by keys that are used once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, insert, select, update

from cloud_manager.adapters.store.part import Part, chunks
from cloud_manager.adapters.store.rows import job_fact, job_result, planned_job
from cloud_manager.db import models
from cloud_manager.domain.actions import Action
from cloud_manager.domain.facts import JobFact, JobStatus
from cloud_manager.errors import BadInput

ENDED = tuple(status.value for status in JobStatus if status.ended)


class Jobs(Part):
    def jobs(self, keys: Sequence[str]) -> Mapping[str, JobFact]:
        """Keys that were never recorded are missing."""
        return self._database.read(lambda connection: jobs_with(connection, keys))

    def unfinished_jobs(self) -> tuple[JobFact, ...]:
        table = models.Job
        statement = select(table.__table__).where(table.status.not_in(ENDED)).order_by(table.incident, table.key)
        return self._database.read(lambda connection: tuple(map(job_fact, connection.execute(statement))))

    def write_job(self, key: str, status: JobStatus, result: JobFact | None = None) -> None:
        """A job that has ended stays as it ended. Raises BadInput for an unknown key."""
        self._database.write(lambda connection: _write(connection, key, status, result))


def jobs_with(connection: Connection, keys: Sequence[str]) -> dict[str, JobFact]:
    found: dict[str, JobFact] = {}
    for some in chunks(keys):
        rows = connection.execute(select(models.Job.__table__).where(models.Job.key.in_(some)))
        found.update({row.key: job_fact(row) for row in rows})
    return found


def plan_jobs(connection: Connection, actions: Sequence[Action]) -> None:
    """Raises BadInput where a key was used for another act, or for one that has been started."""
    if not actions:
        return
    known = jobs_with(connection, [action.key for action in actions])
    for action in actions:
        job = known.get(action.key)
        if job and (job.status is not JobStatus.PLANNED or (job.kind, job.host) != (action.kind, action.host)):
            raise BadInput(
                f"job {action.key} exists already ({job.kind} of {job.host}, {job.status}): a key is used once"
            )
    rows = [planned_job(action) for action in actions if action.key not in known]
    if rows:
        connection.execute(insert(models.Job), rows)


def _write(connection: Connection, key: str, status: JobStatus, result: JobFact | None) -> None:
    table = models.Job
    known = connection.scalar(select(table.status).where(table.key == key).with_for_update())
    if known is None:
        raise BadInput(f"job {key} is unknown")
    if known in ENDED:
        return
    values = {"status": status.value, **(job_result(result) if result else {})}
    connection.execute(update(table).where(table.key == key).values(**values))
