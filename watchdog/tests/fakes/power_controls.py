# SPDX-License-Identifier: GPL-3.0-or-later
"""Power controls in memory. They pass the contract suite that the real ones pass."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cloud_manager.domain.facts import Switching
from cloud_manager.domain.power import Check, ControlChange, Option, PowerControl, PowerLink, Secret
from cloud_manager.domain.power_rules import (
    changed,
    check,
    check_host,
    check_options,
    check_outlet,
    machine,
    require_free,
    require_own_device,
    require_whole,
    same_address,
    settled,
)
from cloud_manager.domain.switching import Order, require_not_in_hand
from cloud_manager.errors import BadInput
from cloud_manager.ports import LoggedAction

if TYPE_CHECKING:
    from watchdog.tests.fakes.journal import FakeJournal

Place = tuple[str, str, int]


class FakePowerControls:
    """ports.PowerControls. Links are kept by host, title and outlet. journal: of the same store."""

    def __init__(self, journal: FakeJournal | None = None, now: Callable[[], float] = time.time) -> None:
        self._journal = journal
        self._now = now
        self._controls: dict[str, PowerControl] = {}
        self._links: dict[Place, PowerLink] = {}
        self._log: list[LoggedAction] = []
        self._last_id = 0

    def add(self, control: PowerControl) -> None:
        control = settled(control)
        check(control)
        self._require_own_place(control, but="")
        self._last_id += 1
        self._controls[control.title] = replace(control, id=self._last_id)
        self._note("power_control.add", control.title, f"at {control.address}")

    def change(self, title: str, change: ControlChange) -> None:
        before = self._known(title)
        after = changed(before, change)
        if after == before and change.password is None:
            raise BadInput(f"power control {title} is so already: nothing to change")
        check(after)
        self._require_own_place(after, but=title)
        links = [link for link in self._links.values() if link.control.title == title]
        for link in links:
            if (link.outlet or 0) > after.outlets and after.outlets:
                raise BadInput(f"power control {title}: outlet {link.outlet} switches host {link.host}")
        for link in links if (after.address, after.port) != (before.address, before.port) else ():
            require_own_device(after, link.host, _taken(link)[1:], self._others(title))
        del self._controls[title]
        self._controls[after.title] = after
        proven = change.password is None and replace(after, title=title, outlets=before.outlets) == before
        for link in links:
            del self._links[_place(link)]
            new = link if proven else replace(link, verified_at=None, initialised_at=None)
            self._put(replace(new, control=after))
        self._note("power_control.set", title, "changed")

    def remove(self, title: str, force: bool) -> Mapping[str, str]:
        self._known(title)
        links = [link for link in self._links.values() if link.control.title == title]
        if links and not force:
            raise BadInput(f"power control {title} switches {links[0].host}: unlink it first, or give --force")
        for link in links:
            del self._links[_place(link)]
        del self._controls[title]
        defaults = {}
        for host in sorted({link.host for link in links}):
            left = self.titles().get(host, ("",))[0]
            defaults[host] = left
            self._make_default(host, left)
        self._note("power_control.remove", title, "")
        return defaults

    def get(self, title: str) -> PowerControl:
        return self._known(title)

    def list(self) -> tuple[tuple[PowerControl, tuple[PowerLink, ...]], ...]:
        shown = {title: replace(control, password=Secret("")) for title, control in sorted(self._controls.items())}
        links = {title: [link for link in self._ordered() if link.control.title == title] for title in shown}
        return tuple((c, tuple(replace(link, control=c) for link in links[title])) for title, c in shown.items())

    def link(
        self,
        host: str,
        title: str,
        outlet: int | None = None,
        default: bool = False,
        options: Mapping[str, Option] | None = None,
    ) -> None:
        control = self._known(title)
        check_options(f"host {host}", control.protocol, options or {})
        number = check_outlet(control, outlet)
        check_host(host)
        mine = self._links.get((host, title, number))
        chosen = dict(mine.options if options is None and mine else options or {})
        wanted = (number, machine(control, chosen))
        require_free(control, host, [_taken(link) for link in self._links.values() if link.control == control], wanted)
        require_own_device(control, host, wanted, self._others(title))
        links = self.of(host)
        first = default or not links or any(link.control.title == title and link.default for link in links)
        if mine is not None and (mine.default, dict(mine.options)) == (first, chosen):
            raise BadInput(f"host {host} is linked to power control {title} already")
        new = mine or PowerLink(host, control, outlet)
        if mine is not None and dict(mine.options) != chosen:
            new = replace(new, verified_at=None, initialised_at=None)
        self._put(replace(new, default=first, options=chosen))
        if first:
            self._make_default(host, title)
        self._note("power_control.link", title, f"host {host}")

    def link_outlets(
        self,
        host: str,
        title: str,
        outlets: Sequence[int],
        default: bool = False,
        options: Mapping[str, Option] | None = None,
    ) -> None:
        before = dict(self._links), list(self._log)
        try:
            for outlet in outlets:
                self.link(host, title, outlet, default, options)
        except BadInput:
            self._links, self._log = before
            raise

    def unlink(
        self, host: str, title: str, outlet: int | None = None, new_default: str | None = None, force: bool = False
    ) -> None:
        mine = [link for link in self.of(host) if link.control.title == title and outlet in (None, link.outlet)]
        self._known(title)
        if not mine:
            raise BadInput(f"host {host} is not linked to power control {title}")
        rest = [link for link in self.of(host) if link not in mine]
        if not force:
            kept = [link.outlet or 0 for link in rest if link.control.title == title]
            require_whole(host, title, [link.outlet or 0 for link in mine], kept)
        if new_default is not None and new_default not in [link.control.title for link in rest]:
            raise BadInput(f"power control {new_default} can't be the default of host {host}")
        if not rest and not force:
            raise BadInput(f"power control {title} is the only one of host {host}: give --force")
        if rest and new_default is None and not any(link.default for link in rest):
            raise BadInput(f"power control {title} is the default of host {host}: give --new-default")
        for link in mine:
            del self._links[_place(link)]
        if new_default is not None:
            self._make_default(host, new_default)
        self._note("power_control.unlink", title, f"host {host}")

    def titles(self) -> Mapping[str, tuple[str, ...]]:
        hosts = dict.fromkeys(link.host for link in self._ordered())
        return {host: tuple(dict.fromkeys(link.control.title for link in self.of(host))) for host in hosts}

    def of(self, host: str) -> tuple[PowerLink, ...]:
        return tuple(link for link in self._ordered() if link.host == host)

    def verified(self, host: str, title: str, at: float, outlet: int | None = None) -> None:
        for link in self._linked(host, title, outlet):
            self._put(replace(link, verified_at=at))

    def initialised(self, host: str, title: str, at: float, identity: str, outlet: int | None = None) -> None:
        for link in self._linked(host, title, outlet):
            self._put(replace(link, verified_at=at, initialised_at=at, identity=identity or link.identity))

    def checked(self, host: str, title: str, check: Check, outlet: int | None = None) -> None:
        for link in self._linked(host, title, outlet):
            self._put(replace(link, check=check))

    def forget_identity(self, title: str) -> int:
        self._known(title)
        links = [link for link in self._links.values() if link.control.title == title and link.identity]
        for link in links:
            self._put(replace(link, identity="", verified_at=None, initialised_at=None))
        self._note("power_control.forget_identity", title, "")
        return len(links)

    def begin(self, action: str, subject: str, details: str) -> int:
        self._log.append(LoggedAction(0.0, "operator", action, subject, "", details))
        return len(self._log)

    def begin_switching(self, order: Order) -> int:
        assert self._journal is not None
        if order.state == "on" and not order.force:
            require_not_in_hand(self._journal.load().hosts.get(order.host))
        action = f"power.{order.state}"
        number = self.begin(action, order.subject, f"by {order.ports}")
        if order.host:
            switching = Switching(order.host, action, "operator", self._now(), order.seconds)
            self._journal.switchings[number] = switching
        return number

    def conclude(self, number: int, result: str, message: str) -> None:
        begun = self._log[number - 1]
        details = ": ".join(filter(None, (begun.details, message)))
        self._log[number - 1] = replace(begun, result=result, details=details)
        if self._journal is not None:
            self._journal.switchings.pop(number, None)

    def actions(self, last: int) -> tuple[LoggedAction, ...]:
        return tuple(self._log[-last:])

    def _others(self, title: str) -> list[tuple[str, PowerControl, tuple[int, str]]]:
        links = [link for link in self._links.values() if link.control.title != title]
        return [(link.host, link.control, _taken(link)[1:]) for link in links]

    def _note(self, action: str, subject: str, details: str) -> None:
        self._log.append(LoggedAction(0.0, "operator", action, subject, None, details))

    def _put(self, link: PowerLink) -> None:
        self._links[_place(link)] = link

    def _make_default(self, host: str, title: str) -> None:
        for link in self.of(host):
            self._put(replace(link, default=link.control.title == title))

    def _linked(self, host: str, title: str, outlet: int | None) -> tuple[PowerLink, ...]:
        self._known(title)
        links = [link for link in self.of(host) if link.control.title == title and outlet in (None, link.outlet)]
        if not links:
            raise BadInput(f"host {host} is not linked to power control {title}")
        return tuple(links)

    def _ordered(self) -> tuple[PowerLink, ...]:
        return tuple(
            sorted(
                self._links.values(),
                key=lambda link: (link.host, not link.default, link.control.title, link.outlet or 0),
            )
        )

    def _known(self, title: str) -> PowerControl:
        if title not in self._controls:
            raise BadInput(f"power control {title} is unknown")
        return self._controls[title]

    def _require_own_place(self, control: PowerControl, but: str) -> None:
        for other in self._controls.values():
            if other.title == but:
                continue
            if other.title == control.title:
                raise BadInput(f"power control {control.title} exists already: give another title")
            if same_address(other, control) and (other.protocol, other.port) == (control.protocol, control.port):
                raise BadInput(f"power control {other.title} is at {control.address} port {control.port} already")


def _place(link: PowerLink) -> Place:
    return link.host, link.control.title, link.outlet or 0


def _taken(link: PowerLink) -> tuple[str, int, str]:
    return link.host, link.outlet or 0, machine(link.control, link.options)
