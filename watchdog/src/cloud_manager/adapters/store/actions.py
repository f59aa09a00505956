# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of what operators did with power: begun before the act, concluded after it."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from cloud_manager.adapters.store.power_rows import PowerPart
from cloud_manager.adapters.store.rows import NAME_LENGTH, WORD_LENGTH, fitting
from cloud_manager.db import models
from cloud_manager.ports import LoggedAction


class Actions(PowerPart):
    def begin(self, action: str, subject: str, details: str) -> int:
        """The number of an action that has no result yet."""
        return self._database.write(lambda connection: self._begin(connection, action, subject, details))

    def conclude(self, number: int, result: str, details: str) -> None:
        table, values = models.ActionLog, {"result": fitting(result, WORD_LENGTH), "details": fitting(details)}
        self._database.write(lambda c: c.execute(update(table).where(table.id == number).values(**values)))

    def actions(self, last: int) -> tuple[LoggedAction, ...]:
        """The newest ones about power, the oldest of them first."""
        table = models.ActionLog
        about = table.action.like("power%")
        statement = select(table.__table__).where(about).order_by(table.id.desc()).limit(last)
        rows = self._database.read(lambda connection: connection.execute(statement).all())
        return tuple(
            LoggedAction(row.at, row.who, row.action, row.subject, row.result, row.details) for row in reversed(rows)
        )

    def _begin(self, connection: Connection, action: str, subject: str, details: str) -> int:
        values = {"at": self._now(), "who": self._who, "action": action, "subject": fitting(subject, NAME_LENGTH)}
        done = connection.execute(insert(models.ActionLog).values(**values, details=fitting(details), result=""))
        (number,) = done.inserted_primary_key or (0,)
        return int(number)
