# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts: how to start and kill a nova-compute, through its chassis."""

from __future__ import annotations

import json
from pathlib import Path

from tests.lab.chassis import Chassis
from tests.lab.configuration import Configuration
from tests.lab.control_plane import environment
from tests.lab.plan import SOURCE, Host, Plan
from tests.lab.record import write_private


def unit(host: Host) -> str:
    return f"nova-compute:{host.name}"


def prepare(plan: Plan, venv: Path, configuration: Configuration, host: Host) -> None:
    """Write what its chassis needs to start it."""
    host.folder.mkdir(parents=True, exist_ok=True)
    nova_conf = configuration.write_compute(host)
    compute = {
        "lab": str(plan.folder),
        "unit": unit(host),
        "argv": [
            "ip",
            "netns",
            "exec",
            host.namespace,
            f"{venv}/bin/python",
            f"{SOURCE}/in_venv/compute.py",
            f"{host.folder}/ready",
            "--config-file",
            str(nova_conf),
        ],
        "env": environment(venv),
        "log": f"{plan.logs}/nova-{host.name}.log",
    }
    write_private(host.folder / "compute.json", json.dumps(compute))


def chassis(host: Host) -> Chassis:
    return Chassis(str(host.folder))


def ready(host: Host) -> bool:
    """It runs and takes requests; Nova may need a heartbeat more to say so."""
    return (host.folder / "ready").exists() and chassis(host).powered
