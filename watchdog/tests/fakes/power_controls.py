# SPDX-License-Identifier: GPL-3.0-or-later
"""Power controls in memory. They pass the contract suite that the real ones pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cloud_manager.adapters.store.power_controls import check, check_outlet
from cloud_manager.domain.power import PowerControl, PowerLink, Secret
from cloud_manager.errors import BadInput


class FakePowerControls:
    """ports.PowerControls."""

    def __init__(self) -> None:
        self._controls: dict[str, PowerControl] = {}
        self._links: dict[tuple[str, str], PowerLink] = {}

    def add(self, control: PowerControl) -> None:
        check(control)
        if control.title in self._controls:
            raise BadInput(f"power control {control.title} exists already: give another title")
        self._controls[control.title] = control

    def list(self) -> tuple[tuple[PowerControl, tuple[PowerLink, ...]], ...]:
        shown = {title: replace(control, password=Secret("")) for title, control in sorted(self._controls.items())}
        links = {title: [link for link in self._ordered() if link.control.title == title] for title in shown}
        return tuple((c, tuple(replace(link, control=c) for link in links[title])) for title, c in shown.items())

    def link(self, host: str, title: str, outlet: int | None, default: bool) -> None:
        control = self._known(title)
        check_outlet(title, control.protocol, outlet)
        if not 0 < len(host) <= 255:
            raise BadInput(f"host name {host!r} must have 1 to 255 characters")
        for other in self._links.values():
            if other.control.title == title and other.outlet == outlet and other.host != host:
                raise BadInput(f"power control {title} switches host {other.host} already")
        mine = self._links.get((host, title))
        is_default = default or not self.of(host) or (mine is not None and mine.default)
        if mine is not None and (mine.outlet, mine.default) == (outlet, is_default):
            raise BadInput(f"host {host} is linked to power control {title} already")
        if is_default:
            self._links.update({key: replace(v, default=False) for key, v in self._links.items() if v.host == host})
        verified_at = mine.verified_at if mine else None
        self._links[host, title] = PowerLink(host, control, outlet, is_default, verified_at)

    def titles(self) -> Mapping[str, tuple[str, ...]]:
        hosts = dict.fromkeys(link.host for link in self._ordered())
        return {host: tuple(link.control.title for link in self.of(host)) for host in hosts}

    def of(self, host: str) -> tuple[PowerLink, ...]:
        return tuple(link for link in self._ordered() if link.host == host)

    def verified(self, host: str, title: str, at: float) -> None:
        self._known(title)
        if (host, title) not in self._links:
            raise BadInput(f"host {host} is not linked to power control {title}")
        self._links[host, title] = replace(self._links[host, title], verified_at=at)

    def _ordered(self) -> tuple[PowerLink, ...]:
        return tuple(sorted(self._links.values(), key=lambda link: (link.host, not link.default, link.control.title)))

    def _known(self, title: str) -> PowerControl:
        if title not in self._controls:
            raise BadInput(f"power control {title} is unknown")
        return self._controls[title]
