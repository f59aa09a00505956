# SPDX-License-Identifier: GPL-3.0-or-later
"""What ./dev says to those who ask it for help or for something that it has not."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.dev import check
from tools.dev.__main__ import main
from tools.dev.steps import STEPS

ROOT = Path(__file__).parents[2]


def dev(*arguments):
    """Run ./dev without its preparation of the environment."""
    return subprocess.run(
        [sys.executable, "-m", "tools.dev", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"]])
def test_help_names_every_command_and_step(arguments):
    done = dev(*arguments)
    assert done.returncode == 0
    for word in ("demo", "test", "bench", "lint", "unit", "lab", "docs", *(step.name for step in STEPS)):
        assert word in done.stdout


def test_an_unknown_command_is_named():
    done = dev("tets")
    assert done.returncode == 2
    assert "'tets'" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_step_is_named_with_those_there_are():
    done = dev("test", "lints")
    assert done.returncode == 2
    assert "'lints'" in done.stderr
    assert "integration" in done.stderr


def test_a_program_of_its_own_gets_all_its_arguments():
    done = dev("unit", "--version")
    assert done.returncode == 0
    assert done.stdout.startswith("pytest ")


def test_the_bare_test_command_runs_every_step_in_order(monkeypatch):
    run = []
    monkeypatch.setattr(check, "run", lambda chosen: run.extend(chosen) or 0)
    monkeypatch.chdir(ROOT)
    assert main(["test"]) == 0
    assert run == list(STEPS)
