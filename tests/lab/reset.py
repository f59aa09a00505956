# SPDX-License-Identifier: GPL-3.0-or-later
"""Back to a sound and empty lab, as fast as possible: tests do it between each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab import computes, network

if TYPE_CHECKING:
    from tests.lab.client import Lab

# All that is known of servers. Deleting 20 of them through Nova's API takes 10 s on two busy cores.
CELL_TABLES = (
    "block_device_mapping",
    "instance_actions",
    "instance_actions_events",
    "instance_extra",
    "instance_faults",
    "instance_id_mappings",
    "instance_info_caches",
    "instance_metadata",
    "instance_system_metadata",
    "instances",
    "migrations",
)
TABLES = (
    *(f"{cell}.{table}" for cell in ("nova_cell0", "nova_cell1") for table in CELL_TABLES),
    "nova_api.build_requests",
    "nova_api.instance_mappings",
    "nova_api.request_specs",
    "placement.allocations",
    "placement.consumers",
)


def reset(lab: Lab) -> None:
    stopped = [service for service, runs in lab.services().items() if not runs]
    for service in stopped:
        lab.start(service)
    # Before any compute starts: it would look after servers that vanish under its hands.
    _forget_servers(lab)
    lab.remove_synthetic()
    for host in map(lab.host, lab.hosts):
        lab.bmc(host.name, "ok")
        lab.spawn_mode(host.name, "")
        if network.is_cut(host):
            # Its connections would need as long to recover as it was cut off.
            lab.kill(host.name)
            network.heal(host)
        computes.chassis(host).power_on()
    _allow_up(lab)
    lab.wait_computes()
    if stopped:
        _wait_heartbeats(lab)
    _enable(lab)


def _forget_servers(lab: Lab) -> None:
    lab.sql("SET FOREIGN_KEY_CHECKS = 0;" + "".join(f"DELETE FROM {table};" for table in TABLES))


def _wait_heartbeats(lab: Lab) -> None:
    """A host that lost its connection to a stopped service still counts as up for a while."""

    def heartbeats() -> dict[str, str]:
        return {name: service["updated_at"] for name, service in lab.nova.services().items()}

    before = heartbeats()
    lab.nova.wait(lambda: not before.items() & heartbeats().items(), 120, "a heartbeat of every compute")


def _allow_up(lab: Lab) -> None:
    for name, service in lab.nova.services().items():
        if service["forced_down"]:
            lab.nova.set_service(name, forced_down=False)


def _enable(lab: Lab) -> None:
    """Nova tells the scheduler of it (by a trait in placement) only for hosts that are up."""
    marked = lab.sql(
        "SELECT p.name FROM placement.resource_provider_traits AS rt"
        " JOIN placement.resource_providers AS p ON p.id = rt.resource_provider_id"
        " JOIN placement.traits AS t ON t.id = rt.trait_id WHERE t.name = 'COMPUTE_STATUS_DISABLED'"
    )
    for name, service in lab.nova.services().items():
        if service["status"] != "enabled" or [name] in marked:
            lab.nova.set_service(name, status="disabled")
            lab.nova.set_service(name, status="enabled")
