# SPDX-License-Identifier: GPL-3.0-or-later
"""The check's own promises: all steps run, one failure fails the whole, and the table says how to repeat it."""

import sys
from contextlib import contextmanager

from tools.dev import check
from tools.dev.running import Command, Outcome
from tools.dev.steps import STEPS, Step, chosen


def a_step(name, *programs, lane="the test's"):
    """Return a step whose commands are these Python programs."""

    @contextmanager
    def prepare():
        yield [Command(f"part {number}", (sys.executable, "-c", text)) for number, text in enumerate(programs)]

    return Step(name, "for the test", prepare, lane)


def test_a_failed_step_fails_the_check_and_the_steps_after_it_still_run(capfd):
    status = check.run([a_step("first", "raise SystemExit(3)"), a_step("second", "print('second ran')")])
    output = capfd.readouterr().out
    assert status == 1
    assert "second ran" in output
    assert "FAILED (3)" in output
    assert "first alone: ./dev test first" in output
    assert "second alone" not in output


def test_every_command_of_a_step_runs_although_one_failed(capfd):
    assert check.run([a_step("step", "raise SystemExit(1)", "print('the other ran')")]) == 1
    assert "the other ran" in capfd.readouterr().out


def test_a_check_without_failures_ends_well(capfd):
    assert check.run([a_step("step", "pass")]) == 0
    assert "FAILED" not in capfd.readouterr().out


def test_a_step_that_cannot_be_prepared_is_a_failed_one(capfd):
    def prepare():
        raise FileNotFoundError(2, "No such file", "git")

    assert check.run([Step("broken", "for the test", prepare), a_step("next", "print('next ran')")]) == 1
    output = capfd.readouterr().out
    assert "'git'" in output
    assert "next ran" in output


def test_a_program_that_is_missing_is_named_and_fails_its_step(capfd):
    @contextmanager
    def prepare():
        yield [Command("missing", ("no-such-program",))]

    assert check.run([Step("step", "for the test", prepare)]) == 1
    assert "no-such-program" in capfd.readouterr().out


def meeting(folder, ours, theirs):
    """Return a program that writes two lines, and between them meets the other one, which must run at the same time."""
    return f"""
import pathlib, time
folder = pathlib.Path({str(folder)!r})
print("{ours} begins", flush=True)
(folder / "{ours}").touch()
deadline = time.monotonic() + 30
while not (folder / "{theirs}").exists():
    assert time.monotonic() < deadline
    time.sleep(0.01)
print("{ours} ends")
"""


def test_steps_of_two_lanes_run_at_the_same_time_and_each_output_stays_in_one_piece(capfd, tmp_path):
    steps = [
        a_step("first", meeting(tmp_path, "a", "b"), lane="left"),
        a_step("second", meeting(tmp_path, "b", "a"), lane="right"),
    ]
    assert check.run(steps) == 0
    output = capfd.readouterr().out
    assert "a begins\na ends" in output
    assert "b begins\nb ends" in output


def test_the_total_names_the_failed_steps():
    step = a_step("lint")
    assert "FAILED: lint" in check.table([(step, [Outcome("ruff", 1, 0.5)])], 0.5)


def test_steps_asked_for_run_in_their_fixed_order():
    names = [step.name for step in STEPS]
    assert [step.name for step in chosen([names[2], names[0]])] == [names[0], names[2]]
