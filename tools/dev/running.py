# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands as values, run one at a time with their output passed through."""

import os
import shlex
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


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


def run_command(command: Command) -> Outcome:
    """Run the command to its end; its output goes where ours goes, its input is empty."""
    print(f"\n--- {command.title}: {shlex.join(command.arguments)}", flush=True)
    started = time.monotonic()
    try:
        done = subprocess.run(
            command.arguments,
            cwd=command.folder,
            env={**os.environ, **command.environment},
            stdin=subprocess.DEVNULL,
            check=False,
        )
        status = done.returncode
    except OSError as error:
        print(f"{command.title}: {error}", flush=True)
        status = 127
    return Outcome(command.title, status, time.monotonic() - started)
