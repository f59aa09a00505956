# SPDX-License-Identifier: GPL-3.0-or-later
"""Ticks, and answers signals. `schedule` only says when; a cycle that overruns its time delays the next one."""

from __future__ import annotations

import logging
import os
import select
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import cast

import schedule

from cloud_manager.errors import CloudManagerError, StoreUnavailable

log = logging.getLogger(__name__)

# Longest sleep: a clock that was set back must not stop the ticking for longer.
LONGEST_NAP = 5.0
# Longest wait while the database is away, seconds, unless loop_time is longer.
LONGEST_BACKOFF = 10.0

Cycle = Callable[[], object]


class Scheduler:
    """cycle: one look. interval: s between two looks. reload: what SIGHUP asks for, returns the new interval.

    alive: called after each sleep, LONGEST_NAP after a look at the latest. ending: called as soon as the end is wanted.
    failed: told why, for operators, when a cycle has failed.
    """

    def __init__(
        self,
        cycle: Cycle,
        interval: float,
        reload: Callable[[], float],
        alive: Callable[[], None] = lambda: None,
        ending: Callable[[], None] = lambda: None,
        failed: Callable[[str], None] = lambda _why: None,
    ) -> None:
        self._cycle = cycle
        self._interval = interval
        self._reload = reload
        self._alive = alive
        self._ending = ending
        self._failed = failed
        self._arranged = interval
        self._failures = 0
        self._stopping = False
        self._reloading = False
        self._ticks = schedule.Scheduler()
        self._wake_end, self._signal_end = os.pipe()
        os.set_blocking(self._signal_end, False)
        self._arrange(interval)

    def run(self) -> None:
        """Look now, then every interval, until stop()."""
        if not self._stopping:
            self.tick()
        while not self._stopping:
            self._nap(self._until_next())
            self._alive()
            if self._reloading:
                self._reloading = False
                self._interval = self._reload()
                self._arrange(self._interval)
            if not self._stopping:
                self._ticks.run_pending()

    def stop(self) -> None:
        self._stopping = True
        self._ending()
        self._wake()

    def reload(self) -> None:
        self._reloading = True
        self._wake()

    def tick(self) -> None:
        """One cycle. Whatever happens in it, there is a next one."""
        try:
            self._cycle()
        except StoreUnavailable as error:
            self._store_is_away(error)
            self._failed(str(error))
            return
        except CloudManagerError as error:
            log.error("cycle.failed error=%s", error)
            self._failed(str(error))
        except Exception:  # the cycle boundary: an error of ours must not end the watch
            log.exception("cycle.broken")
            self._failed("an error of the program, see cycle.broken in the log")
        if self._failures:
            log.warning("cycle.resumed skipped=%d", self._failures)
            self._failures = 0
            self._arrange(self._interval)

    def _store_is_away(self, error: StoreUnavailable) -> None:
        """Said once; nothing is looked at or started without a journal."""
        self._failures += 1
        if self._failures == 1:
            log.error("cycle.skipped error=%s", error)
        longest = max(self._interval, LONGEST_BACKOFF)
        self._arrange(min(self._interval * 2 ** min(self._failures, 10), longest))

    def _arrange(self, seconds: float) -> None:
        """The only job; whole seconds are not required, whatever the declaration says."""
        self._arranged = seconds
        self._ticks.clear()
        self._ticks.every(cast(int, seconds)).seconds.do(self.tick)

    def _until_next(self) -> float:
        """Seconds to the next tick; a tick further away than its interval means that the clock was set back."""
        left = self._ticks.idle_seconds or 0.0
        if left > self._arranged:
            log.warning("clock.set_back seconds=%.0f", left - self._arranged)
            self._ticks.run_all()
            return 0.0
        return min(max(left, 0.0), LONGEST_NAP)

    def _nap(self, seconds: float) -> None:
        ready, _, _ = select.select([self._wake_end], [], [], seconds)
        if ready:
            os.read(self._wake_end, 64)

    def _wake(self) -> None:
        try:
            os.write(self._signal_end, b"!")
        except BlockingIOError:
            return  # plenty of wakes are waiting already

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Within it SIGTERM and SIGINT mean stop(), SIGHUP means reload()."""

        def ending(number: int, _frame: FrameType | None) -> None:
            self.stop()

        def reloading(_number: int, _frame: FrameType | None) -> None:
            self.reload()

        wanted = {signal.SIGTERM: ending, signal.SIGINT: ending, signal.SIGHUP: reloading}
        before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
