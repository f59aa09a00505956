# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon put together: cycle, executor, lease and ticks; start, reload and end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from cloud_manager.domain.records import Decision
from cloud_manager.errors import CloudManagerError, StoreUnavailable
from cloud_manager.ports import Clock, Supervisor
from cloud_manager.service.cycle import Cycle, Eyes
from cloud_manager.service.executor import CANCEL_SECONDS, Executor, Tools
from cloud_manager.service.health import HealthCheck, HealthTools
from cloud_manager.service.leadership import Identity, Leadership
from cloud_manager.service.scheduler import Scheduler

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """All that comes from one configuration. Times are seconds.

    prepare: makes the database usable, without effect once it is. noted: told after each cycle. silence: how long the
    watch may take for one look with all that belongs to it; more means that it hangs. health: None where power controls
    are not checked.
    """

    eyes: Eyes
    tools: Tools
    prepare: Callable[[], None]
    noted: Callable[[Decision | None], None]
    enabled: bool
    loop_time: float
    stop_timeout: float
    lease_ttl: float
    patience: float
    silence: float
    health: HealthTools | None = None


class Watchdog:
    """reload: gives the parts of the configuration as it is now, or raises CloudManagerError."""

    def __init__(
        self, parts: Parts, identity: Identity, clock: Clock, reload: Callable[[], Parts], supervisor: Supervisor
    ) -> None:
        self._parts = parts
        self._reload = reload
        self._supervisor = supervisor
        self._clock = clock
        self._looked_at = clock.now()
        self.executor = Executor(parts.tools)
        self._leadership = Leadership(
            parts.eyes.journal, identity, clock, parts.lease_ttl, parts.patience, self.executor.cancel
        )
        self._cycle = Cycle(parts.eyes, self._leadership, self.executor)
        self._health = HealthCheck(parts.health, self._has_leisure) if parts.health else None
        self._scheduler = Scheduler(
            self._tick, parts.loop_time, self._reloaded, supervisor.alive, self._say_stopping, self._say_failed
        )

    def watch(self) -> None:
        """Until SIGTERM, SIGINT or stop(). Raises StoreOutdated at the start."""
        with self._scheduler.signals():
            log.info("watchdog.started loop_time=%g", self._parts.loop_time)
            self._say_enabled()
            self._supervisor.starting(self._parts.silence)
            try:
                self._parts.prepare()
            except StoreUnavailable as error:
                log.error("database.away error=%s", error)
            with self._renewing():
                self._supervisor.ready(self._parts.silence)
                self._scheduler.run()
        log.info("watchdog.stopped")

    def once(self) -> Decision | None:
        """One cycle, and the end of what it started. Raises CloudManagerError."""
        self._say_enabled()
        with self._renewing():
            decision = self.look()
            self.executor.wait()
            self.executor.flush()
            return decision

    @contextmanager
    def _renewing(self) -> Iterator[None]:
        """Keep the lease; in the end let the playbooks end, then give it back."""
        for keep in (self._leadership.keep_renewing, self._leadership.keep_watch):
            threading.Thread(target=keep, name=keep.__name__, daemon=True).start()
        try:
            yield
        finally:
            log.info("watchdog.stopping jobs=%d", len(self.executor.in_hand))
            if self._health:
                self._health.stop()
            self.executor.stop(self._parts.stop_timeout)
            self._leadership.release()

    def stop(self) -> None:
        self._scheduler.stop()

    def look(self) -> Decision | None:
        if not self._parts.enabled:
            return None
        self._parts.prepare()
        decision = self._cycle.run_once()
        self._parts.noted(decision)
        return decision

    def _tick(self) -> None:
        decision = self.look()
        self._looked_at = self._clock.now()
        self._supervisor.status(_told(decision) if self._parts.enabled else "disabled: [node_tracker] enabled is False")
        if self._health and decision is not None:
            self._health.begin()

    def _has_leisure(self) -> bool:
        """Whoever lost the lease ends what he reads: the other watchdog checks from now on."""
        return self._cycle.acts and self.executor.has_leisure

    def _reloaded(self) -> float:
        self._supervisor.reloading()
        try:
            return self._use_new_parts()
        finally:
            self._supervisor.ready(self._parts.silence)

    def _use_new_parts(self) -> float:
        """All of the new configuration, or all of the old one."""
        try:
            parts = self._reload()
        except CloudManagerError as error:
            for line in str(error).splitlines():
                log.error("config.kept reason=%s", line)
            return self._parts.loop_time
        self._parts = parts
        self._cycle.use(parts.eyes)
        self.executor.use(parts.tools)
        if self._health and parts.health:
            self._health.use(parts.health)
        self._leadership.use(parts.eyes.journal, parts.lease_ttl, parts.patience)
        log.info("config.reloaded")
        self._say_enabled()
        return parts.loop_time

    def _say_failed(self, why: str) -> None:
        since = datetime.fromtimestamp(self._looked_at, UTC)
        self._supervisor.status(f"no look since {since:%Y-%m-%d %H:%M:%S} UTC: {why}")

    def _say_stopping(self) -> None:
        """The look that runs now, then what self._renewing does."""
        self._supervisor.stopping(self._parts.silence + self._parts.stop_timeout + CANCEL_SECONDS)

    def _say_enabled(self) -> None:
        if not self._parts.enabled:
            log.warning("watchdog.disabled reason=[node_tracker] enabled is False: nothing is looked at or done")


def _told(decision: Decision | None) -> str:
    """For who looks at the service."""
    if decision is None:
        return "standby: another watchdog acts"
    if decision.blind:
        return f"active, blind: {decision.blind}"
    return f"active: {decision.seen} hosts, {len(decision.held)} held"
