# SPDX-License-Identifier: GPL-3.0-or-later
"""Thousands of hosts for load tests: rows in Nova's tables with a heartbeat but no process."""

from __future__ import annotations

import uuid
from collections.abc import Callable

PREFIX = "synth-"
BATCH = 1000


class SyntheticHosts:
    def __init__(self, sql: Callable[[str], list[list[str]]]) -> None:
        self._sql = sql

    def add(self, count: int) -> list[str]:
        """Named synth-00000 and so on, all up; returns the names. Those of before are removed."""
        self.remove()
        cell = self._sql("SELECT id FROM nova_api.cell_mappings WHERE name = 'cell1'")[0][0]
        version = self._sql("SELECT max(version) FROM nova_cell1.services WHERE `binary` = 'nova-compute'")[0][0]
        names = [f"{PREFIX}{number:05d}" for number in range(count)]
        now = "utc_timestamp(), utc_timestamp()"
        for start in range(0, count, BATCH):
            batch = names[start : start + BATCH]
            self._insert(
                "nova_cell1.services (created_at, updated_at, deleted, host, `binary`, topic, report_count, disabled,"
                " last_seen_up, forced_down, version, uuid)",
                [
                    f"({now}, 0, '{name}', 'nova-compute', 'compute', 1, 0, utc_timestamp(), 0, {version},"
                    f" '{uuid.uuid4()}')"
                    for name in batch
                ],
            )
            self._insert(
                "nova_cell1.compute_nodes (created_at, updated_at, deleted, host, hypervisor_hostname, vcpus,"
                " memory_mb, local_gb, vcpus_used, memory_mb_used, local_gb_used, hypervisor_type,"
                " hypervisor_version, cpu_info, disk_available_least, free_ram_mb, free_disk_gb, current_workload,"
                " running_vms, host_ip, supported_instances, metrics, stats, cpu_allocation_ratio,"
                " ram_allocation_ratio, disk_allocation_ratio, uuid, mapped)",
                [
                    f"({now}, 0, '{name}', '{name}', 64, 262144, 2000, 0, 512, 0, 'fake', 1000, '{{}}', 0, 261632,"
                    f" 2000, 0, 0, '127.0.0.1', '[]', '[]', '{{}}', 16, 1, 1, '{uuid.uuid4()}', 1)"
                    for name in batch
                ],
            )
            self._insert(
                "nova_api.host_mappings (created_at, cell_id, host)",
                [f"(utc_timestamp(), {cell}, '{name}')" for name in batch],
            )
        return names

    def refresh(self) -> None:
        """One heartbeat of all of them."""
        self._sql(
            "UPDATE nova_cell1.services SET last_seen_up = utc_timestamp(), updated_at = utc_timestamp(),"
            f" report_count = report_count + 1 WHERE host LIKE '{PREFIX}%' AND forced_down = 0"
        )

    def remove(self) -> None:
        for table in ("nova_cell1.services", "nova_cell1.compute_nodes", "nova_api.host_mappings"):
            self._sql(f"DELETE FROM {table} WHERE host LIKE '{PREFIX}%'")

    def _insert(self, target: str, rows: list[str]) -> None:
        self._sql(f"INSERT INTO {target} VALUES {','.join(rows)}")
