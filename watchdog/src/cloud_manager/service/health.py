# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads every linked power control now and then, so that a wrong password is known before it matters.

Nothing is decided by it: what it finds is shown and logged.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from cloud_manager.domain.facts import Power
from cloud_manager.domain.power import Check, PowerLink
from cloud_manager.errors import BadInput, CloudManagerError, JobNotStarted
from cloud_manager.ports import Clock, PowerControls, Verifier

log = logging.getLogger(__name__)

# How often the store is asked at most which controls are due, and how long after the start first, seconds.
ASKING_SECONDS = 60.0
# How long a reading may take to end once it is in the way, seconds.
STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class HealthTools:
    """interval: s between two readings of a link, 0: none are read."""

    controls: PowerControls
    verifier: Verifier
    clock: Clock
    interval: float


class HealthCheck:
    """One reading at a time, in a thread of its own. leisure: False while there is something better to do."""

    def __init__(self, tools: HealthTools, leisure: Callable[[], bool]) -> None:
        self._tools = tools
        self._leisure = leisure
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._next = tools.clock.monotonic() + ASKING_SECONDS

    def use(self, tools: HealthTools) -> None:
        self._tools = tools

    def begin(self) -> None:
        """Called after each cycle of the active watchdog; returns at once."""
        tools, now = self._tools, self._tools.clock.monotonic()
        running = self._thread is not None and self._thread.is_alive()
        if not tools.interval or now < self._next or running or self._in_the_way():
            return
        self._next = now + min(tools.interval, ASKING_SECONDS)
        self._thread = threading.Thread(target=self._work, args=(tools,), name="health", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until the readings that were begun have ended."""
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def stop(self) -> None:
        """End what is being read; nothing is begun any more."""
        self._ended.set()
        self.wait()

    def _in_the_way(self) -> bool:
        return self._ended.is_set() or not self._leisure()

    def _work(self, tools: HealthTools) -> None:
        try:
            for link in due(tools):
                if self._in_the_way():
                    return
                self._read(tools, link)
        except CloudManagerError as error:
            log.warning("power_control.not_checked error=%s", error)

    def _read(self, tools: HealthTools, link: PowerLink) -> None:
        host, title = link.host, link.control.title
        try:
            found = tools.controls.of(host)
            only = [replace(x, default=True) for x in found if (x.control.title, x.outlet) == (title, link.outlet)]
            reading = tools.verifier.read_power(host, only, self._in_the_way) if only else None
        except (BadInput, JobNotStarted) as error:
            log.warning("power_control.not_checked host=%s control=%s error=%s", host, title, error)
            check = Check(tools.clock.now(), Power.UNKNOWN, str(error))
        else:
            if reading is None or (reading.state is Power.UNKNOWN and self._in_the_way()):
                return
            check = Check(tools.clock.now(), reading.state, reading.message)
            if check.state is Power.UNKNOWN:
                log.warning("power_control.failing host=%s control=%s error=%s", host, title, reading.message)
            elif link.failing:
                log.info("power_control.answers_again host=%s control=%s", host, title)
        tools.controls.checked(host, title, check, link.outlet)


def due(tools: HealthTools) -> list[PowerLink]:
    """Links that were not read for the interval, by anybody; the longest unread first."""
    now = tools.clock.now()
    links = [link for _, links in tools.controls.list() for link in links]
    waiting = [link for link in links if link.check is None or not 0 <= now - link.check.at < tools.interval]
    return sorted(waiting, key=lambda link: link.check.at if link.check else 0.0)
