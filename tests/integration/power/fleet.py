# SPDX-License-Identifier: GPL-3.0-or-later
"""Many simulated controllers, switched at the same time, each by a process of its own as Ansible's forks do."""

from __future__ import annotations

import json
import time
import typing as t
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_fallback import HostSwitching
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Exchange
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_switch import Limits, NeverReached
from tests.integration.power.bmc import Bmc

SLACK_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Turn:
    """One switching of the whole fleet. powers: what the module would return as `power`, in the order of the fleet."""

    powers: list[dict[str, t.Any]]
    seconds: float

    @property
    def results(self) -> list[str]:
        return [power["result"] for power in self.powers]


@contextmanager
def fleet(folder: Path, count: int) -> Iterator[list[Bmc]]:
    """Start so many controllers; end them all."""
    with ExitStack() as stack:
        bmcs: list[Bmc] = []
        for number in range(1, count + 1):
            home = folder / str(number)
            home.mkdir(parents=True)
            bmcs.append(Bmc(home, f"compute-{number:03}", number))
            stack.callback(bmcs[-1].close)
        yield bmcs


def switch_all(bmcs: Sequence[Bmc], state: str, limits: Limits) -> Turn:
    """Switch all of them at once, and wait for the last."""
    started = time.monotonic()
    running = [Exchange(lambda bmc=bmc: _switched(bmc, state, limits), limits.timeout + SLACK_SECONDS) for bmc in bmcs]  # type: ignore[misc]
    powers = [json.loads(str(exchange.result())) for exchange in running]
    return Turn(powers, time.monotonic() - started)


def _switched(bmc: Bmc, state: str, limits: Limits) -> str:
    switching = HostSwitching([bmc.device], state, limits)
    try:
        power = switching.run()["power"]
    except NeverReached as error:
        power = error.facts["power"]
    return json.dumps(power)


def right(bmcs: Sequence[Bmc], turn: Turn) -> int:
    """How many were confirmed off and are off."""
    pairs = zip(bmcs, turn.results, strict=True)
    return sum(result == "OFF_CONFIRMED" and bmc.host_state == "off" for bmc, result in pairs)
