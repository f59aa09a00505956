# SPDX-License-Identifier: GPL-3.0-or-later
"""`scene`: the lab, sound at the start of a module. `watchdogs`: makes watchdogs, and ends them with the module.

`lab` and `sound_lab`: see tests.lab.pytest_plugin.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e.watchdog import Watchdog
from tests.lab.client import Lab

MakeWatchdog = Callable[..., Watchdog]

made: list[Watchdog] = []
told: list[Watchdog] = []


@pytest.fixture(scope="module")
def scene(lab: Lab) -> Lab:
    """A sound and empty lab for all tests of a module: they look at one story from several sides."""
    lab.reset()
    return lab


@pytest.fixture(scope="module")
def watchdogs(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeWatchdog]:
    """Watchdog(lab, a new folder, ...); what a test leaves running is ended with its module."""

    def make(database: str = "sqlite", **overrides: dict[str, object]) -> Watchdog:
        made.append(Watchdog(lab, new_folder(tmp_path_factory), database, **overrides))
        return made[-1]

    yield make
    for watchdog in made:
        watchdog.kill9()
    made.clear()


def new_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("watchdog", numbered=True)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """The first failure of a module shows what its last watchdog did."""
    report = yield
    if report.failed and made and made[-1] not in told:
        told.append(made[-1])
        report.sections.append(("watchdog", made[-1].story()))
    return report
