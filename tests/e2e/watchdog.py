# SPDX-License-Identifier: GPL-3.0-or-later
"""A real watchdog process against a lab.

watchdog = Watchdog(lab, folder)
watchdog.link("compute-01")
watchdog.start()
watchdog.wait_state("compute-01", "RECOVERED")
watchdog.stop()
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tests.e2e import job_processes, leaks
from tests.e2e.configuration import QUICK, as_ini, merged, of_lab
from tests.e2e.journal import JournalReader, Row
from tests.lab.client import Lab
from tests.lab.plan import REPOSITORY

T = TypeVar("T")

TERM_SECONDS = 30.0


class Watchdog:
    """database: "sqlite" or a URL. overrides: section -> parameters, over configuration.QUICK.

    Everything it writes is under folder: watchdog.conf, watchdog.log, console.log, state/, run/, and its database.
    """

    def __init__(self, lab: Lab, folder: Path, database: str = "sqlite", **overrides: Mapping[str, object]) -> None:
        self.lab = lab
        self.folder = folder.absolute()
        self.log = self.folder / "watchdog.log"
        self.configuration = self.folder / "watchdog.conf"
        self.state_dir = self.folder / "state"
        url = f"sqlite:///{self.folder / 'cloud_manager.db'}" if database == "sqlite" else database
        self.journal = JournalReader(url)
        self._settings = merged(QUICK, of_lab(lab, self.folder, url), overrides)
        self._process: subprocess.Popen[bytes] | None = None
        self._command_lines = leaks.CommandLines()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.configure()

    # --- settings ---------------------------------------------------------------------------------------------------

    def configure(self, **overrides: Mapping[str, object]) -> None:
        """Write the file again with these parameters changed; a running watchdog notices at reload()."""
        self._settings = merged(self._settings, overrides)
        self.configuration.write_text(as_ini(self._settings))

    def link(self, *hosts: str, verify: bool = False) -> None:
        """Make the hosts' BMCs known, as an operator does."""
        for host in hosts:
            title = self.know(self.lab.bmc_control(host))
            self.command("power-control", "link", host, title)
            if verify:
                self.command("power-control", "verify", title)

    def know(self, control: Mapping[str, Any], *more: object) -> str:
        """Add a control given as an item of `power_controls`, with more arguments; its title."""
        options = [
            word for name, value in control.get("options", {}).items() for word in ("--option", f"{name}={value}")
        ]
        self.command(
            "power-control", "add", "--title", control["title"], "--protocol", control["protocol"],
            "--address", control["address"], "--port", control["port"], "--username", control["username"],
            *options, *more, environment={"AOS_BMC_PASSWORD": control["password"]},
        )  # fmt: skip
        return str(control["title"])

    # --- commands ---------------------------------------------------------------------------------------------------

    def cli(
        self, *arguments: object, environment: Mapping[str, str] | None = None, timeout: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run one command to its end; what it said is kept in console.log."""
        done = subprocess.run(
            self._command(*arguments), env=self._environment(environment), cwd=self.folder, text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False,
        )  # fmt: skip
        with (self.folder / "console.log").open("a") as log:
            log.write(f"$ {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}[exit status {done.returncode}]\n")
        return done

    def command(self, *arguments: object, environment: Mapping[str, str] | None = None) -> str:
        """cli() that must succeed; its standard output."""
        done = self.cli(*arguments, environment=environment)
        assert done.returncode == 0, f"{' '.join(map(str, arguments))}: {done.stderr or done.stdout}"
        return done.stdout

    def told(self, incident: int) -> str:
        """What `incidents ID` prints for people, in one line: where it breaks its lines is its own business."""
        return " ".join(self.command("incidents", incident).split())

    def report(self, incident: int) -> Any:
        """What `incidents ID --json` prints."""
        return json.loads(self.command("incidents", incident, "--json"))

    # --- the process ------------------------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None, "the watchdog was not started"
        return self._process.pid

    def start(self, timeout: float = 30) -> None:
        """In a process group of its own; returns when it holds the lease."""
        assert not self.running, "the watchdog runs already"
        self._command_lines.start()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command("watch"), env=self._environment(), cwd=self.folder, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.wait(self._leads, timeout, "the watchdog to lead")

    def reload(self) -> None:
        os.kill(self.pid, signal.SIGHUP)

    def stop(self) -> None:
        """As systemd does; it must end by itself with status 0 and leave no playbook."""
        os.kill(self.pid, signal.SIGTERM)
        status = self._end(TERM_SECONDS)
        assert status == 0, f"the watchdog ended with {status} after SIGTERM\n{self.tail()}"
        left = job_processes.of(self.state_dir)
        assert not left, f"the watchdog left processes of its playbooks: {left}"

    def kill9(self, *, playbooks: bool = True) -> list[str]:
        """SIGKILL the daemon, then (unless they shall live on as orphans) its playbooks; the keys of those."""
        if self.running:
            os.kill(self.pid, signal.SIGKILL)
            self._end(10)
        return job_processes.kill(self.state_dir) if playbooks else []

    def job_keys(self) -> set[str]:
        """Keys of the playbooks that have processes now."""
        return set(job_processes.of(self.state_dir).values())

    # --- what it did ------------------------------------------------------------------------------------------------

    def state(self, host: str) -> str:
        return self.journal.states().get(host, "HEALTHY")

    def wait_state(self, host: str, state: str, timeout: float = 60) -> None:
        """For states that last: one that is left again within a second may be missed, ask wait_step for those."""
        self.wait(lambda: self.state(host) == state, timeout, f"{host} to be {state}")

    def wait_step(self, host: str, words: str, timeout: float = 60, state: str | None = None) -> Row:
        """A line of the timeline of the host's newest incident that contains the words."""

        def find() -> Row | None:
            steps = (step for step in self.steps(host) if words in step["text"])
            return next((step for step in steps if state in (None, step["state"])), None)

        found = self.wait(find, timeout, f"a step of {host} that says {words!r}")
        assert found is not None
        return found

    def wait_cycles(self, count: int, timeout: float = 60) -> None:
        """Until it has looked so often again: what it has not done then, it does not mean to do."""
        wanted = self._cycles() + count
        self.wait(lambda: self._cycles() >= wanted, timeout, f"{count} more cycles")

    def incident(self, host: str) -> int:
        """The number of the host's newest incident."""
        found = self.journal.incidents(host)
        assert found, f"{host} has no incident"
        return int(found[0]["id"])

    def steps(self, host: str) -> list[Row]:
        """The timeline of the newest incident; [] if there is none."""
        found = self.journal.incidents(host)
        return self.journal.steps(int(found[0]["id"])) if found else []

    def moves(self, host: str) -> dict[str, Row]:
        """Server id -> its move in the newest incident."""
        return {move["server_id"]: move for move in self.journal.moves(self.incident(host))}

    def wait(self, condition: Callable[[], T], timeout: float, what: str) -> T:
        """Poll; AssertionError as soon as the watchdog is dead although it was started."""
        deadline = time.monotonic() + timeout
        while not (value := condition()):
            assert self._process is None or self.running, f"the watchdog died\n{self.tail()}"
            assert time.monotonic() < deadline, f"waited {timeout:g} s in vain for {what}; hosts: {self._summary()}"
            time.sleep(0.1)
        return value

    # --- for the tester ---------------------------------------------------------------------------------------------

    def leak_check(self) -> list[str]:
        """Places where a password of the lab stands in clear; [] is right. Call it when the watchdog has ended."""
        texts = {f"command line {line!r}": line for line in self._command_lines.seen}
        return leaks.leaks(self.lab.secrets(), self.folder, texts | {"database": self.journal.dump().encode()})

    def command_lines(self) -> set[bytes]:
        """Of all processes of the machine that were seen while the watchdog ran."""
        return self._command_lines.seen

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def story(self) -> str:
        """The log's end and all incidents, for a failed test."""
        parts = [f"--- {self.log}", self.tail()]
        if self.journal.exists():
            for row in self.journal.rows("SELECT id FROM incidents ORDER BY id"):
                parts += [f"--- incident {row['id']}", self.cli("incidents", row["id"]).stdout]
        return "\n".join(parts)

    def _cycles(self) -> int:
        return self.log.read_text(errors="replace").count("cycle.decided")

    def _leads(self) -> bool:
        """The lease names its holder by pid among others: an older holder's row must not deceive."""
        if not self.journal.exists():
            return False
        leader = self.journal.leader()
        return leader is not None and str(self.pid) in str(leader["holder"]).split("/")

    def _summary(self) -> str:
        if not self.journal.exists():
            return "no database yet"
        rows = self.journal.rows("SELECT name, state, reason FROM hosts")
        return "; ".join(f"{row['name']} {row['state']} ({row['reason']})" for row in rows) or "all healthy"

    def _end(self, timeout: float) -> int:
        assert self._process is not None
        try:
            return self._process.wait(timeout)
        finally:
            self._command_lines.stop()

    def _command(self, *arguments: object) -> list[str]:
        program = [sys.executable, "-m", "cloud_manager.cli", "--config-file", str(self.configuration)]
        return [*program, *map(str, arguments)]

    def _environment(self, added: Mapping[str, str] | None = None) -> dict[str, str]:
        """None of the caller's OS_* or ANSIBLE_*: the configuration alone must do."""
        names = ("PATH", "HOME", "LANG", "TMPDIR", "AOS_RUN_MARK")
        kept = {name: os.environ[name] for name in names if name in os.environ}
        return {**kept, "PYTHONPATH": str(REPOSITORY / "watchdog" / "src"), **(added or {})}
