# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes of running jobs to the journal, in order, none lost while the database is away."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable

from cloud_manager.errors import CloudManagerError, StoreUnavailable

log = logging.getLogger(__name__)

Write = Callable[[], None]


class Scribe:
    """Keeps what could not be written, and writes it before anything newer. Safe for several threads."""

    def __init__(self) -> None:
        self._pending: deque[Write] = deque()
        self._lock = threading.Lock()

    def write(self, write: Write) -> None:
        with self._lock:
            self._pending.append(write)
            self._drain()

    def flush(self) -> None:
        """Raises StoreUnavailable while something can't be written."""
        with self._lock:
            error = self._drain()
        if error is not None:
            raise error

    def _drain(self) -> StoreUnavailable | None:
        while self._pending:
            try:
                self._pending[0]()
            except StoreUnavailable as error:
                log.debug("journal.waiting writes=%d error=%s", len(self._pending), error)
                return error
            except CloudManagerError as error:
                # refused for good, as a line for an incident that an operator deleted: the rest must not wait for it
                log.error("journal.refused error=%s", error)
            self._pending.popleft()
        return None
