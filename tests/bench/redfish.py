# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules beside fence_redfish (Debian package fence-agents) on one emulated controller.

Run as `PYTHONPATH=collections .venv/bin/python -m tests.bench.redfish`. Each call is a program of its own, with its
defaults, and verifies the certificate. The emulated host obeys at once. Prints medians as JSON, in seconds.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

from tests.integration.power.redfish_bmc import USERNAME, RedfishBmc

ROOT = Path(__file__).resolve().parents[2]
MODULES = "ansible_collections.aos.cloud_manager.plugins.modules"
TURNS = 5


def module(bmc: RedfishBmc, name: str, **more: t.Any) -> dict[str, t.Any]:
    arguments = {"name": bmc.host, "controls": [bmc.item()]} | more
    done = subprocess.run(
        [sys.executable, "-m", f"{MODULES}.{name}"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        env=os.environ | {"PYTHONPATH": str(ROOT / "collections"), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"the module {name} failed: {done.stdout} {done.stderr}")
    result: dict[str, t.Any] = json.loads(done.stdout)
    return result


def fence_agent(bmc: RedfishBmc, action: str) -> None:
    options = {"action": action, "ip": bmc.item()["address"], "ipport": bmc.port, "username": USERNAME}
    options |= {"password": bmc.password, "ssl_secure": 1, "quiet": 1}
    done = subprocess.run(
        ["fence_redfish"],
        input="".join(f"{name}={value}\n" for name, value in options.items()),
        env=os.environ | {"REQUESTS_CA_BUNDLE": bmc.ca_cert},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 2):  # 2: the status is off
        raise SystemExit(f"fence_redfish failed: {done.stdout} {done.stderr}")


def seconds(bmc: RedfishBmc, call: t.Callable[[], object], left: str) -> float:
    """Return how long a call takes for a host that is on; check the state it is left in."""
    bmc.host_is("on")
    started = time.monotonic()
    call()
    taken = time.monotonic() - started
    if bmc.device.read(5) != left:
        raise SystemExit(f"the host is not {left}")
    return taken


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        bmc = RedfishBmc(Path(folder), "compute-01", delay=0, beyond_latin_1="")
        own: list[float] = []
        calls: dict[str, tuple[t.Callable[[], object], str]] = {
            "status, power_info": (lambda: module(bmc, "power_info"), "on"),
            "status, fence_redfish": (lambda: fence_agent(bmc, "status"), "on"),
            "off, power": (lambda: own.append(module(bmc, "power", state="off")["power"]["duration"]), "off"),
            "off, power with off_readings 1": (lambda: module(bmc, "power", state="off", off_readings=1), "off"),
            "off, fence_redfish": (lambda: fence_agent(bmc, "off"), "off"),
        }
        taken: dict[str, list[float]] = {name: [] for name in calls}
        try:
            for _turn in range(TURNS):  # by turns, so that all of them meet the same load
                for name, (call, left) in calls.items():
                    taken[name].append(seconds(bmc, call, left))
        finally:
            bmc.close()
    taken["off, power: its own duration"] = own
    print(json.dumps({name: round(statistics.median(values), 2) for name, values in taken.items()}, indent=2))


if __name__ == "__main__":
    main()
