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


@dataclass(frozen=True, slots=True)
class Identity:
    """holder: names this process. alive: False for a holder that is known to have ended."""

    holder: str
    alive: Callable[[str], bool]


class Leadership:
    """ttl: s that the lease lasts. patience: s after which a watchdog whose cycle hangs lets the lease run out.

    lost: called in the renewing thread, before another watchdog can take a lease that could not be renewed.
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
        self._lease: Lease | None = None
        self._looked_at = clock.monotonic()
        self._renewed_at = clock.monotonic()
        self._lost = lost
        self._ended = threading.Event()
        self._lock = threading.Lock()

    def use(self, journal: Journal, ttl: float, patience: float) -> None:
        with self._lock:
            self._journal, self._ttl, self._patience = journal, ttl, patience

    def take(self) -> Lease | None:
        """At the start of a cycle. None: another watchdog acts. Raises StoreUnavailable."""
        with self._lock:
            self._looked_at = self._clock.monotonic()
            before, lease = self._lease, self._acquire()
            if lease != before:
                log.info("lease.%s holder=%s", "gained" if lease else "held_by_another", self._identity.holder)
            return lease

    def renew(self) -> None:
        """Between cycles and while one lasts. That another watchdog has taken it, the next cycle finds out."""
        with self._lock:
            if self._lease is None:
                return
            if self._clock.monotonic() - self._looked_at <= self._patience:
                try:
                    self._acquire()
                except CloudManagerError as error:
                    log.warning("lease.not_renewed error=%s", error)
            # this is called three times while a lease lasts: the next time may be too late
            if self._clock.monotonic() - self._renewed_at < self._ttl * 2 / 3:
                return
            self._lease = None
        log.error("lease.lost holder=%s", self._identity.holder)
        self._lost()

    def _acquire(self) -> Lease | None:
        began = self._clock.monotonic()
        self._lease = self._journal.acquire_lease(self._identity.holder, self._ttl, self._identity.alive)
        self._renewed_at = began
        return self._lease

    def keep_renewing(self) -> None:
        """In a thread of its own, until release()."""
        while not self._ended.wait(self._ttl / 3):
            self.renew()

    def release(self) -> None:
        self._ended.set()
        with self._lock:
            lease, self._lease = self._lease, None
            if lease is None:
                return
            try:
                self._journal.release_lease(lease)
            except StoreUnavailable as error:
                log.warning("lease.not_released error=%s", error)
