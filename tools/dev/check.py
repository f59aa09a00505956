# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole check: every step is run, whatever failed before it, and a table tells how each part ended.

Steps of different lanes run at the same time.
"""

import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tools.dev.running import Outcome, run_command, show
from tools.dev.steps import Step

WIDTH = 68


Results = list[tuple[Step, list[Outcome]]]


def run_lane(steps: Sequence[Step], alone: bool) -> Results:
    """Run the steps in order. alone: no other lane runs, so that output can be passed through as it comes."""
    return [(step, run_step(step, alone)) for step in steps]


def run_step(step: Step, alone: bool = True) -> list[Outcome]:
    """Run the step's commands in order; a step that cannot even be prepared is one failed outcome."""
    show(f"\n=== {step.name}: {step.purpose}")
    started = time.monotonic()
    try:
        with step.prepare() as commands:
            return [run_command(command, whole=not alone) for command in commands]
    except (OSError, subprocess.CalledProcessError) as error:
        show(f"{step.name}: {error}")
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
    lanes = [[step for step in steps if step.lane == lane] for lane in dict.fromkeys(step.lane for step in steps)]
    with ThreadPoolExecutor(len(lanes)) as pool:
        running = [pool.submit(run_lane, lane, len(lanes) == 1) for lane in lanes]
        results = [result for lane in running for result in lane.result()]
    print(table(results, time.monotonic() - started), flush=True)
    return 0 if all(outcome.passed for _, outcomes in results for outcome in outcomes) else 1
