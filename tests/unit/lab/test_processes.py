# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab's processes are known by their marks: all of them, and only them."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.lab import processes


@pytest.fixture
def start(tmp_path):
    """start(lab, unit, argv) -> pid; both labs are stopped afterwards."""
    labs = set()

    def started(lab, unit, argv=("sleep", "1000")):
        labs.add(f"{tmp_path}/{lab}")
        return processes.spawn(
            f"{tmp_path}/{lab}", unit, argv, pid_file=f"{tmp_path}/{unit}.pid", log=f"{tmp_path}/{unit}.log"
        )

    yield started
    for lab in labs:
        processes.kill_lab(lab)


def test_a_process_is_alive_only_as_the_unit_it_was_started_as(start, tmp_path):
    start("a", "api")
    assert processes.alive(f"{tmp_path}/a", "api", f"{tmp_path}/api.pid")
    assert not processes.alive(f"{tmp_path}/a", "other", f"{tmp_path}/api.pid")
    assert not processes.alive(f"{tmp_path}/b", "api", f"{tmp_path}/api.pid")


def test_one_lab_is_killed_and_the_other_lives(start, tmp_path):
    start("a", "one")
    start("a", "two")
    other = start("ab", "three")
    assert processes.kill_lab(f"{tmp_path}/a") == 2
    assert list(processes.of_lab(f"{tmp_path}/a")) == []
    assert list(processes.of_lab(f"{tmp_path}/ab")) == [(other, "three")]


def test_children_of_a_unit_are_stopped_with_it(start, tmp_path):
    start("a", "parent", ["sh", "-c", "sleep 1000 & sleep 1000 & wait"])
    deadline = time.monotonic() + 5
    while len(processes.of_unit(f"{tmp_path}/a", "parent")) < 3:
        assert time.monotonic() < deadline
    processes.stop_unit(f"{tmp_path}/a", "parent", grace=0)
    assert processes.of_unit(f"{tmp_path}/a", "parent") == []


def test_what_ignores_the_term_is_killed_after_the_grace(start, tmp_path):
    start("a", "deaf", ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"])
    while "deaf" not in (tmp_path / "deaf.log").read_text():
        time.sleep(0.01)
    processes.stop_unit(f"{tmp_path}/a", "deaf", grace=0.3)
    assert processes.of_unit(f"{tmp_path}/a", "deaf") == []


def test_a_stopped_process_hears_the_term(start, tmp_path):
    pid = start("a", "frozen")
    os.kill(pid, signal.SIGSTOP)
    started = time.monotonic()
    processes.stop_unit(f"{tmp_path}/a", "frozen", grace=30)
    assert time.monotonic() - started < 10


def test_a_process_is_nobodys_child_and_leaves_no_zombie(start, tmp_path):
    pid = start("a", "orphan")
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def test_output_goes_to_the_log_and_the_environment_is_added_to_ours(tmp_path):
    processes.spawn(
        f"{tmp_path}/a",
        "shell",
        ["sh", "-c", 'echo "$COLOUR"; echo oops >&2'],
        pid_file=f"{tmp_path}/pid",
        log=f"{tmp_path}/log",
        env={"COLOUR": "blue"},
    )
    deadline = time.monotonic() + 5
    while (tmp_path / "log").read_text() != "blue\noops\n":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_process_that_shows_no_marks_for_a_moment_is_still_killed(start, tmp_path):
    pid = start("a", "shy")
    answers = iter([[], [pid]])
    processes.kill(lambda: next(answers, []), "shy")
    assert list(processes.of_lab(f"{tmp_path}/a")) == []


def test_a_process_is_seen_alive_from_the_first_moment_whatever_it_executes(start, tmp_path):
    chain = ["sh", "-c", "exec sh -c 'exec sh -c \"exec sleep 1000\"'"]
    for number in range(20):
        unit = f"unit-{number}"
        start("a", unit, chain)
        until = time.monotonic() + 0.05
        while time.monotonic() < until:
            assert processes.alive(f"{tmp_path}/a", unit, f"{tmp_path}/{unit}.pid")


def test_no_kernel_thread_is_waited_for(tmp_path):
    started = time.monotonic()
    assert list(processes.of_lab(f"{tmp_path}/none")) == []
    assert time.monotonic() - started < 2
