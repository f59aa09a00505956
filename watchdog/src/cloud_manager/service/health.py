# SPDX-License-Identifier: GPL-3.0-or-later
"""Has every linked power control read now and then, so that a wrong password is known before it matters.

Nothing is decided by it: what it finds is shown, and logged where it is news.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from cloud_manager.domain.facts import Power, PowerReading
from cloud_manager.domain.power import Check, PowerLink
from cloud_manager.errors import BadInput, CloudManagerError, JobNotStarted, StoreUnavailable
from cloud_manager.ports import Clock, PowerControls, Verifier

log = logging.getLogger(__name__)

# How often the store is asked at most which controls are due, and how long after the start first, seconds.
ASKING_SECONDS = 60.0
# How long the playbook may take to end once it is in the way, seconds.
STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class HealthTools:
    """interval: s between two readings of a link, 0: none are read."""

    controls: PowerControls
    verifier: Verifier
    clock: Clock
    interval: float


class HealthCheck:
    """One playbook at a time, in a thread of its own. leisure: False while there is something better to do, or
    for another watchdog to do."""

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
        """Until the playbook that was begun has ended."""
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
            hosts = due(tools)
            if hosts:
                _Round(tools, hosts, self._in_the_way).run()
        except CloudManagerError as error:
            log.warning("power_control.not_checked error=%s", error)


class _Round:
    """One run of the playbook over some hosts; each link is written down as soon as it was read.

    hosts: name -> its links as they were before.
    """

    def __init__(
        self, tools: HealthTools, hosts: Mapping[str, Sequence[PowerLink]], in_the_way: Callable[[], bool]
    ) -> None:
        self._tools = tools
        self._hosts = hosts
        self._in_the_way = in_the_way
        self._left = {_place(link): link for links in hosts.values() for link in links}
        self._broken: CloudManagerError | None = None
        self._interrupted = False

    def run(self) -> None:
        """Raises StoreUnavailable."""
        usable = self._usable()
        try:
            wrong = self._tools.verifier.check_power(usable, self._told, self._cancelled) if usable else ""
        except JobNotStarted as error:
            wrong = str(error)
        if self._broken:
            raise self._broken
        if not self._cancelled():
            for link in list(self._left.values()):
                message = f"was not read: {wrong or 'the playbook told nothing of it'}"
                self._keep(link, PowerReading(link.control.title, Power.UNKNOWN, message=message))
        log.info("power_controls.checked hosts=%d not_read=%d", len(self._hosts), len(self._left))

    def _usable(self) -> dict[str, Sequence[PowerLink]]:
        """Hosts whose credentials can be decrypted, with them."""
        usable: dict[str, Sequence[PowerLink]] = {}
        for host, links in self._hosts.items():
            if self._cancelled():
                return {}
            try:
                usable[host] = self._tools.controls.of(host)
            except BadInput as error:
                for link in links:
                    self._keep(link, PowerReading(link.control.title, Power.UNKNOWN, message=str(error)))
        return usable

    def _cancelled(self) -> bool:
        """True stays true: what had to give way is read again, whatever comes of the rest."""
        self._interrupted = self._interrupted or self._broken is not None or self._in_the_way()
        return self._interrupted

    def _told(self, link: PowerLink, reading: PowerReading) -> None:
        """Called while the playbook runs, so a store that is away ends it."""
        if reading.state is Power.UNKNOWN and self._cancelled():
            return  # perhaps it was ended in the middle of its answer
        try:
            self._keep(link, reading)
        except StoreUnavailable as error:
            self._broken = error

    def _keep(self, link: PowerLink, reading: PowerReading) -> None:
        before = self._left.pop(_place(link), None)
        if before is None:
            return
        check = Check(self._tools.clock.now(), reading.state, reading.message)
        try:
            self._tools.controls.checked(link.host, link.control.title, check, link.outlet)
        except BadInput as error:  # an operator has unlinked it meanwhile
            log.info("power_control.not_checked host=%s error=%s", link.host, error)
            return
        _report(before, replace(before, check=check))


def _report(before: PowerLink, after: PowerLink) -> None:
    names = (before.host, before.control.title, before.place or "-")
    if after.failing and not before.failing:
        said = after.check.message if after.check else ""
        log.warning("power_control.failing host=%s control=%s place=%s error=%s", *names, said)
    elif before.failing and not after.failing:
        log.info("power_control.answers_again host=%s control=%s place=%s", *names)


def _place(link: PowerLink) -> tuple[str, str, int | None]:
    return link.host, link.control.title, link.outlet


def due(tools: HealthTools) -> dict[str, tuple[PowerLink, ...]]:
    """Hosts with a link that nobody has read for the interval, the longest unread first, each with all its links.

    Where there is one, hosts that will follow within half an interval are read with it: one playbook for all.
    """
    now = tools.clock.now()
    hosts: dict[str, list[PowerLink]] = {}
    for _, links in tools.controls.list():
        for link in links:
            hosts.setdefault(link.host, []).append(link)
    unread = {host: max(_unread(link, now) for link in links) for host, links in hosts.items()}
    if not unread or max(unread.values()) < tools.interval:
        return {}
    chosen = [host for host, seconds in unread.items() if seconds >= tools.interval / 2]
    return {host: tuple(hosts[host]) for host in sorted(chosen, key=lambda host: -unread[host])}


def _unread(link: PowerLink, now: float) -> float:
    """For how long, seconds; for ever where the last reading seems to lie in the future."""
    return now - link.check.at if link.check and link.check.at <= now else math.inf
