# SPDX-License-Identifier: GPL-3.0-or-later
"""The lease: one row with holder, growing epoch, and an end in the database's own time, which all controllers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, insert, select, text, update

from cloud_manager.adapters.store.part import Part
from cloud_manager.db import models
from cloud_manager.errors import NotLeader
from cloud_manager.ports import Lease

ROW = 1
NOBODY = ""
NOW = {
    "sqlite": text("SELECT (julianday('now') - 2440587.5) * 86400.0"),
    "mysql": text("SELECT UNIX_TIMESTAMP(SYSDATE(6))"),
}


class Leases(Part):
    def acquire_lease(self, holder: str, ttl: float, alive: Callable[[str], bool]) -> Lease | None:
        return self._database.write(lambda connection: _acquire(connection, holder, ttl, alive))

    def lease_holder(self) -> str:
        return self._database.read(_holder)

    def release_lease(self, lease: Lease) -> None:
        """Without effect where the lease is lost already."""
        table = models.Lease
        mine = (table.id == ROW, table.holder == lease.holder, table.epoch == lease.epoch)
        statement = update(table).where(*mine).values(holder=NOBODY, expires_at=0.0)
        self._database.write(lambda connection: connection.execute(statement))


def require(connection: Connection, lease: Lease) -> None:
    """Lock the lease until the end of the transaction. Raises NotLeader where it is not the newest.

    Its end in time doesn't count here: as long as nobody else took it, nobody else may act.
    """
    row = _locked(connection)
    if row is None or (row.holder, row.epoch) != (lease.holder, lease.epoch):
        other = row.holder if row is not None and row.holder else "nobody"
        raise NotLeader(f"the lease of {lease.holder} (epoch {lease.epoch}) is lost: {other} holds it now")


def no_decision_meanwhile(connection: Connection) -> None:
    """Keep watchdogs from recording decisions until the end of the transaction."""
    _locked(connection)


def _holder(connection: Connection) -> str:
    now = float(connection.scalar(NOW[connection.dialect.name]) or 0)
    row = connection.execute(select(models.Lease.__table__).where(models.Lease.id == ROW)).one_or_none()
    return row.holder if row is not None and row.expires_at > now else NOBODY


def _acquire(connection: Connection, holder: str, ttl: float, alive: Callable[[str], bool]) -> Lease | None:
    row = _locked(connection)
    # Asked after the lock, for which there may have been a long wait.
    now = float(connection.scalar(NOW[connection.dialect.name]) or 0)
    if row is None:
        connection.execute(insert(models.Lease).values(id=ROW, holder=holder, epoch=1, expires_at=now + ttl))
        return Lease(holder, 1)
    if row.holder == holder:
        return _write(connection, Lease(holder, row.epoch), now + ttl)
    if row.holder == NOBODY or row.expires_at <= now or not alive(row.holder):
        return _write(connection, Lease(holder, row.epoch + 1), now + ttl)
    return None


def _locked(connection: Connection) -> Row[Any] | None:
    statement = select(models.Lease.__table__).where(models.Lease.id == ROW).with_for_update()
    return connection.execute(statement).one_or_none()


def _write(connection: Connection, lease: Lease, expires_at: float) -> Lease:
    table = models.Lease
    statement = update(table).where(table.id == ROW)
    connection.execute(statement.values(holder=lease.holder, epoch=lease.epoch, expires_at=expires_at))
    return lease
