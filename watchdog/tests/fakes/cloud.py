# SPDX-License-Identifier: GPL-3.0-or-later
"""A Nova in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cloud_manager.domain.facts import ComputeHost, Observation, Server
from cloud_manager.errors import CloudUnavailable
from cloud_manager.ports import CloudView, Move
from watchdog.tests.fakes.clock import FakeClock


class FakeCloud:
    """ports.Cloud. Hosts beat unless they are down; error: set it, and every call raises CloudUnavailable with it.

    asked: the calls, in order.
    """

    def __init__(self, clock: FakeClock, *names: str) -> None:
        self.error = ""
        self.asked: list[str] = []
        self.servers: dict[str, tuple[Server, ...]] = {}
        self.moves: dict[str, tuple[Move, ...]] = {}
        self._clock = clock
        self._hosts = {name: ComputeHost(name, Observation.UP) for name in names}
        self._last_beat: dict[str, float] = {}

    def change(self, name: str, **changes: Any) -> None:
        self._hosts[name] = replace(self._hosts[name], **changes)

    def add(self, name: str) -> None:
        self._hosts[name] = ComputeHost(name, Observation.UP)

    def kill(self, name: str) -> None:
        """Its heartbeats stopped a minute ago."""
        self.change(name, observation=Observation.DOWN)
        self._last_beat[name] = self._clock.now() - 60

    def look(self) -> CloudView:
        self._ask("look")
        now = self._clock.now()
        hosts = {name: replace(host, heartbeat_at=self._last_beat.get(name, now)) for name, host in self._hosts.items()}
        return CloudView(hosts, {"nova-scheduler": 1, "nova-conductor": 1}, now)

    def servers_on(self, host: str) -> tuple[Server, ...]:
        self._ask(f"servers_on {host}")
        return self.servers.get(host, ())

    def moves_from(self, host: str, since: float) -> tuple[Move, ...]:
        self._ask(f"moves_from {host}")
        return self.moves.get(host, ())

    def _ask(self, call: str) -> None:
        self.asked.append(call)
        if self.error:
            raise CloudUnavailable(self.error)
