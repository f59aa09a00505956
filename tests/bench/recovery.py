# SPDX-License-Identifier: GPL-3.0-or-later
"""The same recovery of 20 servers by an ideal client and by the product. All times are seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.e2e import scenes
from tests.e2e.scenes import HOST
from tests.e2e.watchdog import Watchdog
from tests.lab.client import Lab

VICTIM = "compute-01"
SERVERS = 20
PARALLEL = 10
LOOK_SECONDS = 0.1
POLL_SECONDS = 0.5
PATIENCE_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Run:
    """first_accepted: since Nova showed the host down. last_active: since the first accepted evacuation."""

    first_accepted: float
    last_active: float


def measured(run: Callable[[], Run], times: int, say: Callable[[str], None], name: str) -> dict[str, Any]:
    """Medians, and every run."""
    runs = []
    for number in range(1, times + 1):
        runs.append(run())
        accepted, active = runs[-1].first_accepted, runs[-1].last_active
        say(f"{name}, run {number}: first accepted after {accepted:.2f} s, last ACTIVE {active:.2f} s later")
    return {
        "first_accepted_seconds": round(median(one.first_accepted for one in runs), 2),
        "first_accepted_to_last_active_seconds": round(median(one.last_active for one in runs), 2),
        "runs": [{name: round(value, 2) for name, value in asdict(one).items()} for one in runs],
    }


def ideal(lab: Lab) -> Run:
    """Sees the host down at once, forces it down, has ten evacuations in flight. No proof, no journal, no playbook."""
    ids = _prepare(lab)
    lab.kill(VICTIM)
    down = _wait_down(lab)
    lab.nova.set_service(VICTIM, forced_down=True)
    waiting, asked, first = list(ids), set(), 0.0
    with ThreadPoolExecutor(PARALLEL) as pool:
        while True:
            moved = _moved(lab, ids)
            if moved == set(ids):
                return Run(first - down, time.time() - first)
            batch = [waiting.pop(0) for _ in range(min(len(waiting), PARALLEL - len(asked - moved)))]
            accepted = [pool.submit(_evacuate, lab, server) for server in batch]
            asked |= set(batch)
            if accepted and not first:
                first = min(one.result() for one in accepted)
            time.sleep(POLL_SECONDS)


def product(lab: Lab, watchdog: Watchdog) -> Run:
    """The watchdog with loop_time 1, mutex 1 and IPMI fencing, as a process of its own."""
    ids = _prepare(lab)
    lab.kill(VICTIM)
    down = _wait_down(lab)
    deadline = time.time() + PATIENCE_SECONDS
    while _moved(lab, ids) != set(ids):
        assert time.time() < deadline, f"not all servers were moved within {PATIENCE_SECONDS} s"
        time.sleep(POLL_SECONDS)  # as often as the ideal client: each look costs Nova's API time
    last = time.time()
    watchdog.wait_state(VICTIM, "RECOVERED", 60)
    first = min(float(move["accepted_at"]) for move in watchdog.moves(VICTIM).values())
    lab.nova.delete(ids)
    lab.power(VICTIM, "on")
    watchdog.wait_state(VICTIM, "HEALTHY", 120)
    return Run(first - down, last - first)


def compare(lab: Lab, folder: Path, times: int, say: Callable[[str], None]) -> dict[str, Any]:
    lab.reset()

    def one_ideal() -> Run:
        run = ideal(lab)
        lab.reset()
        return run

    ideal_figures = measured(one_ideal, times, say, "ideal client")
    watchdog = Watchdog(lab, folder, node_tracker={"mutex": 1})
    watchdog.link(VICTIM)
    watchdog.start()
    try:
        product_figures = measured(lambda: product(lab, watchdog), times, say, "product")
    finally:
        watchdog.kill9()
    names = ("first_accepted_seconds", "first_accepted_to_last_active_seconds")
    ratios = {name: round(product_figures[name] / ideal_figures[name], 2) for name in names}
    return {"servers": SERVERS, "ideal": ideal_figures, "product": product_figures, "ratios": ratios}


def _prepare(lab: Lab) -> list[str]:
    ids = lab.nova.boot(SERVERS, VICTIM, prefix="bench")
    time.sleep(5)  # the boots' last work must not be measured
    return ids


def _wait_down(lab: Lab) -> float:
    while lab.nova.services()[VICTIM]["state"] != "down":
        time.sleep(LOOK_SECONDS)
    return time.time()


def _evacuate(lab: Lab, server: str) -> float:
    lab.nova.evacuate(server)
    return time.time()


def _moved(lab: Lab, ids: list[str]) -> set[str]:
    now = scenes.servers(lab)
    return {one for one in ids if now[one][HOST] != VICTIM and now[one]["status"] == "ACTIVE"}
