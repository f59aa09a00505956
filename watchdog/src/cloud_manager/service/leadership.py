# SPDX-License-Identifier: GPL-3.0-or-later
"""The right to act: taken before each cycle, renewed between and during cycles, given back at the end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from cloud_manager.errors import CloudManagerError, StoreUnavailable
from cloud_manager.ports import Clock, Journal, Lease

log = logging.getLogger(__name__)

# A reload may shorten the lease: no longer than this between two renewals, seconds.
RENEWAL_SECONDS = 5.0
WATCH_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Identity:
    """holder: names this process. alive: False for a holder that is known to have ended."""

    holder: str
    alive: Callable[[str], bool]


class Leadership:
    """ttl: s that the lease lasts. patience: s after which a watchdog whose cycle hangs lets the lease run out.

    lost: called before another watchdog can take a lease that could not be renewed, and when one has taken it.
    """

    def __init__(
        self,
        journal: Journal,
        identity: Identity,
        clock: Clock,
        ttl: float,
        patience: float,
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._journal = journal
        self._identity = identity
        self._clock = clock
        self._ttl = ttl
        self._patience = patience
        self._lost = lost
        self._ended = threading.Event()
        self._asking = threading.Lock()  # held while the database answers, however long that takes
        self._state = threading.Lock()  # held for moments only
        self._lease: Lease | None = None
        self._until = 0.0
        self._looked_at = clock.monotonic()

    def use(self, journal: Journal, ttl: float, patience: float) -> None:
        with self._asking:
            self._journal, self._ttl, self._patience = journal, ttl, patience

    def take(self) -> Lease | None:
        """At the start of a cycle. None: another watchdog acts. Raises StoreUnavailable."""
        self._looked_at = self._clock.monotonic()
        before, lease = self._lease, self._acquire()
        if lease != before:
            log.info("lease.%s holder=%s", "gained" if lease else "held_by_another", self._identity.holder)
        return lease

    def holds(self, lease: Lease) -> bool:
        """Whether that lease is ours still."""
        with self._state:
            return self._lease == lease

    def renew(self) -> None:
        """Between cycles and while one lasts."""
        if self._lease is None or self._clock.monotonic() - self._looked_at > self._patience:
            return
        try:
            lease = self._acquire()
        except CloudManagerError as error:
            log.warning("lease.not_renewed error=%s", error)
            return
        if lease is None:
            self._say_lost("another watchdog took it")

    def expire(self) -> None:
        """Give up a lease that has not been renewed for two thirds of its time. Never waits for the database."""
        with self._state:
            if self._lease is None or self._clock.monotonic() < self._until:
                return
            self._lease = None
        self._say_lost("it could not be renewed")

    def keep_renewing(self) -> None:
        """In a thread of its own, until release()."""
        while not self._ended.wait(min(self._ttl / 3, RENEWAL_SECONDS)):
            self.renew()

    def keep_watch(self) -> None:
        """In a thread of its own, until release(): the other one may hang with the database."""
        while not self._ended.wait(WATCH_SECONDS):
            self.expire()

    def release(self) -> None:
        self._ended.set()
        with self._asking:
            with self._state:
                lease, self._lease = self._lease, None
            if lease is None:
                return
            try:
                self._journal.release_lease(lease)
            except StoreUnavailable as error:
                log.warning("lease.not_released error=%s", error)

    def _acquire(self) -> Lease | None:
        with self._asking:
            began = self._clock.monotonic()
            lease = self._journal.acquire_lease(self._identity.holder, self._ttl, self._identity.alive)
            with self._state:
                self._lease, self._until = lease, began + self._ttl * 2 / 3
            return lease

    def _say_lost(self, why: str) -> None:
        log.error("lease.lost holder=%s reason=%s", self._identity.holder, why)
        self._lost()
