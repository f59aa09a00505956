# SPDX-License-Identifier: GPL-3.0-or-later
"""The acts of the demo: a lab, twelve servers on one host, a watchdog, a power cut, and what comes of it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.demo.picture import RECOVERED, Picture, Server
from tests.demo.screen import Screen
from tests.e2e import scenes
from tests.e2e.scenes import HOST, Group
from tests.e2e.watchdog import Watchdog
from tests.lab.client import Lab

HOSTS = 4
VICTIM = "compute-01"
GROUPS = (
    Group("database", 2, priority=10),
    Group("api", 3, priority=7),
    Group("web", 4, priority=5),
    Group("batch", 3, priority=1),
)
GROUP_INTERVAL = 3
LOOK_SECONDS = 0.4
# Long after every wait inside has ended.
PATIENCE_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the demo takes place."""

    lab: Lab
    watchdog: Watchdog

    def prepare(self) -> Picture:
        """Servers on the victim, its power control linked and verified, the watchdog running; cut_at is still 0."""
        with ThreadPoolExecutor(1) as pool:
            booting = pool.submit(scenes.boot, self.lab, VICTIM, GROUPS)
            self.watchdog.link(VICTIM, verify=True)
            booted = booting.result()
        self.watchdog.start()
        rows = scenes.servers(self.lab)
        return Picture(
            VICTIM,
            0.0,
            [
                Server(one, rows[one]["name"], group.priority or 0, VICTIM, rows[one][HOST], rows[one]["status"])
                for group in GROUPS
                for one in booted[group.name]
            ],
        )

    def follow(self, picture: Picture, screen: Screen) -> bool:
        """Look until all is well, or patience ends; whether every server is ACTIVE elsewhere."""
        deadline = picture.cut_at + PATIENCE_SECONDS
        while time.time() < deadline:
            screen.show(picture, self._look(picture))
            if picture.complete and RECOVERED in picture.reached:
                break
            time.sleep(LOOK_SECONDS)
        picture.see_moves(self.watchdog.moves(VICTIM).values() if self.watchdog.steps(VICTIM) else ())
        screen.show(picture, ())
        return picture.complete

    def _look(self, picture: Picture) -> list[tuple[float, str]]:
        service, rows, now = self.lab.nova.services()[VICTIM], self.lab.nova.servers(), time.time()
        news = picture.see_service(service, now) + picture.see_steps(self.watchdog.steps(VICTIM))
        return sorted(news + picture.see_servers(rows, now))


def watchdog(lab: Lab, folder: Path) -> Watchdog:
    """The lab's hypervisors are fakes without disks: nothing can be lost that is not on shared storage."""
    intervals = {"prioritized_evacuation_timeout": GROUP_INTERVAL}
    return Watchdog(lab, folder, host_tasks=intervals, recovery={"shared_storage": True})
