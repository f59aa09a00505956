# SPDX-License-Identifier: GPL-3.0-or-later
"""Power controls and their links to hosts."""

from __future__ import annotations

import getpass
import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from cloud_manager.adapters.store.operators import log_action
from cloud_manager.adapters.store.part import Part
from cloud_manager.db import Database, PasswordBox, models
from cloud_manager.domain.power import PROTOCOLS, PowerControl, PowerLink, Secret
from cloud_manager.errors import BadInput

NO_OUTLET = 0
# Protocols of devices that switch the one host they are built into.
SINGLE = ("ipmi",)
LONGEST = 255


def login_user() -> str:
    """Who is behind this process; behind sudo, who called it."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError):
        return f"uid {os.getuid()}"


class SqlPowerControls(Part):
    """ports.PowerControls. Every change is logged with `who`."""

    def __init__(
        self, database: Database, box: PasswordBox, who: str | None = None, now: Callable[[], float] = time.time
    ) -> None:
        super().__init__(database)
        self._box = box
        self._who = login_user() if who is None else who
        self._now = now

    def add(self, control: PowerControl) -> None:
        check(control)
        encrypted = self._box.encrypt(control.password)
        self._database.write(lambda connection: self._add(connection, control, encrypted))

    def list(self) -> tuple[tuple[PowerControl, tuple[PowerLink, ...]], ...]:
        """Ordered by title. Without passwords, so that the key isn't needed."""
        return self._database.read(_list)

    def link(self, host: str, title: str, outlet: int | None, default: bool) -> None:
        """A host's first control is its default in any case. Linking again changes outlet or default."""
        self._database.write(lambda connection: self._link(connection, host, title, outlet, default))

    def titles(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = defaultdict(list)
        statement = _LINKS.with_only_columns(models.PowerLink.host, models.PowerControl.title)
        for host, title in self._database.read(lambda connection: connection.execute(statement).all()):
            found[host].append(title)
        return {host: tuple(titles) for host, titles in found.items()}

    def of(self, host: str) -> tuple[PowerLink, ...]:
        """The default first, with passwords; empty where nothing is linked. Raises BadInput where the key is wrong."""
        statement = _LINKS.where(models.PowerLink.host == host)
        rows = self._database.read(lambda connection: connection.execute(statement).all())
        return tuple(_link_of(row, _control_of(row, self._box.decrypt(row.password, row.title))) for row in rows)

    def verified(self, host: str, title: str, at: float) -> None:
        self._database.write(lambda connection: self._verified(connection, host, title, at))

    def _add(self, connection: Connection, control: PowerControl, encrypted: str) -> None:
        table = models.PowerControl
        if connection.scalar(select(table.id).where(table.title == control.title)) is not None:
            raise BadInput(f"power control {control.title} exists already: give another title")
        same = (table.protocol == control.protocol, table.address == control.address, table.port == control.port)
        if (other := connection.scalar(select(table.title).where(*same))) is not None:
            raise BadInput(
                f"power control {other} is at {control.address} port {control.port} already: "
                "a second one there would switch the wrong host; check the address"
            )
        fields = ("title", "protocol", "address", "port", "username")
        values = {name: getattr(control, name) for name in fields}
        connection.execute(insert(table).values(**values, password=encrypted))
        log_action(connection, self._now(), self._who, "power_control.add", control.title, f"at {control.address}")

    def _link(self, connection: Connection, host: str, title: str, outlet: int | None, default: bool) -> None:
        control = _known(connection, title)
        number = check_outlet(title, control.protocol, outlet)
        if not 0 < len(host) <= LONGEST:
            raise BadInput(f"host name {host!r} must have 1 to {LONGEST} characters")
        _require_free(connection, control, host, number)
        table = models.PowerLink
        links = connection.execute(select(table.__table__).where(table.host == host).with_for_update()).all()
        mine = next((link for link in links if link.control_id == control.id), None)
        is_default = default or not links or (mine is not None and mine.is_default)
        if mine is not None and (mine.outlet, mine.is_default) == (number, is_default):
            raise BadInput(f"host {host} is linked to power control {title} already")
        if is_default:
            connection.execute(update(table).where(table.host == host).values(is_default=False))
        values = {"outlet": number, "is_default": is_default}
        if mine is None:
            connection.execute(insert(table).values(control_id=control.id, host=host, verified_at=None, **values))
        else:
            this = (table.control_id == control.id, table.host == host)
            connection.execute(update(table).where(*this).values(**values))
        details = f"host {host}" + (f", outlet {outlet}" if outlet else "") + (", default" if is_default else "")
        log_action(connection, self._now(), self._who, "power_control.link", title, details)

    def _verified(self, connection: Connection, host: str, title: str, at: float) -> None:
        control, table = _known(connection, title), models.PowerLink
        mine = (table.control_id == control.id, table.host == host)
        if connection.execute(update(table).where(*mine).values(verified_at=at)).rowcount == 0:
            raise BadInput(f"host {host} is not linked to power control {title}")
        log_action(connection, at, self._who, "power_control.verify", title, f"host {host}")


def check(control: PowerControl) -> None:
    """Raises BadInput where a part of the control is out of range."""
    for name in ("title", "address", "username"):
        if not 0 < len(getattr(control, name)) <= LONGEST:
            raise BadInput(f"power control {control.title!r}: {name} must have 1 to {LONGEST} characters")
    if control.protocol not in PROTOCOLS:
        raise BadInput(
            f"power control {control.title}: no protocol {control.protocol!r}: give {' or '.join(PROTOCOLS)}"
        )
    if not 1 <= control.port <= 65535:
        raise BadInput(f"power control {control.title}: port {control.port} is out of range: give one from 1 to 65535")


def check_outlet(title: str, protocol: str, outlet: int | None) -> int:
    """The outlet's number as stored. Raises BadInput where it doesn't fit the protocol or the range."""
    if protocol in SINGLE:
        if outlet is not None:
            raise BadInput(f"power control {title} speaks {protocol}, which has no outlets: leave the outlet out")
        return NO_OUTLET
    if outlet is None or not 1 <= outlet <= 65535:
        raise BadInput(f"power control {title}: outlet {outlet} is out of range: give one from 1 to 65535")
    return outlet


_COLUMNS = (
    models.PowerControl.title,
    models.PowerControl.protocol,
    models.PowerControl.address,
    models.PowerControl.port,
    models.PowerControl.username,
    models.PowerControl.password,
)
_LINKS = (
    select(models.PowerLink.__table__, *_COLUMNS)
    .join(models.PowerControl, models.PowerControl.id == models.PowerLink.control_id)
    .order_by(models.PowerLink.host, models.PowerLink.is_default.desc(), models.PowerControl.title)
)


def _list(connection: Connection) -> tuple[tuple[PowerControl, tuple[PowerLink, ...]], ...]:
    links: dict[str, list[PowerLink]] = defaultdict(list)
    for row in connection.execute(_LINKS):
        links[row.title].append(_link_of(row, _control_of(row, Secret(""))))
    controls = connection.execute(select(models.PowerControl.__table__).order_by(models.PowerControl.title))
    return tuple((_control_of(row, Secret("")), tuple(links[row.title])) for row in controls)


def _known(connection: Connection, title: str) -> Row[Any]:
    """Locks the control, so that two operators can't take the same outlet."""
    table = models.PowerControl
    row = connection.execute(select(table.__table__).where(table.title == title).with_for_update()).one_or_none()
    if row is None:
        raise BadInput(f"power control {title} is unknown: see `aos-cloud-manager power-control list`")
    return row


def _require_free(connection: Connection, control: Row[Any], host: str, outlet: int) -> None:
    table = models.PowerLink
    other = connection.scalar(
        select(table.host).where(table.control_id == control.id, table.outlet == outlet, table.host != host)
    )
    if other is not None:
        place = f"outlet {outlet} of the power control" if outlet else "the power control"
        raise BadInput(f"{place} switches host {other} already: it can't switch host {host} too")


def _control_of(row: Row[Any], password: Secret) -> PowerControl:
    return PowerControl(row.title, row.protocol, row.address, row.port, row.username, password)


def _link_of(row: Row[Any], control: PowerControl) -> PowerLink:
    return PowerLink(row.host, control, row.outlet or None, row.is_default, row.verified_at)
