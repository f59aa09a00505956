# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks by ansible-runner.

Secrets are in the job's folder only: ansible-runner writes the whole command line and environment into the artifacts.
Therefore neither carries any, and the environment is built from nothing rather than inherited.
"""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_runner.exceptions import AnsibleRunnerException, ConfigurationError
from ansible_runner.interface import init_runner
from pexpect.exceptions import ExceptionPexpect

from cloud_manager.adapters.job_events import CheckReport, JobReport
from cloud_manager.adapters.job_folder import JobFiles, JobFolders, inventory, unsafe_yaml, write_private
from cloud_manager.adapters.processes import INSTALLATION, JOB, kill_marked
from cloud_manager.domain.actions import Action, CheckPower, ReadPower, SwitchPower
from cloud_manager.domain.facts import JobFact, JobKind, JobStatus, Power, PowerReading
from cloud_manager.domain.power import PowerLink
from cloud_manager.errors import JobNotStarted
from cloud_manager.ports import Checked, Clock, JobEvent, JobListener, Switched, never

log = logging.getLogger(__name__)

COLLECTION = "aos.cloud_manager"
POLL_SECONDS = 0.5
NO_RESULT = "the playbook gave no result"
NUMBERS = itertools.count(1)
# Without them OpenStack may be out of reach; nothing else of our environment is a playbook's business.
LOCALE = ("LANG", "LC_ALL", "LC_CTYPE", "TZ")
PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
AUTHORITIES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
INHERITED = (*LOCALE, *PROXIES, *AUTHORITIES)

Asked = ReadPower | SwitchPower | CheckPower
Hosts = Mapping[str, Sequence[PowerLink]]


@dataclass(frozen=True, slots=True)
class RunnerOptions:
    """run_dir: in memory. state_dir: of the artifacts; the newest `keep` ended jobs stay. timeout: s for a playbook.

    variables: the settings that a kind of playbook takes. environment, clouds_yaml: how it finds the cloud.
    """

    run_dir: Path
    state_dir: Path
    collections_path: str = ""
    timeout: float = 3600.0
    keep: int = 50
    variables: Callable[[JobKind], Mapping[str, object]] = field(default=lambda _kind: {})
    environment: Mapping[str, str] = field(default_factory=dict)
    clouds_yaml: str = field(default="", repr=False)


class AnsiblePlaybooks:
    """ports.Playbooks and ports.Verifier."""

    def __init__(self, options: RunnerOptions, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._artifacts = options.state_dir / "jobs"
        self._folders = JobFolders(options.run_dir)
        self._artifacts.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._running: set[str] = set()

    def run(
        self, action: Action, controls: Sequence[PowerLink], listener: JobListener, cancelled: Callable[[], bool]
    ) -> None:
        try:
            job = _Job(action, JobReport(action), listener, self._clock, self._options.timeout, cancelled)
            self._run(job, {action.host: controls})
        finally:
            self._forget_old()

    def _run(self, job: _Job, hosts: Hosts) -> None:
        key = job.action.key
        self._running.add(key)
        try:
            with self._folders.job(key) as files:
                self._write(files, job.action, hosts)
                status = self._play(job, files)
        except (OSError, ConfigurationError) as error:
            raise JobNotStarted(
                f"job {key} could not be run: {error}; check [executor] run_dir and state_dir"
            ) from error
        finally:
            self._running.discard(key)
        job.listener.job_ended(job.report.fact(status, job.ended_by))

    def kill(self, keys: Sequence[str]) -> tuple[str, ...]:
        had = kill_marked(keys, str(self._options.state_dir))
        self._folders.remove_leftovers()
        return had

    def read_power(
        self, host: str, controls: Sequence[PowerLink], cancelled: Callable[[], bool] = never
    ) -> PowerReading:
        action = ReadPower(self._unique("verify"), host, 0)
        fact = self._ask(action, JobReport(action), {host: controls}, cancelled)
        if fact is None or fact.power is None:
            title = controls[0].control.title if controls else ""
            return PowerReading(title, Power.UNKNOWN, message=fact.message if fact else NO_RESULT)
        return fact.power

    def switch_power(self, host: str, controls: Sequence[PowerLink], state: str, timeout: float) -> Switched:
        action = SwitchPower(self._unique("switch"), host, state, timeout)
        fact = self._ask(action, JobReport(action), {host: controls}, never)
        if fact is None or fact.power is None:
            return Switched(False, Power.UNKNOWN, fact.message if fact else NO_RESULT)
        return Switched(fact.status is JobStatus.SUCCEEDED, fact.power.state, fact.power.message or fact.message)

    def check_power(self, hosts: Hosts, told: Checked, cancelled: Callable[[], bool] = never) -> str:
        action = CheckPower(self._unique("check"))
        fact = self._ask(action, CheckReport(action, hosts, told), hosts, cancelled)
        return fact.message if fact else NO_RESULT

    def _ask(self, action: Asked, report: JobReport, hosts: Hosts, cancelled: Callable[[], bool]) -> JobFact | None:
        outcome = _Outcome()
        try:
            self._run(_Job(action, report, outcome, self._clock, self._options.timeout, cancelled), hosts)
        finally:  # nobody will look for them, and those of a watchdog's running jobs must not give way to them
            shutil.rmtree(self._artifacts / action.key, ignore_errors=True)
        return outcome.fact

    def _unique(self, purpose: str) -> str:
        return f"{purpose}-{os.getpid()}-{int(self._clock.now() * 1000)}-{next(NUMBERS)}"

    def _write(self, files: JobFiles, action: Action | Asked, hosts: Hosts) -> None:
        settings = {**self._options.variables(action.kind), **action.to_vars()}
        write_private(files.inventory, unsafe_yaml(inventory(hosts, sys.executable)))
        write_private(files.variables, unsafe_yaml(settings))
        write_private(files.ansible_cfg, "")
        if self._options.clouds_yaml:
            write_private(files.clouds_yaml, self._options.clouds_yaml)

    def _play(self, job: _Job, files: JobFiles) -> JobStatus:
        key = job.action.key
        shutil.rmtree(self._artifacts / key, ignore_errors=True)
        runner = init_runner(
            private_data_dir=str(files.folder),
            artifact_dir=str(self._artifacts),
            ident=key,
            inventory=str(files.inventory),
            playbook=f"{COLLECTION}.{job.action.kind.value}",
            cmdline=f"-e @{files.variables}",
            suppress_env_files=True,
            fact_cache_type="memory",
            quiet=True,
            event_handler=job.event,
            cancel_callback=job.must_end,
        )
        runner.config.pexpect_timeout = POLL_SECONDS
        runner.config.env = self._environment(key, files, runner.config.env)
        runner.config.command[0] = _ansible_playbook()
        try:
            runner.run()
        except (AnsibleRunnerException, ExceptionPexpect) as error:
            job.ended_by = job.ended_by or f"ansible-runner failed: {' '.join(str(error).split())[:200]}"
        finally:
            # detached workers outlive the playbook when it is killed, and hold on to its output
            kill_marked([key], str(self._options.state_dir))
            (self._artifacts / key / "command").unlink(missing_ok=True)
        if job.cancelled:
            job.ended_by = "cancelled"
            return JobStatus.LOST
        return JobStatus.SUCCEEDED if runner.rc == 0 and not job.ended_by else JobStatus.FAILED

    def _environment(self, key: str, files: JobFiles, runners: Mapping[str, str]) -> dict[str, str]:
        """runners: what ansible-runner prepared; only what its event callback needs is taken over."""
        own = {name: os.environ[name] for name in INHERITED if name in os.environ}
        own |= {name: value for name, value in runners.items() if name.startswith(("AWX_", "RUNNER_"))}
        own |= {name: runners[name] for name in ("ANSIBLE_STDOUT_CALLBACK", "ANSIBLE_CALLBACK_PLUGINS")}
        own |= {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "HOME": str(files.scratch),
            "TMPDIR": str(files.scratch),
            "ANSIBLE_CONFIG": str(files.ansible_cfg),
            "ANSIBLE_HOME": str(files.scratch),
            "ANSIBLE_LOCAL_TEMP": str(files.scratch),
            "ANSIBLE_REMOTE_TEMP": str(files.scratch),
            "ANSIBLE_INVENTORY_ENABLED": "yaml",
            "ANSIBLE_PIPELINING": "1",  # module arguments, with passwords, never become a file
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_RETRY_FILES_ENABLED": "0",
            "MAX_EVENT_RES": "50000000",  # the list of a host's servers must not be dropped
            JOB: key,
            INSTALLATION: str(self._options.state_dir),
            **self._options.environment,
        }
        if self._options.collections_path:
            own["ANSIBLE_COLLECTIONS_PATH"] = self._options.collections_path
        if self._options.clouds_yaml:
            own["OS_CLIENT_CONFIG_FILE"] = str(files.clouds_yaml)
        return own

    def _forget_old(self) -> None:
        """Keep the artifacts of the newest ended jobs only."""
        ended = [folder for folder in self._artifacts.iterdir() if folder.name not in self._running]
        for folder in sorted(ended, key=_changed_at, reverse=True)[self._options.keep :]:
            shutil.rmtree(folder, ignore_errors=True)


class _Job:
    """One run as ansible-runner's callbacks see it."""

    def __init__(
        self,
        action: Action | Asked,
        report: JobReport,
        listener: JobListener,
        clock: Clock,
        timeout: float,
        cancelled: Callable[[], bool],
    ) -> None:
        self.action = action
        self.report = report
        self.listener = listener
        self.ended_by = ""
        self._clock = clock
        self._timeout = timeout
        self._deadline = clock.monotonic() + timeout
        self._cancelled = cancelled

    def event(self, event: dict[str, Any]) -> bool:
        """True: ansible-runner keeps the event in the artifacts, without the arguments of modules."""
        texts, moves = self.report.take(event)
        result = event.get("event_data", {}).get("res")
        if isinstance(result, dict):
            result.pop("invocation", None)
        for text in texts:
            self.listener.job_event(JobEvent(self.action.key, self._clock.now(), text))
        if moves:
            self.listener.job_event(JobEvent(self.action.key, self._clock.now(), moves=moves))
        return True

    @property
    def cancelled(self) -> bool:
        return self._cancelled()

    def must_end(self) -> bool:
        """Asked twice a second, and after each output."""
        if self.cancelled:
            return True
        if self._clock.monotonic() > self._deadline:
            self.ended_by = f"the playbook took longer than [executor] playbook_timeout, {self._timeout:g} s"
            return True
        return False


class _Outcome:
    """JobListener for who waits for the result."""

    def __init__(self) -> None:
        self.fact: JobFact | None = None

    def job_event(self, event: JobEvent) -> None:
        """The result carries all that is asked for."""

    def job_ended(self, result: JobFact) -> None:
        self.fact = result


def _changed_at(folder: Path) -> float:
    """Another job's thread may have removed the folder just now."""
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0


def _ansible_playbook() -> str:
    """The one that belongs to our own environment; else the first of the path."""
    own = Path(sys.executable).parent / "ansible-playbook"
    found = str(own) if own.exists() else shutil.which("ansible-playbook")
    if not found:
        raise JobNotStarted("ansible-playbook is not installed; install ansible-core in the watchdog's environment")
    return found
