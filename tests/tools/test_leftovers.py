# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run leaves behind is found by its mark, named and ended; nothing else is touched."""

import os
import subprocess
import sys
import time
import uuid

import pytest

from tools.dev import leftovers


@pytest.fixture
def start():
    """Yield a function that starts a sleeping process, deaf to SIGTERM if asked, in a session of its own."""
    processes = []

    def started(mark, deaf=False):
        deafness = "signal.signal(signal.SIGTERM, signal.SIG_IGN);" if deaf else ""
        process = subprocess.Popen(
            [sys.executable, "-c", f"import signal, time; {deafness} print(flush=True); time.sleep(60)"],
            env={**os.environ, "AOS_RUN_MARK": mark},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        processes.append(process)
        process.stdout.readline()
        return process

    yield started
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def mark():
    return uuid.uuid4().hex


def ended(process):
    """Return whether the process ends within five seconds."""
    deadline = time.monotonic() + 5
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return process.poll() is not None


def test_a_process_left_behind_is_named_and_ended(start, mark, capsys):
    process = start(mark)
    assert leftovers.main(mark) == 1
    assert f"left behind: {process.pid} {sys.executable}" in capsys.readouterr().out
    assert ended(process)


def test_a_process_deaf_to_sigterm_is_killed(start, mark, monkeypatch):
    monkeypatch.setattr(leftovers, "GRACE_SECONDS", 0.3)
    process = start(mark, deaf=True)
    assert leftovers.main(mark) == 1
    assert ended(process)


def test_processes_of_another_run_are_left_alone(start, mark):
    process = start(f"{mark}-other")
    assert leftovers.main(mark) == 0
    assert process.poll() is None


def test_the_run_does_not_end_itself(mark):
    program = (
        "import subprocess, sys;sys.exit(subprocess.call([sys.executable, '-m', 'tools.dev.leftovers', sys.argv[1]]))"
    )
    done = subprocess.run([sys.executable, "-c", program, mark], env={**os.environ, "AOS_RUN_MARK": mark}, check=False)
    assert done.returncode == 0
