# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nova says about hosts, servers and evacuations, and the few things asked of it.

PRIVATE to the collection aos.cloud_manager: may change in any release.

Source: the Compute API reference; fields as of microversions 2.59 to 2.94. Times are epoch seconds.
"""

from __future__ import annotations

import calendar
import dataclasses
import time
import typing as t
import urllib.parse

from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud import Cloud, CloudRefused
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

OUR_MARK = "aos-cloud-manager:"
KEEPS_RUNNING = (2, 94)


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """One nova-compute. state: up, down, or unknown when Nova cannot reach the host's cell."""

    id: str | None
    host: str
    state: str
    status: str
    disabled_reason: str | None
    forced_down: bool
    updated_at: str | None
    zone: str | None

    @property
    def is_ours(self) -> bool:
        """Whether this collection disabled it, by the mark in its reason."""
        return self.status == "disabled" and (self.disabled_reason or "").startswith(OUR_MARK)


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """A server as Nova knows it. host: None where Nova gives none or cannot reach the server's cell."""

    id: str
    name: str
    host: str | None
    status: str
    vm_state: str
    task_state: str | None
    power_state: int
    launched: bool
    image_backed: bool
    locked: bool
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    launched_at: str | None = None
    fault: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Migration:
    """One evacuation in os-migrations. status: as Nova names it."""

    id: int
    server: str
    source: str | None
    destination: str | None
    status: str
    created_at: float
    updated_at: float


class Compute:
    """Calls of the compute API. Every list is read to its last page. Raises AosError."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def services(self) -> list[Service]:
        """All nova-computes."""
        answer = self._cloud.get("/os-services", {"binary": "nova-compute"})
        return [service_of(item) for item in answer.get("services", [])]

    def service(self, host: str, patience: float | None = None) -> Service:
        """The nova-compute of host."""
        answer = self._cloud.get("/os-services", {"binary": "nova-compute", "host": host}, patience)
        found = [service_of(item) for item in answer.get("services", [])]
        if not found:
            raise AosError(unknown_hosts([host]))
        return found[0]

    def update_service(self, service: Service, changes: dict[str, t.Any]) -> Service:
        """Set the given fields (status, disabled_reason, forced_down) in one request."""
        answer = self._cloud.put(f"/os-services/{service.id}", changes)
        return service_of(answer["service"])

    def servers(self, host: str) -> list[Server]:
        """All servers of all projects on host."""
        items = self._cloud.pages("/servers/detail", "servers", {"all_tenants": "1", "host": host})
        return [server_of(item) for item in items]

    def server(self, server_id: str, patience: float | None = None) -> Server | None:
        """One server, or None if it has been deleted."""
        try:
            return server_of(self._cloud.get(f"/servers/{server_id}", patience=patience)["server"])
        except CloudRefused as error:
            if error.status == 404:
                return None
            raise

    def evacuations(
        self,
        since: float | None = None,
        source: str | None = None,
        server_id: str | None = None,
        status: str | None = None,
        patience: float | None = None,
    ) -> list[Migration]:
        """Evacuations made since that time, away from host source, of one server, in one status; by default all."""
        query = {"migration_type": "evacuation"}
        if status is not None:
            query["status"] = status
        if server_id is not None:
            query["instance_uuid"] = server_id
        if source is not None:
            query["source_compute"] = source
        # Nova lists the newest first. Its filter changes-since lacks what it has accepted and not yet begun with.
        enough = None if since is None else lambda item: migration_of(item).created_at < since
        items = self._cloud.pages("/os-migrations", "migrations", query, "uuid", patience, enough)
        return [one for one in map(migration_of, items) if since is None or one.created_at >= since]

    def actions(self, server_id: str) -> list[dict[str, t.Any]]:
        """The history of a server, newest first: [{action, request_id, start_time, ...}]."""
        return self._cloud.get(f"/servers/{server_id}/os-instance-actions").get("instanceActions", [])

    def action_events(self, server_id: str, request_id: str) -> list[dict[str, t.Any]]:
        """What ran for one action: [{event, start_time, finish_time, result, ...}]."""
        action = self._cloud.get(f"/servers/{server_id}/os-instance-actions/{urllib.parse.quote(request_id)}")
        return action["instanceAction"].get("events") or []

    def evacuate(self, server_id: str, microversion: str | None = None) -> None:
        """Ask for an evacuation to a host of the scheduler's choice."""
        self._cloud.post(f"/servers/{server_id}/action", {"evacuate": {}}, microversion)

    def reset_state(self, server_id: str) -> None:
        """Make Nova take the server for active, without a running task."""
        self._cloud.post(f"/servers/{server_id}/action", {"os-resetState": {"state": "active"}})

    def stop(self, server_id: str) -> None:
        """Ask for the server to be powered off."""
        self._cloud.post(f"/servers/{server_id}/action", {"os-stop": None})


def unknown_hosts(hosts: t.Sequence[str]) -> str:
    """The sentence for hosts that Nova does not know."""
    return (
        f"no nova-compute service on {', '.join(hosts)}; give the names as 'openstack compute service list' shows them"
    )


def service_of(item: dict[str, t.Any]) -> Service:
    """A service of the API's answer; in a cell that Nova cannot reach only host and binary are given."""
    return Service(
        id=item.get("id"),
        host=item["host"],
        state=item.get("state", "unknown"),
        status=item.get("status", "unknown").lower(),
        disabled_reason=item.get("disabled_reason"),
        forced_down=bool(item.get("forced_down")),
        updated_at=item.get("updated_at"),
        zone=item.get("zone"),
    )


def server_of(item: dict[str, t.Any]) -> Server:
    """A server of the API's answer; in a cell that Nova cannot reach most fields are missing."""
    return Server(
        id=item["id"],
        name=item.get("name", item["id"]),
        host=item.get("OS-EXT-SRV-ATTR:host"),
        status=item.get("status", "UNKNOWN"),
        vm_state=item.get("OS-EXT-STS:vm_state", "unknown"),
        task_state=item.get("OS-EXT-STS:task_state"),
        power_state=item.get("OS-EXT-STS:power_state") or 0,
        launched=bool(item.get("OS-SRV-USG:launched_at")),
        image_backed=bool(item.get("image")),
        locked=bool(item.get("locked")),
        metadata=item.get("metadata") or {},
        launched_at=item.get("OS-SRV-USG:launched_at"),
        fault=(item.get("fault") or {}).get("message", "") if item.get("status") == "ERROR" else "",
    )


def migration_of(item: dict[str, t.Any]) -> Migration:
    """An evacuation of the API's answer."""
    created = epoch(item["created_at"])
    return Migration(
        id=item["id"],
        server=item["instance_uuid"],
        source=item.get("source_compute"),
        destination=item.get("dest_compute"),
        status=item["status"],
        created_at=created,
        updated_at=epoch(item["updated_at"]) if item.get("updated_at") else created,
    )


def epoch(text: str) -> float:
    """Seconds since 1970 of Nova's UTC times, with or without fractions and a zone letter."""
    whole, _dot, fraction = text.rstrip("Z").replace("+00:00", "").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{fraction or 0}")


def microversion_of(text: str, lowest: tuple[int, int], highest: tuple[int, int] | None = None) -> str:
    """text, if it is a microversion within the bounds that the caller's requests were written for."""
    try:
        major, minor = (int(part) for part in text.split("."))
    except ValueError:
        raise AosError(f"microversion {text!r} is not of the form 2.79; correct it") from None
    if (major, minor) < lowest or (highest and (major, minor) > highest):
        upper = f" and at most {highest[0]}.{highest[1]}" if highest else ""
        raise AosError(
            f"microversion {text} does not suit: it must be at least {lowest[0]}.{lowest[1]}{upper}; "
            f"leave the option out to get a good one"
        )
    return text
