# SPDX-License-Identifier: GPL-3.0-or-later
"""Which host is on which outlet of which power control, and which control of a host comes first."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from cloud_manager.adapters.store.power_findings import forget_proofs
from cloud_manager.adapters.store.power_rows import (
    LINKS,
    PowerPart,
    control_of,
    control_of_link,
    known,
    link_of,
    options_text,
    others_at,
)
from cloud_manager.db import models
from cloud_manager.domain.power import Option, PowerLink, Secret
from cloud_manager.domain.power_rules import (
    check_host,
    check_options,
    check_outlet,
    machine,
    require_free,
    require_own_device,
    require_whole,
)
from cloud_manager.errors import BadInput

log = logging.getLogger(__name__)

Rows = Sequence[Row[Any]]


class Links(PowerPart):
    def link(
        self,
        host: str,
        title: str,
        outlet: int | None = None,
        default: bool = False,
        options: Mapping[str, Option] | None = None,
    ) -> None:
        """A host's first control is its default in any case. Linking again changes the default or the options."""
        self._database.write(lambda connection: self._link(connection, host, title, outlet, default, options))

    def link_outlets(
        self,
        host: str,
        title: str,
        outlets: Sequence[int],
        default: bool = False,
        options: Mapping[str, Option] | None = None,
    ) -> None:
        def all_of_them(connection: Connection) -> None:
            for outlet in outlets:
                self._link(connection, host, title, outlet, default, options)

        self._database.write(all_of_them)

    def unlink(
        self, host: str, title: str, outlet: int | None = None, new_default: str | None = None, force: bool = False
    ) -> None:
        """All outlets where none is given. The default is not taken away while others remain without a new one; nor
        the last control, nor one of several outlets of a control, without force."""
        self._database.write(lambda connection: self._unlink(connection, host, title, outlet, new_default, force))

    def titles(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, dict[str, None]] = {}
        statement = LINKS.with_only_columns(models.PowerLink.host, models.PowerControl.title)
        for host, title in self._database.read(lambda connection: connection.execute(statement).all()):
            found.setdefault(host, {})[title] = None
        return {host: tuple(titles) for host, titles in found.items()}

    def of(self, host: str) -> tuple[PowerLink, ...]:
        """The default first, with passwords; empty where nothing is linked. Raises BadInput where the key is wrong.

        Where it is right for another control, one with a password of another key is given none: it can't be used, which
        the playbooks tell, and keeps no other control from being used.
        """
        rows = self._database.read(lambda connection: _links(connection, host))
        passwords: list[Secret] = []
        wrong: list[BadInput] = []
        for row in rows:
            try:
                passwords.append(self._decrypted(row.password, row.title))
            except BadInput as error:
                log.warning("power_control.unusable host=%s error=%s", host, error)
                wrong.append(error)
                passwords.append(Secret(""))
        if wrong and len(wrong) == len(rows):
            raise wrong[0]
        return tuple(link_of(row, control_of_link(row, one)) for row, one in zip(rows, passwords, strict=True))

    def _link(
        self,
        connection: Connection,
        host: str,
        title: str,
        outlet: int | None,
        default: bool,
        options: Mapping[str, Option] | None,
    ) -> None:
        control = control_of(known(connection, title), Secret(""))
        check_options(f"host {host} at power control {title}", control.protocol, options or {})
        number = check_outlet(control, outlet)
        check_host(host)
        table = models.PowerLink
        on_control = connection.execute(select(table.__table__).where(table.control_id == control.id)).all()
        links = connection.execute(select(table.__table__).where(table.host == host).with_for_update()).all()
        mine = next((link for link in links if (link.control_id, link.outlet) == (control.id, number)), None)
        if options is None and mine is not None:
            place, text = mine.machine, mine.options
        else:
            place, text = machine(control, options or {}), options_text(options or {})
        require_free(control, host, ((link.host, link.outlet, link.machine) for link in on_control), (number, place))
        require_own_device(control, host, (number, place), others_at(connection, control))
        first = default or not links or any(link.control_id == control.id and link.is_default for link in links)
        if mine is not None and (mine.is_default, mine.options) == (first, text):
            raise BadInput(f"host {host} is linked to power control {title} already")
        values = {"is_default": first, "options": text}
        if mine is None:
            blank = {"identity": "", "check_state": "", "check_message": "", "machine": place}
            row = {"control_id": control.id, "host": host, "outlet": number, **blank, **values}
            connection.execute(insert(table).values(**row))
        else:
            connection.execute(update(table).where(table.id == mine.id).values(**values))
            if mine.options != text:
                forget_proofs(connection, table.id == mine.id)
        if first:
            make_default(connection, host, control.id)
        details = [f"host {host}", f"outlet {outlet}" if outlet else "", f"options {text}" if text != "{}" else ""]
        self._log(connection, "link", title, ", ".join(filter(None, [*details, "default" if first else ""])))

    def _unlink(
        self,
        connection: Connection,
        host: str,
        title: str,
        outlet: int | None,
        new_default: str | None,
        force: bool,
    ) -> None:
        control = known(connection, title)
        links = _links(connection, host)
        mine = [row for row in links if row.control_id == control.id and outlet in (None, row.outlet)]
        if not mine:
            place = f"outlet {outlet} of " if outlet else ""
            raise BadInput(f"host {host} is not linked to {place}power control {title}")
        rest = [row for row in links if row not in mine]
        if not force:
            require_whole(host, title, [row.outlet for row in mine], [r.outlet for r in rest if r.title == title])
        chosen = _next_default(host, title, rest, new_default, force)
        connection.execute(delete(models.PowerLink).where(models.PowerLink.id.in_([row.id for row in mine])))
        if chosen is not None:
            make_default(connection, host, chosen.control_id)
        details = [f"host {host}", f"outlet {outlet}" if outlet else ""]
        details.append(f"default {chosen.title}" if chosen is not None else "" if rest else "its only control")
        self._log(connection, "unlink", title, ", ".join(filter(None, details)))


def make_default(connection: Connection, host: str, control_id: int) -> None:
    table = models.PowerLink
    connection.execute(update(table).where(table.host == host).values(is_default=table.control_id == control_id))


def leave(connection: Connection, host: str, control_id: int) -> str:
    """Take the control from the host; another one, the first by title, becomes the default where it was the control's.

    Returns the title of the host's default now, "" where nothing is left.
    """
    links = _links(connection, host)
    rest = [row for row in links if row.control_id != control_id]
    table = models.PowerLink
    connection.execute(delete(table).where(table.host == host, table.control_id == control_id))
    if not rest:
        return ""
    make_default(connection, host, rest[0].control_id)
    return str(rest[0].title)


def _links(connection: Connection, host: str) -> Rows:
    return connection.execute(LINKS.where(models.PowerLink.host == host)).all()


def _next_default(host: str, title: str, rest: Rows, wanted: str | None, force: bool) -> Row[Any] | None:
    """One of `rest` that must become the default; None where nothing is left, or the default stays."""
    titles = ", ".join(dict.fromkeys(row.title for row in rest))
    if wanted is not None:
        if (found := next((row for row in rest if row.title == wanted), None)) is None:
            raise BadInput(
                f"power control {wanted} can't be the default of host {host}: "
                f"what remains linked to it is {titles or 'nothing'}"
            )
        return found
    if not rest and not force:
        raise BadInput(
            f"power control {title} is the only one of host {host}, which could not be fenced any more: "
            "link another one first, or give --force"
        )
    if rest and not any(row.is_default for row in rest):
        raise BadInput(
            f"power control {title} is the default of host {host}: say by --new-default TITLE which comes first then: "
            f"{titles}"
        )
    return None
