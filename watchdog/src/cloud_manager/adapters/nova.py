# SPDX-License-Identifier: GPL-3.0-or-later
"""Nova as the watchdog sees it: rows of JSON in, facts out, read only (Compute API reference).

Made for microversions 2.69 and newer, which answer with bare rows for cells that are down: no state means UNKNOWN.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from cloud_manager.adapters.nova_rows import Row, compute_host, merged, move, newest, server, timestamp
from cloud_manager.domain.facts import ComputeHost, Server
from cloud_manager.errors import CloudUnavailable
from cloud_manager.ports import CloudView, Move

PAGE = 500
COMPUTE = "nova-compute"

log = logging.getLogger(__name__)


class Get(Protocol):
    """GET below the compute endpoint; the answer's JSON. Raises CloudUnavailable."""

    def __call__(self, path: str, params: Mapping[str, str]) -> Any: ...


class NovaCloud:
    """ports.Cloud over the Compute API."""

    def __init__(self, get: Get) -> None:
        self._get = get
        self._complaints: frozenset[str] = frozenset()

    def look(self) -> CloudView:
        rows = _rows(self._get("/os-services", {}), "services", "os-services")
        hosts: dict[str, ComputeHost] = {}
        control_plane: dict[str, int] = {}
        nova_now: float | None = None
        complaints: set[str] = set()
        for row in rows:
            binary = row.get("binary")
            beat = timestamp(row.get("updated_at"))
            if beat is not None and (nova_now is None or beat > nova_now):
                nova_now = beat
            if binary == COMPUTE:
                host, complaint = compute_host(row)
                if complaint:
                    complaints.add(complaint)
                if host is not None:
                    hosts[host.name] = merged(hosts[host.name], host) if host.name in hosts else host
            elif isinstance(binary, str):
                control_plane[binary] = control_plane.get(binary, 0) + (row.get("state") == "up")
        self._complain(frozenset(complaints))
        return CloudView(hosts, control_plane, nova_now)

    def servers_on(self, host: str) -> tuple[Server, ...]:
        params = {"all_tenants": "1", "host": host}
        return tuple(found for row in self._pages("/servers/detail", "servers", params) if (found := server(row, host)))

    def moves_from(self, host: str, since: float) -> tuple[Move, ...]:
        params = {
            "migration_type": "evacuation",
            "source_compute": host,
            "changes-since": datetime.fromtimestamp(since, UTC).isoformat(timespec="seconds"),
        }
        rows = newest(row for row in self._pages("/os-migrations", "migrations", params, marker="uuid"))
        return tuple(move(row, host) for row in rows)

    def _pages(self, path: str, name: str, params: Mapping[str, str], marker: str = "id") -> Iterator[Row]:
        """All rows of a list. Only the `next` link says whether there are more: Nova's own limit may be below ours."""
        seen: set[str] = set()
        query = {**params, "limit": str(PAGE)}
        while True:
            body = self._get(path, query)
            rows = _rows(body, name, path)
            yield from rows
            links = body.get(f"{name}_links") or []
            if not rows or not any(isinstance(link, dict) and link.get("rel") == "next" for link in links):
                return
            last = rows[-1].get(marker)
            if not isinstance(last, str) or last in seen:
                raise CloudUnavailable(
                    f"Nova's list {path} does not page: marker {last!r} came twice or is missing; check nova-api"
                )
            seen.add(last)
            query["marker"] = last

    def _complain(self, complaints: frozenset[str]) -> None:
        """Say what is new, not the same again every cycle."""
        for complaint in sorted(complaints - self._complaints):
            log.warning("nova.unreadable %s", complaint)
        self._complaints = complaints


def _rows(body: Any, name: str, what: str) -> list[Row]:
    rows = body.get(name) if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise CloudUnavailable(
            f"Nova's answer to {what} has no list {name!r}; check that the compute endpoint of the catalogue is Nova"
        )
    return [row for row in rows if isinstance(row, dict)]
