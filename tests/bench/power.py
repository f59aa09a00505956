# SPDX-License-Identifier: GPL-3.0-or-later
"""Fifty controllers switched at once, and one of them beside ipmitool and fence_ipmilan. All times are seconds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_switch import Limits
from tests.integration.power.bmc import USERNAME, Bmc
from tests.integration.power.fleet import fleet, right, switch_all

COUNT, TURNS, FROZEN = 50, 5, 5
LIMITS = Limits(30, 2, 0.5)  # the module's defaults
REPEATS = 7
PEERS = {"ipmitool": "ipmitool", "fence_ipmilan": "fence-agents"}
ROOT = Path(__file__).resolve().parents[2]

Say = Callable[[str], None]


def measure(folder: Path, say: Say) -> dict[str, Any]:
    missing = [package for program, package in PEERS.items() if shutil.which(program) is None]
    if missing:
        raise SystemExit(f"missing for the comparison: apt-get install --no-install-recommends {' '.join(missing)}")
    with fleet(folder / "fleet", COUNT) as bmcs:
        say(f"{COUNT} controllers answer")
        figures = {"many": many(bmcs, say)}
    with fleet(folder / "one", 1) as (bmc,):
        return figures | {"latency": latency(bmc, folder, say)}


def many(bmcs: list[Bmc], say: Say) -> dict[str, Any]:
    """All at once, several times; then once more with some of them frozen."""
    rights, seconds = 0, []
    for number in range(1, TURNS + 1):
        _all_on(bmcs)
        turn = switch_all(bmcs, "off", LIMITS)
        rights += right(bmcs, turn)
        seconds.append(round(turn.seconds, 2))
        say(f"turn {number}: {right(bmcs, turn)} of {len(bmcs)} confirmed off in {turn.seconds:.1f} s")
    _all_on(bmcs)
    for bmc in bmcs[:: COUNT // FROZEN]:
        bmc.fault("silent")
    frozen = switch_all(bmcs, "off", LIMITS)
    unknown = sum(
        power["result"] == "UNKNOWN" and "check its address" in power["message"] and bmc.host_state == "on"
        for bmc, power in zip(bmcs, frozen.powers, strict=True)
    )
    say(f"{FROZEN} frozen: {right(bmcs, frozen)} confirmed off, {unknown} UNKNOWN, in {frozen.seconds:.1f} s")
    return {
        "controllers": len(bmcs),
        "turns": TURNS,
        "right": rights,
        "of": len(bmcs) * TURNS,
        "seconds": seconds,
        "with_frozen": {
            "frozen": FROZEN,
            "right": right(bmcs, frozen),
            "unknown": unknown,
            "timeout": LIMITS.timeout,
            "seconds": round(frozen.seconds, 2),
        },
    }


def latency(bmc: Bmc, folder: Path, say: Say) -> dict[str, Any]:
    """Medians on one controller, the programs in turn, so that all of them see the same machine."""
    status: dict[str, Callable[[], None]] = {
        "aos": lambda: _expect(bmc.device.read(30), "on"),
        "aos_process": lambda: _module(bmc, folder, "power_info"),
        "ipmitool": lambda: _ipmitool(bmc),
        "fence_ipmilan": lambda: _fence(bmc, "status"),
    }
    off: dict[str, Callable[[], None]] = {
        "aos": lambda: _expect(switch_all([bmc], "off", LIMITS).results[0], "OFF_CONFIRMED"),
        "aos_process": lambda: _module(bmc, folder, "power", state="off"),
        "fence_ipmilan": lambda: _fence(bmc, "off"),
    }
    figures = {"power_status": _in_turn(bmc, status), "confirmed_off": _in_turn(bmc, off)}
    for name, seconds in figures.items():
        say(f"{name}: " + ", ".join(f"{who} {value:.3f} s" for who, value in seconds.items()))
    return {"repeats": REPEATS, **figures}


def _in_turn(bmc: Bmc, programs: dict[str, Callable[[], None]]) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for _turn in range(REPEATS):
        for name, run in programs.items():
            bmc.host_is("on")
            started = time.monotonic()
            run()
            taken[name].append(time.monotonic() - started)
    return {name: round(median(seconds), 3) for name, seconds in taken.items()}


def _all_on(bmcs: list[Bmc]) -> None:
    for bmc in bmcs:
        bmc.host_is("on")


def _expect(seen: str, wanted: str) -> None:
    if seen != wanted:
        raise RuntimeError(f"the power control shows {seen}, expected was {wanted}")


def _module(bmc: Bmc, folder: Path, name: str, **options: object) -> None:
    """The module as a program of its own, from the start of Python; Ansible usually runs it within itself."""
    arguments = {"name": bmc.host, "controls": [bmc.item()], **options}
    path = folder / "arguments.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps({"ANSIBLE_MODULE_ARGS": arguments}))
    module = f"ansible_collections.aos.cloud_manager.plugins.modules.{name}"
    _run([sys.executable, "-m", module, str(path)], PYTHONPATH=str(ROOT / "collections"))


def _ipmitool(bmc: Bmc) -> None:
    where = ["-H", bmc.address, "-p", str(bmc.port), "-U", USERNAME, "-E"]
    command = ["ipmitool", "-I", "lanplus", "-C", "3", *where, "chassis", "power", "status"]
    _run(command, IPMITOOL_PASSWORD=bmc.password)


def _fence(bmc: Bmc, action: str) -> None:
    settings = {"ip": bmc.address, "ipport": bmc.port, "username": USERNAME, "password": bmc.password}
    settings |= {"lanplus": 1, "cipher": 3, "action": action}
    _run(["fence_ipmilan"], "".join(f"{name}={value}\n" for name, value in settings.items()))


def _run(command: list[str], said: str = "", **environment: str) -> None:
    done = subprocess.run(
        command, input=said, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")
