# SPDX-License-Identifier: GPL-3.0-or-later
"""Between power controls and their rows."""

from __future__ import annotations

import getpass
import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from cloud_manager.adapters.store.operators import log_action
from cloud_manager.adapters.store.part import Part
from cloud_manager.db import Database, PasswordBox, models
from cloud_manager.domain.facts import Power
from cloud_manager.domain.power import Check, Option, PowerControl, PowerLink, Secret
from cloud_manager.domain.power_rules import Place, same_address
from cloud_manager.errors import BadInput, StoreUnavailable

_TABLE = models.PowerControl
LINKS = (
    select(
        models.PowerLink.__table__,
        _TABLE.title,
        _TABLE.protocol,
        _TABLE.address,
        _TABLE.port,
        _TABLE.username,
        _TABLE.password,
        _TABLE.outlets,
        _TABLE.options.label("control_options"),
    )
    .join(_TABLE, _TABLE.id == models.PowerLink.control_id)
    .order_by(
        models.PowerLink.host,
        models.PowerLink.is_default.desc(),
        _TABLE.title,
        models.PowerLink.outlet,
    )
)


def login_user() -> str:
    """Who is behind this process; behind sudo, who called it."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


class PowerPart(Part):
    """Every change is logged with `who`."""

    def __init__(
        self, database: Database, box: PasswordBox, who: str | None = None, now: Callable[[], float] = time.time
    ) -> None:
        super().__init__(database)
        self._box = box
        self._who = login_user() if who is None else who
        self._now = now

    def _log(self, connection: Connection, action: str, subject: str, details: str) -> None:
        log_action(connection, self._now(), self._who, f"power_control.{action}", subject, details)

    def _encrypted(self, password: Secret) -> str:
        """A control without a password needs no key."""
        if not password.reveal():
            return ""
        return self._box.encrypt(password, first=not self._database.read(_any_password))

    def _decrypted(self, stored: str, title: str) -> Secret:
        return self._box.decrypt(stored, title) if stored else Secret("")


def _any_password(connection: Connection) -> bool:
    return connection.scalar(select(_TABLE.id).where(_TABLE.password != "").limit(1)) is not None


def known(connection: Connection, title: str) -> Row[Any]:
    """Locks the control, so that two operators can't take the same outlet."""
    return _one(connection, title, select(_TABLE.__table__).with_for_update())


def seen(connection: Connection, title: str) -> Row[Any]:
    """Only to be read."""
    return _one(connection, title, select(_TABLE.__table__))


def _one(connection: Connection, title: str, statement: Select[Any]) -> Row[Any]:
    row = connection.execute(statement.where(_TABLE.title == title)).one_or_none()
    if row is None:
        raise BadInput(f"power control {title} is unknown: see `aos-cloud-manager power-control list`")
    return row


def control_of(row: Row[Any], password: Secret) -> PowerControl:
    """row: of the table of controls."""
    options = options_of(row.options, row.title)
    return PowerControl(
        row.title, row.protocol, row.address, row.port, row.username, password, row.outlets, options, row.id
    )


def control_of_link(row: Row[Any], password: Secret) -> PowerControl:
    """row: of LINKS."""
    options = options_of(row.control_options, row.title)
    return PowerControl(
        row.title, row.protocol, row.address, row.port, row.username, password, row.outlets, options, row.control_id
    )


def link_of(row: Row[Any], control: PowerControl) -> PowerLink:
    return PowerLink(
        host=row.host,
        control=control,
        outlet=row.outlet or None,
        default=row.is_default,
        verified_at=row.verified_at,
        options=options_of(row.options, row.title),
        identity=row.identity,
        initialised_at=row.initialised_at,
        check=None if row.check_at is None else Check(row.check_at, _power(row.check_state), row.check_message),
    )


def others_at(connection: Connection, control: PowerControl) -> list[tuple[str, PowerControl, Place]]:
    """Host, control without credentials and place of every link of other controls at this one's address."""
    rows = connection.execute(LINKS.where(models.PowerLink.control_id != control.id)).all()
    found = [
        (
            row.host,
            PowerControl(row.title, row.protocol, row.address, row.port, "", Secret("")),
            (row.outlet, row.machine),
        )
        for row in rows
    ]
    return [item for item in found if same_address(item[1], control)]


def options_text(options: Mapping[str, Option]) -> str:
    return json.dumps(dict(options), sort_keys=True)


def options_of(text: str, title: str) -> dict[str, Option]:
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise StoreUnavailable(
            f"power control {title}: the options in the database can't be understood: correct or delete the row"
        ) from error


def _power(text: str) -> Power:
    return Power(text) if text in list(Power) else Power.UNKNOWN
