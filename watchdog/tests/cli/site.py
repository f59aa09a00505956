# SPDX-License-Identifier: GPL-3.0-or-later
"""One installation for tests of the whole program, and a daemon of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud_manager.adapters.store import SqlJournal
from cloud_manager.db import Database, schema
from cloud_manager.domain.actions import Recover
from cloud_manager.domain.power import Secret
from cloud_manager.domain.records import Decision, HostRecord, Records, State, Step
from cloud_manager.ports import Move
from watchdog.tests.fakes.openstack_api import PASSWORD, Answer, OpenStackApi

COLLECTIONS = Path(__file__).resolve().parents[3] / "collections"
OPENED = 1_790_000_000.0


def service(host: str, state: str = "up", **changes: Any) -> dict[str, Any]:
    now = time.time() - (120 if state == "down" else 1)
    beat = time.strftime("%Y-%m-%dT%H:%M:%S.000000", time.gmtime(now))
    row = {"id": host, "binary": "nova-compute", "host": host, "state": state, "status": "enabled"}
    return {**row, "forced_down": False, "disabled_reason": None, "updated_at": beat, "zone": "nova", **changes}


class Site:
    """One installation: a scripted OpenStack, an embedded database, a configuration file, and the program."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.services = [service("c1"), service("c2"), service("c3")]
        self.api = OpenStackApi(self.script)
        self.config = folder / "aos.conf"
        self.database = Secret(f"sqlite:///{folder}/store.db")
        self.configure()

    def script(self, path: str, query: dict[str, str]) -> Answer:
        if path == "/os-services":
            return Answer({"services": self.services})
        return Answer({"servers": [], "migrations": []})

    def configure(self, **lines: str) -> None:
        tracker = {"loop_time": "0.2", "mutex": "1", "max_down_hosts": "1", **lines}
        text = [f"[database]\nurl = {self.database.reveal()}", "[node_tracker]"]
        text += [f"{name} = {value}" for name, value in tracker.items()]
        text += ["[cloud]\ncloud = scripted", f"clouds_yaml = {self.api.clouds_yaml(self.folder)}"]
        text += ["read_timeout = 2", f"[executor]\nstate_dir = {self.folder}/state\nrun_dir = {self.folder}/run"]
        self.config.write_text("\n".join(text) + "\n")

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "cloud_manager.cli", "--config-file", str(self.config), *words]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables}
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.folder
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=60)
        assert "Traceback" not in err + out
        assert PASSWORD not in err + out
        return process.returncode, out, err

    def journal(self) -> SqlJournal:
        database = Database(self.database)
        schema.migrate(database)
        return SqlJournal(database)

    def with_incident(self) -> None:
        journal = self.journal()
        lease = journal.acquire_lease("test", 1, lambda holder: True)
        assert lease is not None
        record = HostRecord("c1", State.FAILED, OPENED, "2 servers remain on the host", incident=1, job="1-recover-1")
        steps = tuple(
            Step(1, "c1", OPENED + number, state, text)
            for number, (state, text) in enumerate(
                [
                    (State.SUSPECT, "1 of 3 looks say down"),
                    (State.HELD, "the host is in [host_tasks] deny_evacuate"),
                    (State.FAILED, "a sentence so long that it does not fit into one line of a terminal " * 3),
                ]
            )
        )
        journal.save(Decision(Records(), (record,), (Recover("1-recover-1", "c1", 1),), steps), lease)
        moves = [
            Move("id-web", "web", "c1", "c2", 10, "ACTIVE", "ACTIVE", "evacuated", "", 1, OPENED, OPENED, OPENED),
            Move("id-db", "db", "c1", "", 5, "SHUTOFF", "ERROR", "failed", "no valid host", 2),
            Move("id-spare", "spare", "c1", "", 0, "ACTIVE", "ACTIVE", "left", "has priority 0"),
        ]
        journal.write_moves(1, moves)
        journal.release_lease(lease)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.api.close()


class Watch:
    """`watch` as a process, followed by its log."""

    def __init__(self, site: Site, **variables: str) -> None:
        self.process = site.start("watch", **variables)
        self.lines: list[str] = []

    def until(self, words: str) -> str:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)
            if words in line:
                return line
        raise AssertionError(f"{words!r} was never said:\n{''.join(self.lines)}")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        _, rest = self.process.communicate(timeout=30)
        self.lines.append(rest)
        assert "Traceback" not in "".join(self.lines)
        assert PASSWORD not in "".join(self.lines)
        return self.process.returncode
