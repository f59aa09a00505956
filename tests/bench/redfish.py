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


def measured(bmc: RedfishBmc, call: t.Callable[[], object], left: str) -> float:
    """Return the median seconds of several calls, each with a host that is on; check the state it is left in."""
    seconds = []
    for _turn in range(TURNS):
        bmc.host_is("on")
        started = time.monotonic()
        call()
        seconds.append(time.monotonic() - started)
        if bmc.device.read(5) != left:
            raise SystemExit(f"the host is not {left}")
    return round(statistics.median(seconds), 2)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        bmc = RedfishBmc(Path(folder), "compute-01", delay=0, beyond_latin_1="")
        inside: list[float] = []

        def off() -> None:
            inside.append(module(bmc, "power", state="off")["power"]["duration"])

        try:
            figures = {
                "status": {
                    "power_info": measured(bmc, lambda: module(bmc, "power_info"), "on"),
                    "fence_redfish": measured(bmc, lambda: fence_agent(bmc, "status"), "on"),
                },
                "confirmed off": {
                    "power": measured(bmc, off, "off"),
                    "power, its own duration": round(statistics.median(inside), 2),
                    "power, off_readings 1": measured(
                        bmc, lambda: module(bmc, "power", state="off", off_readings=1), "off"
                    ),
                    "fence_redfish": measured(bmc, lambda: fence_agent(bmc, "off"), "off"),
                },
            }
        finally:
            bmc.close()
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
