# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests ask of Nova, as plain dictionaries of its API (microversion 2.79)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

from tests.lab.progress import T, wait
from tests.lab.rest import RestError, Session

MICROVERSION = "2.79"
FLAVOR = "m1.tiny"
IMAGE = "cirros"
PAGE = 1000


class Nova:
    def __init__(self, session: Session, compute: str, image: str) -> None:
        self._session = session
        self._compute = f"{compute}/v2.1"
        self._image = f"{image}/v2"

    def request(self, method: str, path: str, body: Any = None, microversion: str = MICROVERSION) -> Any:
        headers = {"OpenStack-API-Version": f"compute {microversion}"}
        return self._session.request(method, self._compute + path, body, headers)

    def services(self) -> dict[str, dict[str, Any]]:
        """host -> service, of every nova-compute."""
        found = self.request("GET", "/os-services?binary=nova-compute")["services"]
        return {service["host"]: service for service in found}

    def set_service(self, host: str, **fields: Any) -> None:
        """status=, disabled_reason=, forced_down= of a host's nova-compute."""
        self.request("PUT", f"/os-services/{self.services()[host]['id']}", fields)

    def hypervisors(self) -> list[str]:
        found = self.request("GET", "/os-hypervisors")["hypervisors"]
        return [hypervisor["hypervisor_hostname"] for hypervisor in found]

    def servers(self, host: str | None = None) -> list[dict[str, Any]]:
        """In detail, of all projects; `host` limits them to one."""
        query: dict[str, Any] = {"all_tenants": 1, "limit": PAGE} | ({"host": host} if host else {})
        found: list[dict[str, Any]] = []
        while True:
            page = self.request("GET", f"/servers/detail?{urlencode(query)}")["servers"]
            found += page
            if len(page) < PAGE:
                return found
            query["marker"] = page[-1]["id"]

    def server(self, server_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.request("GET", f"/servers/{server_id}")["server"]
        return found

    def migrations(self, **filters: Any) -> list[dict[str, Any]]:
        """Newest first; filters as in the API: migration_type=, status=, source_compute=, instance_uuid= ..."""
        query = urlencode({"limit": PAGE, **filters})
        found: list[dict[str, Any]] = self.request("GET", f"/os-migrations?{query}")["migrations"]
        return found

    def action(self, server_id: str, **action: Any) -> None:
        self.request("POST", f"/servers/{server_id}/action", action)

    def evacuate(self, server_id: str, host: str | None = None) -> None:
        self.action(server_id, evacuate={"host": host} if host else {})

    def boot(
        self,
        count: int,
        host: str | None = None,
        *,
        prefix: str = "server",
        priority: int | None = None,
        metadata: Mapping[str, str] | None = None,
        shutoff: int = 0,
        timeout: float = 120,
    ) -> list[str]:
        """Start servers and wait until they are ACTIVE; the last `shutoff` of them are stopped then. Their ids."""
        known = dict(metadata or {}) | ({} if priority is None else {"recovery_priority": str(priority)})
        taken = {server["name"] for server in self.servers()}
        names = [name for name in (f"{prefix}-{n:02d}" for n in range(1, count + len(taken) + 1)) if name not in taken]
        body = self.new_server(host, metadata=known)
        ids = self._each(lambda name: self.create(body | {"name": name}), names[:count])
        self.wait_status(ids, "ACTIVE", timeout)
        stopped = ids[count - shutoff :]
        self._each(lambda server: self.action(server, **{"os-stop": None}), stopped)
        self.wait_status(stopped, "SHUTOFF", timeout)
        return ids

    def new_server(self, host: str | None, metadata: Mapping[str, str]) -> dict[str, Any]:
        """The description of a tiny server without a network."""
        images = self._session.request("GET", f"{self._image}/images?name={IMAGE}")["images"]
        flavors = self.request("GET", "/flavors")["flavors"]
        body = {
            "imageRef": images[0]["id"],
            "flavorRef": next(flavor["id"] for flavor in flavors if flavor["name"] == FLAVOR),
            "networks": "none",
            "metadata": dict(metadata),
        }
        return body | ({"host": host} if host else {})

    def create(self, server: Mapping[str, Any]) -> str:
        created: str = self.request("POST", "/servers", {"server": dict(server)})["server"]["id"]
        return created

    def wait_status(self, ids: Iterable[str], status: str, timeout: float = 120) -> None:
        """ValueError as soon as one of them ends in ERROR instead."""
        wanted = set(ids)

        def reached() -> bool:
            seen = {server["id"]: server for server in self.servers() if server["id"] in wanted}
            for server in seen.values():
                if server["status"] == "ERROR" != status:
                    fault = server.get("fault", {}).get("message", "no reason given")
                    raise ValueError(f"server {server['name']} is in ERROR: {fault}")
            return len(seen) == len(wanted) and all(server["status"] == status for server in seen.values())

        if wanted:
            self.wait(reached, timeout, f"servers to be {status}")

    def delete(self, ids: Iterable[str]) -> None:
        """In parallel; one that is already gone is no error."""

        def delete(server: str) -> None:
            try:
                self.request("DELETE", f"/servers/{server}")
            except RestError as exc:
                if exc.status not in (404, 409):
                    raise

        self._each(delete, ids)

    def seed(self) -> None:
        """The flavor and the image that `boot` uses."""
        self.wait(self._accepts, what="Nova to reach keystone")
        if not any(flavor["name"] == FLAVOR for flavor in self.request("GET", "/flavors")["flavors"]):
            flavor = {"name": FLAVOR, "id": "1", "ram": 512, "vcpus": 1, "disk": 1}
            self.request("POST", "/flavors", {"flavor": flavor})
        if not self._session.request("GET", f"{self._image}/images?name={IMAGE}")["images"]:
            image = {"name": IMAGE, "disk_format": "raw", "container_format": "bare", "visibility": "public"}
            made = self._session.request("POST", f"{self._image}/images", image)
            octets = {"Content-Type": "application/octet-stream"}
            self._session.request("PUT", f"{self._image}/images/{made['id']}/file", bytes(1024), octets)

    def _accepts(self) -> bool:
        """Nova's API is there before keystone, which on a busy machine has not answered it yet."""
        try:
            self.request("GET", "/flavors")
        except RestError as exc:
            if exc.status != 503:
                raise
            return False
        return True

    def wait(self, condition: Callable[[], T], timeout: float = 60, what: str = "the condition") -> T:
        return wait(condition, timeout, what, every=0.2)

    def _each(self, function: Callable[[str], T], items: Iterable[str]) -> list[T]:
        with ThreadPoolExecutor(10) as pool:
            return list(pool.map(function, items))
