# SPDX-License-Identifier: GPL-3.0-or-later
"""The watchdog's INI file for a lab: everything is as fast as the lab's heartbeats allow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.lab.client import Lab
from tests.lab.plan import REPOSITORY

Settings = Mapping[str, Mapping[str, object]]

# Nobody but the test and the recovery that it is about asks a BMC: check_interval is 0.
# The lab's Nova calls a host down 10 s after its last heartbeat: settle_seconds must be longer.
QUICK: Settings = {
    "node_tracker": {"loop_time": 1, "mutex": 2, "max_down_hosts": 1},
    "host_tasks": {"prioritized_evacuation_timeout": 3, "retries_wait_for_vm_status": 120},
    "fencing": {"timeout": 6, "reading_interval": 0.2, "check_interval": 0},
    "recovery": {"poll_interval": 0.5, "settle_seconds": 15, "retry_interval": 5, "retry_interval_max": 20},
    "executor": {"stop_timeout": 5},
    "leadership": {"ttl": 15},
}


def of_lab(lab: Lab, folder: Path, database_url: str) -> Settings:
    """What ties a watchdog to this lab and to its own folder."""
    return {
        "database": {"url": database_url},
        "cloud": {"cloud": "lab", "clouds_yaml": lab.clouds_yaml},
        "executor": {
            "state_dir": folder / "state",
            "run_dir": folder / "run",
            "collections_path": REPOSITORY / "collections",
        },
    }


def merged(*layers: Settings) -> dict[str, dict[str, object]]:
    """Parameter by parameter; a later layer wins."""
    result: dict[str, dict[str, object]] = {}
    for layer in layers:
        for section, parameters in layer.items():
            result.setdefault(section, {}).update(parameters)
    return result


def as_ini(settings: Settings) -> str:
    """oslo.config takes $ for a reference: it is doubled."""
    lines = []
    for section, parameters in settings.items():
        lines += [f"[{section}]", *(f"{name} = {_text(value)}" for name, value in parameters.items()), ""]
    return "\n".join(lines)


def _text(value: object) -> str:
    listed = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return listed.replace("$", "$$")
