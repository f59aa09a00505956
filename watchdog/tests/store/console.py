# SPDX-License-Identifier: GPL-3.0-or-later
"""The program as the commands about power see it, put together from fakes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from cloud_manager.config import Config
from cloud_manager.console import power_controls
from cloud_manager.domain.facts import Power, PowerReading
from cloud_manager.domain.power import PowerLink
from cloud_manager.ports import Switched, never
from watchdog.tests.fakes.clock import FakeClock
from watchdog.tests.fakes.cloud import FakeCloud
from watchdog.tests.fakes.journal import FakeJournal, FakePowerControls

PASSWORD = "s3cret password"
START = 1_700_000_000.0
Run = Callable[..., int]


@dataclass
class ScriptedVerifier:
    """Answers by title, or by title and outlet; an error is raised. switched: host, ports, state, timeout."""

    answers: dict[object, PowerReading | Exception] = field(default_factory=dict)
    asked: list[tuple[str, Sequence[PowerLink]]] = field(default_factory=list)
    outcome: Switched | Exception = field(default_factory=lambda: Switched(True, Power.OFF, "is off"))
    switched: list[tuple[str, list[tuple[str, int | None]], str, float]] = field(default_factory=list)

    def read_power(
        self, host: str, controls: Sequence[PowerLink], _cancelled: Callable[[], bool] = never
    ) -> PowerReading:
        self.asked.append((host, controls))
        link = controls[0]
        answer = self.answers.get((link.control.title, link.outlet)) or self.answers[link.control.title]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def switch_power(self, host: str, controls: Sequence[PowerLink], state: str, timeout: float) -> Switched:
        self.switched.append((host, [(link.control.title, link.outlet) for link in controls], state, timeout))
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Program:
    """compute-01 and compute-02 are up."""

    def __init__(self) -> None:
        self.config = Config()
        self.verifier = ScriptedVerifier()
        self.clock = FakeClock(START)
        self.cloud = FakeCloud(self.clock, "compute-01", "compute-02")
        self.journal = FakeJournal(self.clock.now)
        self.power_controls = FakePowerControls(self.journal, self.clock.now)


@pytest.fixture
def app() -> Program:
    return Program()


@pytest.fixture
def run(app: Program, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.delenv("AOS_BMC_PASSWORD", raising=False)
    parser = argparse.ArgumentParser()
    power_controls.register(parser.add_subparsers())

    def run(*words: str) -> int:
        args = parser.parse_args(["power-control", *words])
        return int(args.handler(args, app))

    return run


@pytest.fixture
def two(app: Program, run: Run, monkeypatch: pytest.MonkeyPatch) -> Program:
    """bmc-1 switches compute-01, bmc-2 compute-02."""
    monkeypatch.setenv("AOS_BMC_PASSWORD", PASSWORD)
    for number in (1, 2):
        title, address = f"bmc-{number}", f"192.0.2.1{number}"
        run("add", "--title", title, "--protocol", "ipmi", "--address", address, "--username", "admin")
        run("link", f"compute-0{number}", title)
    app.verifier.answers = {
        "bmc-1": PowerReading("bmc-1", Power.ON, identity=""),
        "bmc-2": PowerReading("bmc-2", Power.OFF, message="reads off", identity=""),
    }
    return app
