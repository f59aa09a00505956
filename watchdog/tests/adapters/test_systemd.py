# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd hears, at a real socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_manager.adapters.systemd import Systemd
from watchdog.tests.fakes.clock import FakeClock


class Manager:
    """The end of the socket that systemd holds."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self.socket.setblocking(False)

    def heard(self) -> list[list[str]]:
        """The datagrams that wait, each as its lines."""
        found = []
        while True:
            try:
                found.append(self.socket.recv(4096).decode().split("\n"))
            except BlockingIOError:
                return found


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify") if request.param == "path" else f"@aos-test-{os.getpid()}")
    yield made
    made.socket.close()


def systemd(manager: Manager, **variables: str) -> Systemd:
    return Systemd({"NOTIFY_SOCKET": manager.address, **variables}, FakeClock(12.5))


def test_each_state_is_one_datagram_in_the_words_of_sd_notify(manager: Manager) -> None:
    ours = systemd(manager, WATCHDOG_USEC="1", WATCHDOG_PID=str(os.getpid()))
    ours.starting(2.5)
    ours.ready(90.0)
    ours.alive()
    ours.status("active:\n40 hosts")
    ours.reloading()
    ours.stopping(30.0)
    assert manager.heard() == [
        ["EXTEND_TIMEOUT_USEC=2500000"],
        ["READY=1", "WATCHDOG_USEC=90000000"],
        ["WATCHDOG=1"],
        ["STATUS=active: 40 hosts"],
        ["RELOADING=1", "MONOTONIC_USEC=12500000"],
        ["STOPPING=1", "EXTEND_TIMEOUT_USEC=30000000"],
    ]


@pytest.mark.parametrize("variables", [{}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}])
def test_nothing_is_said_of_the_watchdog_where_the_unit_has_none_for_this_process(
    manager: Manager, variables: dict[str, str]
) -> None:
    ours = systemd(manager, **variables)
    ours.ready(90.0)
    ours.alive()
    assert manager.heard() == [["READY=1"]]


def test_a_process_that_nobody_looks_after_says_nothing() -> None:
    ours = Systemd({}, FakeClock())
    ours.ready(90.0)
    ours.stopping(1.0)


def test_a_socket_that_is_gone_is_said_once_and_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ours = Systemd({"NOTIFY_SOCKET": str(tmp_path / "none")}, FakeClock())
    for _ in range(3):
        ours.status("active")
    assert caplog.text.count("systemd.not_told") == 1
