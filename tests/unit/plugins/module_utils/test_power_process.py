# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils import power_process
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import (
    Control,
    ControlError,
    Driver,
    NoAnswer,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device, Exchange
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.fake_power import FakeBench, FakeDriver
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.power_contract import children

SECRET = "correct-horse"


def test_the_value_of_a_call_comes_back() -> None:
    assert Exchange(lambda: "on", 5).result() == "on"


def test_every_exchange_is_a_process_of_its_own() -> None:
    seen = {Exchange(lambda: str(os.getpid()), 5).result() for _turn in range(3)}
    assert len(seen) == 3
    assert str(os.getpid()) not in seen


def test_an_error_of_the_control_keeps_its_parts() -> None:
    def refuse() -> str:
        raise ControlError("is on fire", "call somebody", final=True)

    with pytest.raises(ControlError, match="is on fire; call somebody") as caught:
        Exchange(refuse, 5).result()
    assert (caught.value.reason, caught.value.remedy, caught.value.final) == ("is on fire", "call somebody", True)


def test_an_unforeseen_error_is_an_error_of_the_control() -> None:
    with pytest.raises(ControlError, match=r"ZeroDivisionError: .*by zero; check the fields") as caught:
        Exchange(lambda: str(1 // 0), 5).result()
    assert not caught.value.final


@pytest.mark.parametrize("ignored", [(), (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)])
def test_a_call_without_end_is_killed_at_the_deadline(ignored: tuple[int, ...]) -> None:
    def hang() -> str:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
        while True:
            threading.Event().wait(0.1)

    started = time.monotonic()
    with pytest.raises(NoAnswer, match=r"no answer within 0\.5 s"):
        Exchange(hang, 0.5).result()
    assert 0.4 < time.monotonic() - started < 1.5
    assert children() == []


def test_an_answer_in_time_counts_when_it_is_fetched_late() -> None:
    exchange = Exchange(lambda: "on", 0.5)
    time.sleep(0.7)
    fetched = time.time()
    assert exchange.result() == "on"
    assert exchange.ended_at < fetched - 0.1


def test_what_a_call_started_dies_with_it(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    def start_and_hang() -> str:
        if os.fork() == 0:
            pid_file.write_text(str(os.getpid()))
        time.sleep(60)
        return "never"

    with pytest.raises(NoAnswer):
        Exchange(start_and_hang, 0.5).result()
    deadline = time.monotonic() + 5
    grandchild = Path("/proc", pid_file.read_text(), "stat")
    while grandchild.exists() and grandchild.read_text().split()[2] != "Z" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not grandchild.exists() or grandchild.read_text().split()[2] == "Z"


def test_a_child_ends_by_itself_when_its_parent_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power_process, "ORPHAN_GRACE_SECONDS", 0.3)
    pid_file = tmp_path / "pid"

    def say_who_and_hang() -> str:
        pid_file.write_text(str(os.getpid()))
        time.sleep(60)
        return "never"

    parent = os.fork()
    if parent == 0:
        Exchange(say_who_and_hang, 0.5).result()
        os._exit(0)
    deadline = time.monotonic() + 5
    while not (pid_file.exists() and pid_file.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    child = Path("/proc", pid_file.read_text(), "stat")
    assert child.exists()
    while child.exists() and child.read_text().split()[2] != "Z" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not child.exists() or child.read_text().split()[2] == "Z"


def test_what_a_library_prints_does_not_reach_the_output(capfd: pytest.CaptureFixture[str]) -> None:
    def chat() -> str:
        os.write(1, b"pyghmi says hello")
        os.write(2, b"and goodbye")
        return "on"

    assert Exchange(chat, 5).result() == "on"
    assert capfd.readouterr() == ("", "")


class Leaking(Driver):
    default_port = 1

    def check(self, control: Control) -> None:
        """Anything goes."""

    def read(self, control: Control, seconds: float) -> str:
        raise ValueError(f"cannot log in with {control.password}")

    def send(self, control: Control, action: str, seconds: float) -> None:
        raise ValueError(f"cannot log in with {control.password}")


@pytest.mark.parametrize("act", ["read", "send"])
def test_a_password_in_a_librarys_message_is_withheld(act: str) -> None:
    device = Device(Control("c1", "bmc", "leaking", "192.0.2.1", 1, password=SECRET), Leaking())
    with pytest.raises(ControlError, match="withheld") as caught:
        device.read(5) if act == "read" else device.send("off", 5)
    assert SECRET not in str(caught.value)


def test_a_control_does_not_show_its_password() -> None:
    assert SECRET not in repr(Control("c1", "bmc", "ipmi", "192.0.2.1", 623, password=SECRET))


@pytest.mark.parametrize("told", ["SN-2", ""])
def test_a_foreign_device_is_sent_nothing_even_if_it_was_never_read(tmp_path: Path, told: str) -> None:
    bench = FakeBench(tmp_path)
    bench.tells(told)
    device = Device(replace(bench.device.control, identity="SN-1"), FakeDriver())
    with pytest.raises(ControlError, match="recorded is SN-1; nothing was sent") as caught:
        device.send("off", 5)
    assert caught.value.final
    assert caught.value.foreign
    assert bench.commands() == []


@pytest.mark.parametrize(
    ("recorded", "told"),
    [("SGH 123 X4", "SGH  123\tx4"), ("x" * 255, "x" * 300), ("A B", "A\0B"), (" sn-1", "SN-1 ")],
)
def test_a_device_is_known_by_what_could_be_recorded_of_its_identity(tmp_path: Path, recorded: str, told: str) -> None:
    bench = FakeBench(tmp_path)
    bench.tells(told)
    assert Device(replace(bench.device.control, identity=recorded), FakeDriver()).read(5) == "on"


def test_an_identity_is_asked_until_it_was_told_once(tmp_path: Path) -> None:
    bench = FakeBench(tmp_path)
    bench.tells("SN-1")
    device = Device(replace(bench.device.control, identity="sn-1 "), FakeDriver())
    bench.fault("silent")
    with pytest.raises(ControlError, match="no answer"):
        device.read(0.3)
    bench.fault("none")
    bench.tells("SN-2")
    with pytest.raises(ControlError, match="SN-2"):
        device.read(5)
    bench.tells("SN-1")
    assert device.read(5) == "on"
