# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the real things together, each when it is first needed: `status` asks no cloud, `plan` starts no playbook."""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from cloud_manager.adapters.clock import SystemClock
from cloud_manager.config import Config, load
from cloud_manager.errors import BadInput
from cloud_manager.ports import Cloud, Journal, PowerControls, Verifier

if TYPE_CHECKING:
    from cloud_manager.adapters.cloud_access import CloudAccess
    from cloud_manager.adapters.runner import AnsiblePlaybooks
    from cloud_manager.db import Database
    from cloud_manager.domain.records import Decision
    from cloud_manager.service.observer import Observer
    from cloud_manager.service.turns import Turns
    from cloud_manager.service.watchdog import Parts, Watchdog

log = logging.getLogger(__name__)

IN_MEMORY = Path("/dev/shm")
LAST_CYCLE = "last-cycle.json"
LOG_FORMAT = "%(asctime)s %(levelname)s %(message)s"


class App:
    """files: the configuration's, as the operator named them; None: the standard ones."""

    def __init__(self, config: Config, files: Sequence[str] | None = None, database: Database | None = None) -> None:
        self.config = config
        self.files = files
        self.clock = SystemClock()
        self._database = database
        self._prepared = False

    @cached_property
    def database(self) -> Database:
        from cloud_manager.db import Database

        return self._database or Database(self.config.database.url)

    def prepare(self) -> None:
        """Make the database usable. Raises StoreOutdated, StoreUnavailable; without effect once it has succeeded."""
        from cloud_manager.db import schema

        if not self._prepared:
            schema.prepare(self.database)
            self._prepared = True

    @cached_property
    def unprepared_journal(self) -> Journal:
        from cloud_manager.adapters.store import SqlJournal

        return SqlJournal(self.database)

    @property
    def journal(self) -> Journal:
        self.prepare()
        return self.unprepared_journal

    @cached_property
    def unprepared_power_controls(self) -> PowerControls:
        from cloud_manager.adapters.store import SqlPowerControls
        from cloud_manager.db import PasswordBox

        creates = self.config.embedded_database is not None
        return SqlPowerControls(self.database, PasswordBox(self.config.key_file, creates))

    @property
    def power_controls(self) -> PowerControls:
        self.prepare()
        return self.unprepared_power_controls

    @cached_property
    def access(self) -> CloudAccess:
        from cloud_manager.adapters.cloud_access import open_access

        return open_access(self.config.cloud, self.config.recovery.microversion)

    @cached_property
    def cloud(self) -> Cloud:
        from cloud_manager.adapters.compute_api import ComputeApi
        from cloud_manager.adapters.nova import NovaCloud

        options = self.config.cloud
        api = ComputeApi(self.access.adapter, self.access.label, options.connect_timeout, options.read_timeout)
        return NovaCloud(api)

    @cached_property
    def playbooks(self) -> AnsiblePlaybooks:
        return self._playbooks(self.access.environment, self.access.clouds_yaml)

    @cached_property
    def verifier(self) -> Verifier:
        """Power is read and switched without a cloud, also while the cloud can't be used."""
        return self._playbooks({}, "")

    def _playbooks(self, environment: Mapping[str, str], clouds_yaml: str) -> AnsiblePlaybooks:
        from cloud_manager.adapters.runner import AnsiblePlaybooks, RunnerOptions

        options = self.config.executor
        settings = RunnerOptions(
            run_dir=run_dir(options.run_dir),
            state_dir=Path(options.state_dir).absolute(),
            collections_path=options.collections_path,
            timeout=options.playbook_timeout,
            keep=options.keep_artifacts,
            variables=self.config.playbook_vars,
            environment=environment,
            clouds_yaml=clouds_yaml,
        )
        try:
            return AnsiblePlaybooks(settings, self.clock)
        except OSError as error:
            raise BadInput(
                f"the folders of playbooks can't be used ({error}): give this user [executor] state_dir and run_dir"
            ) from error

    @cached_property
    def observer(self) -> Observer:
        from cloud_manager.service.observer import Observer

        return Observer(self.cloud, self.unprepared_journal, self.unprepared_power_controls, self.clock, self.turns())

    def turns(self) -> Turns:
        """Two such rounds of a look, each with a last answer that times out, are well within its patience."""
        from cloud_manager.service.turns import Turns

        return Turns(self.clock, 2 * self.config.cloud.read_timeout)

    @property
    def login(self) -> str:
        """Who is behind this console."""
        from cloud_manager.adapters.store.power_rows import login_user

        return login_user()

    @property
    def last_cycle_file(self) -> Path:
        return Path(self.config.executor.state_dir) / LAST_CYCLE

    def watchdog(self) -> Watchdog:
        """Raises BadInput where cloud or folders can't be used."""
        from cloud_manager.adapters.identity import may_live, this_process
        from cloud_manager.adapters.systemd import Systemd
        from cloud_manager.service.leadership import Identity
        from cloud_manager.service.watchdog import Watchdog

        identity, supervisor = Identity(this_process(), may_live), Systemd(os.environ, self.clock)
        return Watchdog(self.parts(), identity, self.clock, lambda: reloaded_parts(self), supervisor)

    @property
    def patience(self) -> float:
        """Seconds that a look may take with a slow Nova."""
        return 10 * self.config.node_tracker.loop_time + 10 * self.config.cloud.read_timeout

    @property
    def silence(self) -> float:
        """Seconds without a sign of the main loop that mean that it hangs: a look, a database that says nothing, a nap.

        What systemd's WatchdogSec must be at least.
        """
        from cloud_manager.db import SILENT_SECONDS
        from cloud_manager.service.scheduler import LONGEST_NAP

        return self.patience + SILENT_SECONDS + LONGEST_NAP

    def parts(self) -> Parts:
        from cloud_manager.service.cycle import Eyes
        from cloud_manager.service.executor import Tools
        from cloud_manager.service.health import HealthTools
        from cloud_manager.service.moves import MoveTracker
        from cloud_manager.service.watchdog import Parts

        config, journal = self.config, self.unprepared_journal
        tracker = MoveTracker(self.cloud, journal, self.turns())
        controls, jobs = self.unprepared_power_controls, config.executor.max_jobs
        return Parts(
            eyes=Eyes(self.observer, journal, tracker, config.policy()),
            tools=Tools(self.playbooks, journal, controls, self.clock, jobs, tracker.reported),
            prepare=self.prepare,
            noted=self.note,
            enabled=config.node_tracker.enabled,
            loop_time=config.node_tracker.loop_time,
            stop_timeout=config.executor.stop_timeout,
            lease_ttl=config.leadership.ttl,
            patience=self.patience,
            silence=self.silence,
            health=HealthTools(controls, self.playbooks, self.clock, config.fencing.check_interval),
        )

    def say_notices(self) -> None:
        for notice in self.config.notices:
            log.warning("config.notice %s", notice)

    def note(self, decision: Decision | None) -> None:
        """For `status`: when this controller's watchdog last looked, and whether it was the active one."""
        note = {
            "at": self.clock.now(),
            "pid": os.getpid(),
            "active": decision is not None,
            "blind": decision.blind if decision else "",
        }
        draft = self.last_cycle_file.with_suffix(".new")
        try:
            draft.write_text(json.dumps(note), encoding="utf-8")
            draft.replace(self.last_cycle_file)
        except OSError as error:
            log.warning("cycle.not_noted error=%s", error)


def open_app(files: Sequence[str] | None) -> App:
    """Raises BadConfiguration."""
    return App(load(files), files)


def reloaded_parts(app: App) -> Parts:
    """As the configuration stands now. Raises BadConfiguration; BadInput for what only a restart can change."""
    config = load(app.files)
    fixed = {
        "[database] url": (config.database.url, app.config.database.url),
        "[executor] state_dir": (config.executor.state_dir, app.config.executor.state_dir),
    }
    if changed := [name for name, (new, old) in fixed.items() if new != old]:
        raise BadInput(f"{', '.join(changed)} can't be changed while the watchdog runs: restart it")
    parts = App(config, app.files, app.database).parts()
    set_up_logging(config)
    return parts


def set_up_logging(config: Config) -> None:
    """Once more after a reload. Raises BadInput where the log file can't be written."""
    name = config.node_tracker.logfile
    try:
        # rotated by logrotate, which may move the file away under us
        handler: logging.Handler = logging.handlers.WatchedFileHandler(name) if name else logging.StreamHandler()
    except OSError as error:
        raise BadInput(f"[node_tracker] logfile: {name} can't be written ({error.strerror})") from error
    logging.basicConfig(level=config.default.log_level, format=LOG_FORMAT, handlers=[handler], force=True)
    for noisy in ("alembic", "keystoneauth", "openstack", "schedule", "stevedore", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def run_dir(wanted: str) -> Path:
    """Where jobs' secrets lie while they run: in memory."""
    folder = Path(wanted).absolute()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder / "jobs"
    except OSError as error:
        log.info("run_dir.replaced wanted=%s error=%s", wanted, error.strerror)
    return IN_MEMORY / f"aos-{os.geteuid()}"
