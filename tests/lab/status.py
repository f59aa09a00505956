# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.lab import network, processes
from tests.lab.client import Lab
from tests.lab.rest import RestError


def print_status(lab: Lab) -> None:
    print(f"Lab on slot {lab.plan.slot} in {lab.plan.folder}\n")
    _print_table([("SERVICE", "PID", "STATE"), *service_rows(lab)])
    print()
    _print_table([("HOST", "COMPUTE", "NETWORK", "NOVA", "BMC", "BMC MODE"), *host_rows(lab)])


def service_rows(lab: Lab) -> list[Sequence[str]]:
    return [
        (name, str(processes.read_pid(f"{lab.plan.pids}/{name}")) if runs else "-", "running" if runs else "stopped")
        for name, runs in lab.services().items()
    ]


def host_rows(lab: Lab) -> list[Sequence[str]]:
    try:
        services = lab.nova.services()
    except RestError:
        services = {}
    rows: list[Sequence[str]] = []
    for name in lab.hosts:
        host, bmc = lab.host(name), lab.bmc_of(name)
        rows.append(
            (
                name,
                "alive" if lab.compute_alive(name) else "dead",
                "cut" if network.is_cut(host) else "joined",
                nova_state(services.get(name)),
                f"{host.bmc_address}:623",
                bmc.mode() if bmc.alive() else "dead",
            )
        )
    return rows


def nova_state(service: dict[str, Any] | None) -> str:
    if service is None:
        return "unknown"
    return " ".join([service["state"], service["status"], *(["forced down"] if service["forced_down"] else [])])


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
