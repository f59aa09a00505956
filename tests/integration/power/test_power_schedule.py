# SPDX-License-Identifier: GPL-3.0-or-later
"""The watchdog's schedule with the real playbook, store and console, against real ipmi_sim processes."""

from __future__ import annotations

import argparse
import logging
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_manager.adapters.clock import SystemClock
from cloud_manager.adapters.processes import JOB
from cloud_manager.adapters.runner import AnsiblePlaybooks, RunnerOptions
from cloud_manager.adapters.store import SqlPowerControls
from cloud_manager.console.power_controls import show, show_all
from cloud_manager.console.status import failing_controls, failing_line
from cloud_manager.db import Database, PasswordBox, schema
from cloud_manager.domain.facts import Power
from cloud_manager.domain.power import Check, PowerControl, Secret
from cloud_manager.service.health import ASKING_SECONDS, HealthCheck, HealthTools
from tests.integration.power.bmc import USERNAME, Bmc
from tests.integration.power.site import HOST, ROOT

HOUR = 3600.0


class Ahead(SystemClock):
    """A clock that can be put forward."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


class Watch:
    """The watchdog's schedule with all that is real behind it. HOST has the first control, the second is free."""

    def __init__(self, folder: Path, first: Bmc, spare: Bmc) -> None:
        self.clock = Ahead()
        self.database = Database(Secret(f"sqlite:///{folder}/store.db"))
        schema.migrate(self.database)
        self.power_controls = SqlPowerControls(self.database, PasswordBox(folder / "key", creates=True), who="test")
        for title, bmc in (("bmc", first), ("spare", spare)):
            password = Secret(bmc.password)
            self.power_controls.add(PowerControl(title, "ipmi", bmc.address, bmc.port, USERNAME, password))
        self.power_controls.link(HOST, "bmc")
        self.options = RunnerOptions(
            folder / "run",
            folder / "state",
            collections_path=str(ROOT / "collections"),
            timeout=60.0,
            variables=lambda _kind: {"power_timeout": self.seconds},
        )
        self.seconds = 2.0
        self.busy = False
        verifier = AnsiblePlaybooks(self.options, SystemClock())
        self.health = HealthCheck(HealthTools(self.power_controls, verifier, self.clock, HOUR), lambda: not self.busy)

    def begin(self) -> None:
        """The next reading, an hour later."""
        self.clock.ahead += HOUR + ASKING_SECONDS
        self.health.begin()

    def look(self) -> None:
        self.begin()
        self.health.wait()

    def checks(self) -> dict[str, Check | None]:
        return {link.control.title: link.check for _, links in self.power_controls.list() for link in links}

    def files(self) -> list[Path]:
        return [path for root in (self.options.run_dir, self.options.state_dir) for path in root.rglob("*.yml")]


@pytest.fixture
def watch(tmp_path: Path, bench: Bmc, second: Bmc) -> Iterator[Watch]:
    watch = Watch(tmp_path, bench, second)
    yield watch
    watch.health.stop()
    watch.database.close()


def test_the_schedule_finds_a_dead_second_control_shows_it_and_reports_it_once(
    watch: Watch, bench: Bmc, second: Bmc, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    watch.power_controls.link(HOST, "spare")
    bench.host_is("on")
    second.fault("silent")
    for _turn in range(2):
        watch.look()
    first, spare = watch.checks()["bmc"], watch.checks()["spare"]
    assert first is not None
    assert spare is not None
    assert (first.state, spare.state) == (Power.ON, Power.UNKNOWN)
    assert watch.clock.now() - spare.at < 30
    assert f"(ipmi {second.address}:{second.port}) gave no answer within 2.0 s; check its address" in spare.message
    assert caplog.text.count("power_control.failing") == 1
    assert f"power_control.failing host={HOST} control=spare place=-" in caplog.text
    app = t.cast(t.Any, watch)
    show_all(argparse.Namespace(), app)
    show(argparse.Namespace(title="spare"), app)
    shown = capsys.readouterr().out
    assert f"{HOST}  -       yes      never     on " in shown
    assert f"{HOST}  -       no       never     FAILED " in shown
    assert "gave no answer within" in shown
    assert [link.control.title for link in failing_controls(app)] == ["spare"]
    assert f"power control spare of host {HOST} fails" in failing_line(failing_controls(app)[0])
    second.fault("none")
    watch.look()
    assert failing_controls(app) == []
    assert caplog.text.count("power_control.answers_again") == 1
    assert bench.commands("set") == second.commands("set") == []
    assert len(bench.commands("get")) >= 3
    assert watch.files() == []


def test_a_recovery_ends_the_check_at_once_and_what_was_read_by_then_is_kept(
    watch: Watch, second: Bmc, caplog: pytest.LogCaptureFixture
) -> None:
    watch.power_controls.link("other", "spare")
    second.fault("silent")
    watch.seconds = 40.0
    watch.begin()
    deadline = time.monotonic() + 30
    while watch.checks()["bmc"] is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes(), "the frozen control is still waited for"
    watch.busy = True
    begun = time.monotonic()
    watch.health.wait()
    assert time.monotonic() - begun < 3
    assert processes() == []
    assert [found and found.state for found in watch.checks().values()] == [Power.OFF, None]
    assert "failing" not in caplog.text
    assert watch.files() == []


def processes() -> list[str]:
    """Of the check: their marks."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            found += [name for name in path.read_text(errors="replace").split("\0") if name.startswith(f"{JOB}=check-")]
        except OSError:
            continue
    return found
