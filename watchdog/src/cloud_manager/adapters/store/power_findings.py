# SPDX-License-Identifier: GPL-3.0-or-later
"""What readings of linked power controls have shown."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from cloud_manager.adapters.store.power_rows import PowerPart, known
from cloud_manager.adapters.store.rows import NAME_LENGTH, fitting
from cloud_manager.db import models
from cloud_manager.domain.power import Check
from cloud_manager.errors import BadInput

NOT_PROVEN = {"verified_at": None, "initialised_at": None}


class Findings(PowerPart):
    """outlet None: all links of the host to the control. What a run of readings found is logged by its caller."""

    def verified(self, host: str, title: str, at: float, outlet: int | None = None) -> None:
        self._database.write(lambda connection: _found(connection, host, title, outlet, {"verified_at": at}))

    def initialised(self, host: str, title: str, at: float, identity: str, outlet: int | None = None) -> None:
        """The identity takes the place of the recorded one; "" leaves that."""
        values: dict[str, Any] = {"verified_at": at, "initialised_at": at}
        values |= {"identity": fitting(identity, NAME_LENGTH)} if identity else {}
        self._database.write(lambda connection: _found(connection, host, title, outlet, values))

    def checked(self, host: str, title: str, check: Check, outlet: int | None = None) -> None:
        """The last reading, by whomever."""
        state, message = check.state.value, fitting(check.message)
        values = {"check_at": check.at, "check_state": state, "check_message": message}
        self._database.write(lambda connection: _found(connection, host, title, outlet, values))

    def forget_identity(self, title: str) -> int:
        """Of every link of the control, because the machine behind it was replaced; returns of how many."""
        return self._database.write(lambda connection: self._forget_identity(connection, title))

    def _forget_identity(self, connection: Connection, title: str) -> int:
        control, table = known(connection, title), models.PowerLink
        recorded = (table.control_id == control.id, table.identity != "")
        count = connection.execute(update(table).where(*recorded).values(identity="", **NOT_PROVEN)).rowcount
        self._log(connection, "forget_identity", title, f"{count} links")
        return int(count)


def _found(connection: Connection, host: str, title: str, outlet: int | None, values: dict[str, Any]) -> None:
    control, table = known(connection, title), models.PowerLink
    mine = [table.control_id == control.id, table.host == host]
    mine += [] if outlet is None else [table.outlet == outlet]
    ids = connection.scalars(select(table.id).where(*mine)).all()
    if not ids:
        raise BadInput(f"host {host} is not linked to power control {title}")
    connection.execute(update(table).where(table.id.in_(ids)).values(**values))


def forget_proofs(connection: Connection, which: ColumnElement[bool]) -> None:
    """What was proven with other settings. The identity stays: it protects from exactly that change."""
    connection.execute(update(models.PowerLink).where(which).values(**NOT_PROVEN))
