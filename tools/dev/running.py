# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands as values, run with their output passed through, or shown whole where others run at the same time."""

import os
import shlex
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Held while a command's whole output is shown.
_SHOWING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a step: its name in the summary, its arguments, where and with what added environment it runs."""

    title: str
    arguments: tuple[str, ...]
    folder: Path = ROOT
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a command ended: exit status (negative: ended by that signal) and seconds of wall time."""

    title: str
    status: int
    seconds: float

    @property
    def passed(self) -> bool:
        return self.status == 0


def run_command(command: Command, whole: bool = False) -> Outcome:
    """Run the command to its end, its input empty. whole: its output is shown when it has ended, in one piece."""
    show(f"\n--- {command.title}: {shlex.join(command.arguments)}")
    started = time.monotonic()
    try:
        done = subprocess.run(
            command.arguments,
            cwd=command.folder,
            env={**os.environ, **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if whole else None,
            stderr=subprocess.STDOUT if whole else None,
            check=False,
        )
    except OSError as error:
        show(f"{command.title}: {error}")
        return Outcome(command.title, 127, time.monotonic() - started)
    outcome = Outcome(command.title, done.returncode, time.monotonic() - started)
    if whole:
        said = done.stdout.decode(errors="replace").rstrip()
        show(f"\n--- {command.title} ended with {outcome.status} after {outcome.seconds:.0f} s, it said:\n{said}")
    return outcome


def show(text: str) -> None:
    """Print the text without another thread's within it."""
    with _SHOWING:
        print(text, flush=True)
