# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole check: every step is run, whatever failed before it, and a table tells how each part ended."""

import subprocess
import time
from collections.abc import Sequence

from tools.dev.running import Outcome, run_command
from tools.dev.steps import Step

WIDTH = 68


def run_step(step: Step) -> list[Outcome]:
    """Run the step's commands in order; a step that cannot even be prepared is one failed outcome."""
    print(f"\n=== {step.name}: {step.purpose}", flush=True)
    started = time.monotonic()
    try:
        with step.prepare() as commands:
            return [run_command(command) for command in commands]
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"{step.name}: {error}", flush=True)
        return [Outcome("preparation", 1, time.monotonic() - started)]


def table(results: Sequence[tuple[Step, Sequence[Outcome]]], seconds: float) -> str:
    """Return the summary: step, part, seconds, verdict; the total; and how to run each failed step alone."""
    lines = ["", f"{'step':<13}{'part':<37}{'seconds':>8}  verdict", "-" * WIDTH]
    for step, outcomes in results:
        for outcome in outcomes:
            verdict = "ok" if outcome.passed else f"FAILED ({outcome.status})"
            lines.append(f"{step.name:<13}{outcome.title:<37}{outcome.seconds:>8.1f}  {verdict}")
    failed = [step.name for step, outcomes in results if not all(outcome.passed for outcome in outcomes)]
    lines.append("-" * WIDTH)
    lines.append(f"{'total':<50}{seconds:>8.1f}  {'FAILED: ' + ', '.join(failed) if failed else 'ok'}")
    lines.extend(f"{name} alone: ./dev test {name}" for name in failed)
    return "\n".join(lines)


def run(steps: Sequence[Step]) -> int:
    """Run the steps, print the table; 0 only if every command of every step passed."""
    started = time.monotonic()
    results = [(step, run_step(step)) for step in steps]
    print(table(results, time.monotonic() - started), flush=True)
    return 0 if all(outcome.passed for _, outcomes in results for outcome in outcomes) else 1
