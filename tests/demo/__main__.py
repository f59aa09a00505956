# SPDX-License-Identifier: GPL-3.0-or-later
"""`./dev demo`: the main job on the embedded database. Exit status 0 only if every server is recovered."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.demo import story
from tests.demo.picture import SENTENCES, Picture
from tests.demo.screen import screen_for, summary
from tests.demo.story import GROUP_INTERVAL, GROUPS, HOSTS, VICTIM, Stage
from tests.e2e.watchdog import Watchdog
from tests.lab.client import Lab
from tests.lab.errors import LabError
from tests.lab.progress import Progress
from tests.lab.rest import RestError

# Labs of other programs are on lower slots.
SLOT = 9


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(prog="./dev demo", description=sys.modules["tests.demo"].__doc__)
    root.add_argument(
        "--keep-lab", action="store_true", help="leave the lab running afterwards: ./dev lab --slot N ..."
    )
    root.add_argument("--slot", type=int, default=SLOT, metavar="N", help=f"slot of the lab, 0 to 9 (default {SLOT})")
    return root


def main() -> int:
    arguments = parser().parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        lab = Lab(arguments.slot)
        with the_lab(lab, arguments.keep_lab), the_watchdog(lab) as watchdog:
            return play(lab, watchdog)
    except (LabError, RestError, TimeoutError, AssertionError, RuntimeError) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr)
        return 130


def play(lab: Lab, watchdog: Watchdog) -> int:
    """0 if every server is ACTIVE on another host in the end."""
    progress, stage = Progress(), Stage(lab, watchdog)
    count = sum(group.count for group in GROUPS)
    with progress.step(f"{count} servers on {VICTIM}; watchdog on SQLite, its power control verified"):
        picture = stage.prepare()
    print(
        f"\nNow {VICTIM} loses its power. Nova needs 10 s without a heartbeat to notice it."
        "\nThe watchdog looks every second (default: 30 s) and wants 2 looks that say down (default: 3)."
        f"\nA group of lower priority starts {GROUP_INTERVAL} s after the one before (default: 60 s).\n",
        flush=True,
    )
    picture.cut_at = lab.kill(VICTIM)
    recovered = stage.follow(picture, screen_for(sys.stdout, len(SENTENCES) + len(picture.servers) + 4))
    watchdog.stop()
    print(f"\n{summary(picture)}\n\n{verdict(picture)}", flush=True)
    if not recovered:
        print(f"\n{watchdog.story()}", file=sys.stderr)
    return 0 if recovered else 1


def verdict(picture: Picture) -> str:
    total = len(picture.servers)
    if picture.complete:
        return f"All {total} servers of {VICTIM} are recovered."
    return f"NOT recovered: {total - picture.back} of {total} servers of {VICTIM}."


@contextmanager
def the_lab(lab: Lab, keep: bool) -> Iterator[None]:
    """Made and removed; one that runs already on this slot is emptied, used and left."""
    running = lab.is_up()
    try:
        print(
            "An OpenStack of its own: keystone, placement, glance, neutron, nova; hypervisors with IPMI power",
            flush=True,
        )
        lab.up(hosts=HOSTS)
        if running:
            with Progress().step("lab was running already: emptied"):
                lab.reset()
        yield
    finally:
        if not (running or keep):
            with undisturbed():
                lab.down()


@contextmanager
def the_watchdog(lab: Lab) -> Iterator[Watchdog]:
    """In a folder that goes with it, unless something went wrong: then its logs tell more."""
    folder = Path(tempfile.mkdtemp(prefix="aos-demo-"))
    watchdog, broken = story.watchdog(lab, folder), False
    try:
        yield watchdog
    except Exception:
        broken = True
        print(f"\ndemo: the watchdog's files are in {folder}", file=sys.stderr)
        raise
    finally:
        with undisturbed():
            watchdog.kill9()
            if not broken:
                shutil.rmtree(folder)


@contextmanager
def undisturbed() -> Iterator[None]:
    """A second Ctrl-C must not stop the clearing up."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


if __name__ == "__main__":
    sys.exit(main())
