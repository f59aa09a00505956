# SPDX-License-Identifier: GPL-3.0-or-later
"""The script behind a BMC switches a real process and tells the truth about it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.lab import chassis as module
from tests.lab import processes
from tests.lab.chassis import Chassis, answer
from tests.lab.plan import REPOSITORY, SOURCE


@pytest.fixture
def folder(tmp_path):
    """A host's folder, with a compute that only sleeps and has a child that sleeps too."""
    compute = {
        "lab": str(tmp_path),
        "unit": "nova-compute:compute-01",
        "argv": ["sh", "-c", "sleep 1000 & exec sleep 1000"],
        "env": {},
        "log": f"{tmp_path}/log",
    }
    (tmp_path / "compute.json").write_text(json.dumps(compute))
    yield tmp_path
    processes.kill_lab(str(tmp_path))


@pytest.fixture
def chassis(folder):
    return Chassis(str(folder))


def operations(folder):
    return [json.loads(line)[1:] for line in (folder / "chassis.log").read_text().splitlines()]


def pids(folder):
    return [pid for pid, _name in processes.of_lab(str(folder))]


def power(chassis, capsys):
    assert answer(chassis, "get", ["power"]) == 0
    return capsys.readouterr().out.strip()


def test_power_is_read_from_whether_the_process_lives(chassis, folder, capsys):
    assert power(chassis, capsys) == "power:0"
    assert answer(chassis, "set", ["power", "1"]) == 0
    assert power(chassis, capsys) == "power:1"
    os.kill(processes.read_pid(f"{folder}/pid"), signal.SIGKILL)
    deadline = time.monotonic() + 5
    while power(chassis, capsys) != "power:0":
        assert time.monotonic() < deadline


def test_off_kills_the_process_and_its_children_before_it_returns(chassis, folder):
    chassis.power_on()
    while len(pids(folder)) < 2:
        time.sleep(0.01)
    assert answer(chassis, "set", ["power", "0"]) == 0
    assert pids(folder) == []


def test_off_kills_even_a_stopped_process(chassis, folder):
    chassis.power_on()
    processes.send(pids(folder), signal.SIGSTOP)
    chassis.power_off()
    assert pids(folder) == []


def test_the_log_tells_when_the_process_was_seen_dead(chassis, folder):
    chassis.power_on()
    before = time.time()
    answer(chassis, "set", ["power", "0"])
    lines = [json.loads(line) for line in (folder / "chassis.log").read_text().splitlines()]
    assert [line[1] for line in lines] == ["started", "set", "dead"]
    assert lines[1][2] == ["power", "0"]
    assert before <= lines[1][0] <= lines[2][0] <= time.time()


def test_off_of_a_dead_host_is_obeyed_and_kills_nobody(chassis, folder):
    assert answer(chassis, "set", ["power", "0"]) == 0
    assert operations(folder) == [["set", ["power", "0"]]]


def test_on_of_a_living_host_starts_nothing(chassis, folder):
    chassis.power_on()
    pid = processes.read_pid(f"{folder}/pid")
    answer(chassis, "set", ["power", "1"])
    assert processes.read_pid(f"{folder}/pid") == pid
    assert [operation for operation, _arguments in operations(folder)] == ["started", "set"]


def test_reset_leaves_another_process(chassis, folder):
    chassis.power_on()
    pid = processes.read_pid(f"{folder}/pid")
    answer(chassis, "set", ["reset", "0"])
    assert chassis.powered
    assert processes.read_pid(f"{folder}/pid") != pid


@pytest.mark.parametrize("command", ["power", "shutdown", "reset"])
def test_stuck_accepts_and_the_process_lives_on(chassis, folder, command):
    chassis.power_on()
    pid = processes.read_pid(f"{folder}/pid")
    (folder / "mode").write_text("stuck")
    assert answer(chassis, "set", [command, "0"]) == 0
    assert chassis.powered
    assert processes.read_pid(f"{folder}/pid") == pid


def test_slow_takes_seconds_for_each_command(chassis, folder, monkeypatch):
    slept = []
    monkeypatch.setattr(module.time, "sleep", slept.append)
    (folder / "mode").write_text("slow")
    answer(chassis, "get", ["power"])
    assert slept == [module.SLOW_SECONDS]


def test_anothers_process_with_the_recorded_pid_is_not_this_host(chassis, folder):
    (folder / "pid").write_text(str(os.getpid()))
    assert not chassis.powered
    chassis.power_off()


def test_an_unknown_parameter_is_refused(chassis, capsys):
    assert answer(chassis, "get", ["colour"]) == 1
    assert "Invalid parameter: colour" in capsys.readouterr().out
    assert answer(chassis, "set", ["colour", "1"]) == 1
    assert answer(chassis, "check", []) == 1


def test_every_parameter_of_a_long_command_is_obeyed(chassis):
    assert answer(chassis, "set", ["boot", "pxe", "identify", "15", "0", "power", "1"]) == 0
    assert chassis.powered


def test_the_process_survives_the_bmc_that_started_it(folder):
    """As ipmi_sim calls it: a program of its own, that is killed with its whole session."""
    bmc = subprocess.Popen(
        [sys.executable, "-P", "-S", f"{SOURCE}/chassis.py", str(folder), "set", "power", "1"],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        start_new_session=True,
    )
    assert bmc.wait(20) == 0
    pid = processes.read_pid(f"{folder}/pid")
    assert os.getsid(pid) == pid != bmc.pid
    assert Chassis(str(folder)).powered
