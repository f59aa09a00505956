# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon as a unit of Type=notify with WatchdogSec: what the whole program tells systemd."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from watchdog.tests.adapters.test_systemd import Manager
from watchdog.tests.cli.site import Site, Watch, site
from watchdog.tests.fakes.openstack_api import Answer

__all__ = ["site"]

SECONDS = 20.0
READ_SECONDS = 30


class Unit:
    def __init__(self, site: Site, folder: Path) -> None:
        text = site.config.read_text()
        site.config.write_text(re.sub(r"read_timeout = .*", f"read_timeout = {READ_SECONDS}", text))
        self.manager = Manager(str(folder / "notify"))
        self._waiting: list[list[str]] = []
        self.watch = Watch(site, NOTIFY_SOCKET=self.manager.address, WATCHDOG_USEC="60000000")

    def until(self, line: str) -> list[str]:
        """All that is told from the last such call up to the datagram with this line; what came after it waits."""
        told: list[str] = []
        deadline = time.monotonic() + SECONDS
        while line not in told:
            assert time.monotonic() < deadline, f"{line!r} was not told: {told}"
            if waiting := self.heard():
                told += waiting.pop(0)
                self._waiting = waiting
            else:
                time.sleep(0.01)
        return told

    def heard(self) -> list[list[str]]:
        """All datagrams that wait."""
        waiting, self._waiting = self._waiting + self.manager.heard(), []
        return waiting


@pytest.fixture
def unit(site: Site, tmp_path: Path) -> Iterator[Unit]:
    started = Unit(site, tmp_path)
    yield started
    started.watch.process.kill()
    started.watch.process.communicate()
    started.manager.socket.close()


def test_start_looks_reload_and_end_are_told(unit: Unit) -> None:
    # 10 looks and 10 answers of Nova, a database that says nothing, a nap
    silence = 10 * 0.2 + 10 * READ_SECONDS + 4 * 36 + 5
    begun = unit.until("READY=1")
    assert begun[0] == f"EXTEND_TIMEOUT_USEC={silence * 1e6:.0f}"
    assert f"WATCHDOG_USEC={silence * 1e6:.0f}" in begun
    unit.until("STATUS=active: 3 hosts, 0 held")
    unit.until("WATCHDOG=1")
    unit.watch.process.send_signal(signal.SIGHUP)
    assert any(line.startswith("MONOTONIC_USEC=") for line in unit.until("RELOADING=1") + unit.until("READY=1"))
    unit.watch.process.send_signal(signal.SIGTERM)
    unit.until("STOPPING=1")
    assert unit.watch.process.wait(SECONDS) == 0


def test_a_look_that_hangs_is_given_away_by_silence(site: Site, unit: Unit) -> None:
    unit.until("WATCHDOG=1")
    hangs, goes_on = threading.Event(), threading.Event()
    answer = site.api.script

    def hang(path: str, query: dict[str, str]) -> Answer:
        hangs.set()
        goes_on.wait(SECONDS)
        return answer(path, query)

    site.api.script = hang
    assert hangs.wait(SECONDS)
    time.sleep(0.2)  # a sign of life that was under way
    unit.heard()
    time.sleep(2)  # ten looks
    assert unit.heard() == []
    goes_on.set()
    unit.until("WATCHDOG=1")
