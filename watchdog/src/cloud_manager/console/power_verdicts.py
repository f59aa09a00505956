# SPDX-License-Identifier: GPL-3.0-or-later
"""What `power-control initialise` thinks of what a control told: whether it may be recorded."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cloud_manager.domain.facts import Power, PowerReading
from cloud_manager.domain.power import PROTOCOLS, PowerLink, identity_key

Owners = Mapping[str, Mapping[str, str]]


class Verdict(StrEnum):
    OK = "ok"
    UNREADABLE = "UNREADABLE"
    NO_IDENTITY = "NO IDENTITY"
    SAME_MACHINE = "SAME MACHINE"
    OTHER_MACHINE = "OTHER MACHINE"
    UNKNOWN_TO_NOVA = "UNKNOWN TO NOVA"
    UNLINKED = "UNLINKED"
    NO_HOST = "NO HOST"
    NO_CONTROL = "NO CONTROL"


@dataclass(frozen=True, slots=True)
class Row:
    host: str
    title: str
    place: str = ""
    power: str = "-"
    identity: str = ""
    verdict: Verdict = Verdict.OK
    message: str = ""

    @property
    def good(self) -> bool:
        return self.verdict is Verdict.OK

    def cells(self) -> tuple[str, ...]:
        return self.host, self.title, self.place or "-", self.power, self.identity or "-", self.verdict, self.message


def owners(stored: Iterable[PowerLink], read: Iterable[tuple[PowerLink, PowerReading]]) -> Owners:
    """Key of an identity -> host -> title of its control, for all that is recorded and all that is told now."""
    found: dict[str, dict[str, str]] = {}
    told = [(link, reading.identity or "") for link, reading in read]
    for link, identity in [*((link, link.identity) for link in stored), *told]:
        if key := identity_key(identity):
            found.setdefault(key, {})[link.host] = link.control.title
    return found


def judged(link: PowerLink, reading: PowerReading, known: bool, owned: Owners, anew: bool) -> Row:
    """known: Nova has the host. anew: what is told replaces what is recorded; what tells nothing replaces nothing."""
    verdict, message = _verdict(link, reading, known, owned, anew)
    title, told = link.control.title, reading.identity or ""
    return Row(link.host, title, link.place, str(reading.state), told, verdict, message)


def _verdict(link: PowerLink, reading: PowerReading, known: bool, owned: Owners, anew: bool) -> tuple[Verdict, str]:
    told = identity_key(reading.identity or "")
    if reading.state is Power.UNKNOWN:
        return Verdict.UNREADABLE, reading.message
    if reading.identity is None and PROTOCOLS[link.control.protocol].tells_identity:
        return Verdict.NO_IDENTITY, reading.message or "its identity could not be read"
    others = {host: title for host, title in owned.get(told, {}).items() if host != link.host}
    if others:
        return Verdict.SAME_MACHINE, _same(reading.identity or "", others)
    if link.identity and told != identity_key(link.identity) and not (anew and told):
        return Verdict.OTHER_MACHINE, _other(link, reading.identity or "")
    if not known:
        return Verdict.UNKNOWN_TO_NOVA, "see `openstack compute service list` for the names of hosts"
    return Verdict.OK, reading.message


def _same(told: str, others: Mapping[str, str]) -> str:
    (host, title), *_ = sorted(others.items())
    return (
        f"tells {told}, as power control {title} of host {host} does: correct the address or the link that is wrong; "
        f"if the machine was moved here: aos-cloud-manager power-control set {shlex.quote(title)} --forget-identity"
    )


def _other(link: PowerLink, told: str) -> str:
    title = shlex.quote(link.control.title)
    command = f"initialise {title} --forget-identity" if told else f"set {title} --forget-identity"
    return (
        f"tells {told or 'no identity'}, recorded is {link.identity}: "
        f"correct the link, or after a replacement: aos-cloud-manager power-control {command}"
    )
