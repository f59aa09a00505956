# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators have said, and the log of what they did."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, insert, select

from cloud_manager.adapters.store.part import Part
from cloud_manager.adapters.store.rows import fitting
from cloud_manager.adapters.store.switchings import switchings
from cloud_manager.db import models
from cloud_manager.errors import BadInput
from cloud_manager.ports import OperatorFacts


class Operators(Part):
    def operator_facts(self) -> OperatorFacts:
        return self._database.read(_facts)

    def set_maintenance(self, host: str, reason: str | None, who: str, at: float) -> None:
        """Begin or, without a reason, end the maintenance of a host."""
        self._database.write(lambda connection: _set_maintenance(connection, host, reason, who, at))

    def acknowledge(self, host: str, who: str, why: str, at: float) -> None:
        """The operator knows that the host is off. The last word counts."""
        self._database.write(lambda connection: _acknowledge(connection, host, who, why, at))


def log_action(connection: Connection, at: float, who: str, action: str, subject: str, details: str = "") -> None:
    values = {"at": at, "who": who, "action": action, "subject": subject, "details": fitting(details)}
    connection.execute(insert(models.ActionLog).values(**values))


def _facts(connection: Connection) -> OperatorFacts:
    maintenance = connection.execute(select(models.Maintenance.host, models.Maintenance.reason))
    word, incident = models.Acknowledgement, models.Incident
    statement = select(word.host, word.who, word.why).join(incident, incident.id == word.incident)
    words = connection.execute(statement.where(incident.closed_at.is_(None)).order_by(word.at))
    return OperatorFacts(
        maintenance={row.host: row.reason for row in maintenance},
        acknowledged={host: f"{who}: {why}" for host, who, why in words},
        switchings=switchings(connection),
    )


def _set_maintenance(connection: Connection, host: str, reason: str | None, who: str, at: float) -> None:
    table = models.Maintenance
    connection.execute(delete(table).where(table.host == host))
    if reason is not None:
        connection.execute(insert(table).values(host=host, reason=fitting(reason), who=who, at=at))
    log_action(connection, at, who, "maintenance.end" if reason is None else "maintenance.begin", host, reason or "")


def _acknowledge(connection: Connection, host: str, who: str, why: str, at: float) -> None:
    incident = models.Incident
    statement = select(func.max(incident.id)).where(incident.host == host, incident.closed_at.is_(None))
    number = connection.scalar(statement)
    if number is None:
        raise BadInput(f"host {host} has no open incident: there is nothing to acknowledge")
    table = models.Acknowledgement
    connection.execute(delete(table).where(table.incident == number))
    connection.execute(insert(table).values(incident=number, host=host, who=who, why=fitting(why), at=at))
    log_action(connection, at, who, "host.acknowledge_off", host, why)
