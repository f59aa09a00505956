# SPDX-License-Identifier: GPL-3.0-or-later
"""Power controls: made, changed, taken away; and the whole store of them, put together from its parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection, delete, insert, select, update

from cloud_manager.adapters.store.actions import Actions
from cloud_manager.adapters.store.power_findings import Findings, forget_proofs
from cloud_manager.adapters.store.power_links import Links, leave
from cloud_manager.adapters.store.power_rows import (
    LINKS,
    PowerPart,
    control_of,
    control_of_link,
    known,
    link_of,
    options_text,
    others_at,
    seen,
)
from cloud_manager.db import models
from cloud_manager.domain.power import ControlChange, PowerControl, PowerLink, Secret
from cloud_manager.domain.power_rules import changed, check, require_own_device, same_address, settled
from cloud_manager.errors import BadInput

Listed = tuple[tuple[PowerControl, tuple[PowerLink, ...]], ...]


class Controls(PowerPart):
    def add(self, control: PowerControl) -> None:
        control = settled(control)
        check(control)
        encrypted = self._encrypted(control.password)
        self._database.write(lambda connection: self._add(connection, control, encrypted))

    def change(self, title: str, change: ControlChange) -> None:
        """What was proven of the control is no longer, unless only its title or its number of outlets changes."""
        encrypted = None if change.password is None else self._encrypted(change.password)
        self._database.write(lambda connection: self._change(connection, title, change, encrypted))

    def remove(self, title: str, force: bool) -> Mapping[str, str]:
        """Refused while hosts are linked, unless forced; returns each such host with its default control now, or ""."""
        return self._database.write(lambda connection: self._remove(connection, title, force))

    def get(self, title: str) -> PowerControl:
        """With its password."""
        row = self._database.read(lambda connection: seen(connection, title))
        return control_of(row, self._decrypted(row.password, title))

    def list(self) -> Listed:
        """Ordered by title. Without passwords, so that the key isn't needed."""
        return self._database.read(_list)

    def _add(self, connection: Connection, control: PowerControl, encrypted: str) -> None:
        _require_own_place(connection, control)
        connection.execute(insert(models.PowerControl).values(**_values(control), password=encrypted))
        self._log(connection, "add", control.title, f"at {control.address}")

    def _change(self, connection: Connection, title: str, change: ControlChange, encrypted: str | None) -> None:
        row = known(connection, title)
        before = control_of(row, Secret("stored" if row.password else ""))
        after = changed(before, change)
        if after == before and encrypted is None:
            raise BadInput(f"power control {title} is so already: nothing to change")
        check(after)
        _require_own_place(connection, after)
        _require_outlets(connection, after)
        if (after.address, after.port) != (before.address, before.port):
            _require_own_devices(connection, after)
        secret = {} if encrypted is None else {"password": encrypted}
        table = models.PowerControl
        connection.execute(update(table).where(table.id == row.id).values(**_values(after), **secret))
        if encrypted is not None or replace(after, title=before.title, outlets=before.outlets) != before:
            forget_proofs(connection, models.PowerLink.control_id == row.id)
        news = _difference(before, after) + ([] if encrypted is None else ["password"])
        self._log(connection, "set", title, ", ".join(news))

    def _remove(self, connection: Connection, title: str, force: bool) -> Mapping[str, str]:
        row, link = known(connection, title), models.PowerLink
        hosts = sorted(set(connection.scalars(select(link.host).where(link.control_id == row.id))))
        if hosts and not force:
            raise BadInput(
                f"power control {title} switches {', '.join(hosts)}: unlink it first, or give --force to do both"
            )
        defaults = {host: leave(connection, host, row.id) for host in hosts}
        connection.execute(delete(models.PowerControl).where(models.PowerControl.id == row.id))
        self._log(connection, "remove", title, f"unlinked from {', '.join(hosts)}" if hosts else "")
        return defaults


class SqlPowerControls(Controls, Links, Findings, Actions):
    """ports.PowerControls. Safe for several threads and several processes; each method is one transaction."""


def _values(control: PowerControl) -> dict[str, object]:
    plain = {name: getattr(control, name) for name in ("title", "protocol", "address", "port", "username", "outlets")}
    return {**plain, "options": options_text(control.options)}


def _difference(before: PowerControl, after: PowerControl) -> list[str]:
    names = ("title", "address", "port", "username", "outlets", "options")
    news = {name: getattr(after, name) for name in names if getattr(after, name) != getattr(before, name)}
    return [f"{name} {options_text(value) if name == 'options' else value}" for name, value in news.items()]


def _require_own_place(connection: Connection, control: PowerControl) -> None:
    table = models.PowerControl
    others = table.id != control.id
    if connection.scalar(select(table.id).where(table.title == control.title, others)) is not None:
        raise BadInput(f"power control {control.title} exists already: give another title")
    same = (table.protocol == control.protocol, table.port == control.port)
    for other in connection.execute(select(table.title, table.address).where(*same, others).order_by(table.title)):
        if same_address(replace(control, address=other.address), control):
            raise BadInput(
                f"power control {other.title} is at {control.address} port {control.port} already: "
                "a second one there would switch the wrong host; check the address"
            )


def _require_outlets(connection: Connection, control: PowerControl) -> None:
    link = models.PowerLink
    beyond = select(link.host, link.outlet).where(link.control_id == control.id, link.outlet > control.outlets)
    if (row := connection.execute(beyond.order_by(link.outlet)).first()) is not None:
        raise BadInput(
            f"power control {control.title}: outlet {row.outlet} switches host {row.host}: "
            f"unlink it before there are but {control.outlets} outlets"
        )


def _require_own_devices(connection: Connection, control: PowerControl) -> None:
    others, link = others_at(connection, control), models.PowerLink
    mine = select(link.host, link.outlet, link.machine).where(link.control_id == control.id)
    for row in connection.execute(mine.order_by(link.host)).all():
        require_own_device(control, row.host, (row.outlet, row.machine), others)


def _list(connection: Connection) -> Listed:
    links: dict[str, list[PowerLink]] = defaultdict(list)
    for row in connection.execute(LINKS):
        links[row.title].append(link_of(row, control_of_link(row, Secret(""))))
    controls = connection.execute(select(models.PowerControl.__table__).order_by(models.PowerControl.title))
    return tuple((control_of(row, Secret("")), tuple(links[row.title])) for row in controls)
