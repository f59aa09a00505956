# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints one JSON object; progress goes to standard error."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench import idle, recovery
from tests.lab.client import Lab

COLLECTIONS = Path(__file__).resolve().parents[2] / "collections"

DEFAULT_SLOT = 7
IDLE_HOSTS = (1_000, 10_000)
BEGAN = time.monotonic()


def say(text: str) -> None:
    print(f"{time.monotonic() - BEGAN:7.1f} s  {text}", file=sys.stderr, flush=True)


@contextmanager
def running(lab: Lab, **options: int) -> Iterator[None]:
    lab.down()
    lab.up(**options)
    try:
        yield
    finally:
        lab.down()


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev bench", description="The product beside an ideal client, on the lab.")
    parser.add_argument("--runs", type=int, default=3, help="of each recovery; medians are printed (default 3)")
    parser.add_argument("--cycles", type=int, default=60, help="of the idle watchdog (default 60)")
    parser.add_argument("--only", choices=("recovery", "idle", "power"), help="one part only")
    arguments = parser.parse_args()
    lab = Lab(int(os.environ.get("AOS_LAB_SLOT", DEFAULT_SLOT)))
    figures: dict[str, object] = {"machine": {"cores": os.cpu_count(), "python": platform.python_version()}}
    with tempfile.TemporaryDirectory() as folder:
        if arguments.only in (None, "power"):
            sys.path.insert(0, str(COLLECTIONS))
            from tests.bench import power  # here: it imports the collection

            figures["power"] = power.measure(Path(folder) / "power", say)
        if arguments.only in (None, "recovery"):
            with running(lab, hosts=5):
                figures["recovery"] = recovery.compare(lab, Path(folder) / "recovery", arguments.runs, say)
        if arguments.only in (None, "idle"):
            # thousands of heartbeats come late on a small machine: none of them may look down for that
            with running(lab, hosts=1, report_interval=10, service_down_time=300):
                figures["idle"] = [
                    idle.cost(lab, Path(folder) / str(count), count, arguments.cycles, say) for count in IDLE_HOSTS
                ]
    print(json.dumps(figures, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
