# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts about which Nova is asked one by one: a slow Nova costs a look one timeout, not one for each host."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from cloud_manager.errors import CloudUnavailable
from cloud_manager.ports import Clock

log = logging.getLogger(__name__)


class Turns:
    """seconds: after which a look asks about no further host; what it decides must not rest on old facts.

    The longest unasked goes first, and after all others whoever failed the last time: a host about which Nova never
    answers hides no other one.
    """

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._asked: dict[str, tuple[bool, float]] = {}  # failed, when

    def ask(self, hosts: Iterable[str], question: Callable[[str], None], what: str) -> None:
        """One look's round. The first CloudUnavailable ends it; what was not asked is left to the next look."""
        waiting = sorted(hosts, key=lambda host: self._asked.get(host, (False, 0.0)))
        began = self._clock.monotonic()
        while waiting:
            if self._clock.monotonic() - began > self._seconds:
                log.warning("%s.unread hosts=%d reason=Nova is slow", what, len(waiting))
                return
            host = waiting.pop(0)
            try:
                question(host)
            except CloudUnavailable as error:
                self._asked[host] = (True, self._clock.monotonic())
                log.warning("%s.unknown host=%s unread=%d error=%s", what, host, len(waiting), error)
                return
            self._asked[host] = (False, self._clock.monotonic())
