# SPDX-License-Identifier: GPL-3.0-or-later
"""One row of Nova's JSON as one fact. What can't be understood becomes UNKNOWN, never DOWN."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from cloud_manager.domain.facts import ComputeHost, Observation, Server
from cloud_manager.errors import CloudUnavailable
from cloud_manager.ports import Move

Row = dict[str, Any]

# Migration status -> outcome (nova.objects.migration; `done` becomes `completed` when the source host restarts).
OUTCOMES = {"done": "evacuated", "completed": "evacuated", "error": "failed", "failed": "failed", "cancelled": "failed"}
HOST_OF_SERVER = "OS-EXT-SRV-ATTR:host"


def timestamp(value: Any) -> float | None:
    """Nova's times are UTC, with or without a zone. None: none given, or not a time."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def compute_host(row: Row) -> tuple[ComputeHost | None, str]:
    """The host, or None where the row has no name; and what is wrong with the row, or ""."""
    name = row.get("host")
    if not isinstance(name, str) or not name:
        return None, f"a nova-compute service has no host name: id {row.get('id')!r}"
    status, forced, updated = row.get("status"), row.get("forced_down", False), row.get("updated_at")
    beat = timestamp(updated)
    state = {"up": Observation.UP, "down": Observation.DOWN}.get(str(row.get("state")), Observation.UNKNOWN)
    problem = ""
    if status not in ("enabled", "disabled"):
        problem = f"host={name} status is {status!r}"
    elif state is Observation.UNKNOWN:
        problem = f"host={name} state is {row.get('state')!r}"
    elif not isinstance(forced, bool):
        problem = f"host={name} forced_down is {forced!r}"
    elif updated is not None and beat is None:
        problem = f"host={name} updated_at is {updated!r}"
    host = ComputeHost(
        name=name,
        observation=Observation.UNKNOWN if problem else state,
        enabled=status != "disabled",
        disabled_reason=str(row.get("disabled_reason") or ""),
        forced_down=forced is True,
        zone=str(row.get("zone") or ""),
        heartbeat_at=beat,
    )
    return host, problem


def merged(one: ComputeHost, other: ComputeHost) -> ComputeHost:
    """Two rows for one name, as when a host moved between cells: UP if either is; DOWN only if both are."""
    if one.observation is other.observation:
        return max(one, other, key=lambda host: host.heartbeat_at or 0.0)
    for host in (one, other):
        if host.observation is Observation.UP:
            return host
    return one if one.observation is Observation.UNKNOWN else other


def server(row: Row, host: str) -> Server | None:
    """The server, or None where it is on another host already.

    Raises CloudUnavailable: the row doesn't say where the server is (no administrator, or its cell is down); then no
    list of the host's servers can be trusted.
    """
    if HOST_OF_SERVER not in row:
        raise CloudUnavailable(
            f"Nova does not show on which host server {row.get('id')!r} is: its cell is down, "
            f"or the user of [cloud] may not see it (role admin is needed)"
        )
    if row[HOST_OF_SERVER] != host:
        return None
    return Server(id=str(row.get("id")), name=str(row.get("name") or ""), status=str(row.get("status") or ""))


def newest(rows: Iterable[Row]) -> list[Row]:
    """The newest migration of each server; ids of migrations grow."""
    latest: dict[str, Row] = {}
    for row in rows:
        uuid, number = row.get("instance_uuid"), row.get("id")
        if isinstance(uuid, str) and isinstance(number, int):
            known = latest.get(uuid)
            if known is None or number > known["id"]:
                latest[uuid] = row
    return list(latest.values())


def move(row: Row, host: str) -> Move:
    status = str(row.get("status") or "")
    outcome = OUTCOMES.get(status, "moving")
    return Move(
        server_id=row["instance_uuid"],
        name="",
        source=host,
        destination=str(row.get("dest_compute") or ""),
        outcome=outcome,
        reason=f"evacuation ended as {status}" if outcome == "failed" else "",
        requested_at=timestamp(row.get("created_at")),
        finished_at=None if outcome == "moving" else timestamp(row.get("updated_at")),
    )
