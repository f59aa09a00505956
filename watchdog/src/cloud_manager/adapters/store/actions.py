# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of what operators did with power: begun before the act, concluded after it."""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from cloud_manager.adapters.store.leases import no_decision_meanwhile
from cloud_manager.adapters.store.power_rows import PowerPart
from cloud_manager.adapters.store.rows import NAME_LENGTH, WORD_LENGTH, fitting, host_record
from cloud_manager.adapters.store.switchings import limit_words, without_limit
from cloud_manager.db import models
from cloud_manager.domain.records import HostRecord
from cloud_manager.domain.switching import Order, require_not_in_hand
from cloud_manager.ports import LoggedAction

# How many actions of all kinds are kept, the newest.
KEPT = 10_000


class Actions(PowerPart):
    def begin(self, action: str, subject: str, details: str) -> int:
        """The number of an action that has no result yet."""
        return self._database.write(lambda connection: self._begin(connection, action, subject, details))

    def begin_switching(self, order: Order) -> int:
        return self._database.write(lambda connection: self._begin_switching(connection, order))

    def conclude(self, number: int, result: str, message: str) -> None:
        self._database.write(lambda connection: _conclude(connection, number, result, message))

    def actions(self, last: int) -> tuple[LoggedAction, ...]:
        """The newest ones about power, the oldest of them first."""
        table = models.ActionLog
        about = table.action.like("power%")
        statement = select(table.__table__).where(about).order_by(table.id.desc()).limit(last)
        rows = self._database.read(lambda connection: connection.execute(statement).all())
        return tuple(
            LoggedAction(row.at, row.who, row.action, row.subject, row.result, row.details) for row in reversed(rows)
        )

    def _begin_switching(self, connection: Connection, order: Order) -> int:
        no_decision_meanwhile(connection)
        if order.state == "on" and not order.force:
            require_not_in_hand(_record(connection, order.host))
        details = f"by {order.ports}{limit_words(order.seconds)}"
        return self._begin(connection, f"power.{order.state}", order.subject, details)

    def _begin(self, connection: Connection, action: str, subject: str, details: str) -> int:
        values = {"at": self._now(), "who": self._who, "action": action, "subject": fitting(subject, NAME_LENGTH)}
        done = connection.execute(insert(models.ActionLog).values(**values, details=fitting(details), result=""))
        _prune(connection)
        (number,) = done.inserted_primary_key or (0,)
        return int(number)


def _conclude(connection: Connection, number: int, result: str, message: str) -> None:
    table = models.ActionLog
    begun = connection.scalar(select(table.details).where(table.id == number)) or ""
    details = ": ".join(filter(None, (without_limit(begun), message)))
    values = {"result": fitting(result, WORD_LENGTH), "details": fitting(details)}
    connection.execute(update(table).where(table.id == number).values(**values))


def _record(connection: Connection, host: str) -> HostRecord | None:
    row = connection.execute(select(models.Host.__table__).where(models.Host.name == host)).one_or_none()
    return None if row is None else host_record(row)


def _prune(connection: Connection) -> None:
    table = models.ActionLog
    oldest = connection.scalar(select(table.id).order_by(table.id.desc()).offset(KEPT - 1).limit(1))
    if oldest is not None:
        connection.execute(delete(table).where(table.id < oldest))
