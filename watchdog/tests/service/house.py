# SPDX-License-Identifier: GPL-3.0-or-later
"""A watchdog put together from fakes; `Daemon` is one process of it, several can share the rest."""

from __future__ import annotations

from dataclasses import dataclass, field

from cloud_manager.domain.policy import Policy
from cloud_manager.domain.power import PowerControl, Secret
from cloud_manager.domain.records import Decision
from cloud_manager.service.cycle import Cycle, Eyes
from cloud_manager.service.executor import Executor, Tools
from cloud_manager.service.leadership import Identity, Leadership
from cloud_manager.service.moves import MoveTracker
from cloud_manager.service.observer import Observer
from cloud_manager.service.turns import Turns
from watchdog.tests.fakes.clock import FakeClock
from watchdog.tests.fakes.cloud import FakeCloud
from watchdog.tests.fakes.journal import FakeJournal
from watchdog.tests.fakes.playbooks import FakePlaybooks
from watchdog.tests.fakes.power_controls import FakePowerControls

POLICY = Policy(mutex=1, max_down_hosts=1, settle_seconds=0.0)
TTL = 30.0
ASKING_SECONDS = 60.0


def controls_of(*hosts: str) -> FakePowerControls:
    controls = FakePowerControls()
    for number, host in enumerate(hosts, 1):
        controls.add(PowerControl(f"bmc-{host}", "ipmi", f"192.0.2.{number}", 623, "admin", Secret("hidden")))
        controls.link(host, f"bmc-{host}", None, True)
    return controls


@dataclass
class House:
    """Three hosts with a power control each, and what the outside world is."""

    clock: FakeClock = field(default_factory=FakeClock)
    playbooks: FakePlaybooks = field(default_factory=FakePlaybooks)
    policy: Policy = POLICY
    dead: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.cloud = FakeCloud(self.clock, "c1", "c2", "c3")
        self.journal = FakeJournal(self.clock.now)
        self.controls = controls_of("c1", "c2", "c3")

    def tools(self, max_jobs: int = 4) -> Tools:
        return Tools(self.playbooks, self.journal, self.controls, self.clock, max_jobs)

    def observer(self) -> Observer:
        return Observer(self.cloud, self.journal, self.controls, self.clock, Turns(self.clock, ASKING_SECONDS))

    def tracker(self) -> MoveTracker:
        return MoveTracker(self.cloud, self.journal, Turns(self.clock, ASKING_SECONDS))

    def eyes(self) -> Eyes:
        return Eyes(self.observer(), self.journal, self.tracker(), self.policy)

    def identity(self, name: str) -> Identity:
        return Identity(name, lambda holder: holder not in self.dead)

    def daemon(self, name: str = "one") -> Daemon:
        return Daemon(self, name)


class Daemon:
    def __init__(self, house: House, name: str) -> None:
        self._house = house
        self.executor = Executor(house.tools())
        self.leadership = Leadership(house.journal, house.identity(name), house.clock, TTL, 1000.0)
        self.cycle = Cycle(house.eyes(), self.leadership, self.executor)

    def look(self, seconds: float = 0.0) -> Decision | None:
        """One cycle so many seconds later."""
        self._house.clock.advance(seconds)
        return self.cycle.run_once()

    def settle(self) -> None:
        """Until its playbooks have ended."""
        assert self.executor.wait(10)
