# SPDX-License-Identifier: GPL-3.0-or-later
"""A Nova in memory, in virtual time, at the port `Compute`: it notes every breach of what must never happen.

Modelled on Nova 33: an evacuation is accepted whatever the server's task state; the record and the server end at
slightly different moments; a server whose host is off can be asked for twice, which Nova does not prevent.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud import CloudRefused, CloudUnavailable
from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Migration, Server, Service
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation import ENDED

DEAD = "dead-01"
SPARE = "spare-01"


class Killed(BaseException):
    """The program that called is killed here."""


@dataclasses.dataclass
class Flight:
    """How one evacuation will go. stages: (seconds after the request, change)."""

    migration: Migration
    stages: list[tuple[float, t.Callable[[], None]]]


class SimulatedNova:
    """The methods of Compute over servers in memory.

    fate: called for each accepted evacuation, returns its kind: done, refused, failed, spoiled, broken, silent.
    weather: called for each request, returns ok, refused (not sent), deaf (sent, not acted on), mute (acted on,
    answer lost), late (an evacuation that is begun with long after the caller stopped waiting).
    """

    def __init__(self, servers: t.Iterable[Server], dead: t.Iterable[str] = (DEAD,)) -> None:
        self.now = 1_000_000.0
        self.all: dict[str, Server] = {server.id: server for server in servers}
        self.dead = set(dead)
        self.before = dict(self.all)
        self.migrations: dict[int, Migration] = {}
        self.service_fields: dict[str, dict[str, t.Any]] = collections.defaultdict(dict)
        self.history: dict[str, list[str]] = collections.defaultdict(lambda: ["create"])
        self.breaches: list[str] = []
        self.requests: list[tuple[float, str]] = []
        self.seconds = 2.0
        self.call_seconds = 0.02
        self.calls = 0
        self.kill_at: int | None = None
        self.limit = 10**6
        self.max_microversion = (2, 100)
        self.fate: t.Callable[[str], str] = lambda _server: "done"
        self.weather: t.Callable[[str], str] = lambda _method: "ok"
        self._stages: list[tuple[float, int, t.Callable[[], None]]] = []
        self._stalled: set[int] = set()
        self._broken: dict[str, str] = {}
        for server in self.all.values():
            if server.power_state == 4:
                self.history[server.id].insert(0, {"SHELVED": "shelve"}.get(server.status, "stop"))

    # time

    def clock(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self._stages and min(self._stages)[0] <= end:
            stage = min(self._stages, key=lambda one: one[:2])
            self._stages.remove(stage)
            self.now = max(self.now, stage[0])
            stage[2]()
        self.now = end

    # the port

    def services(self) -> list[Service]:
        self._call("services")
        hosts = self.dead | {SPARE}
        return [self._service(host) for host in sorted(hosts)]

    def service(self, host: str, patience: float | None = None) -> Service:
        self._call("service", patience)
        return self._service(host)

    def server(self, server_id: str, patience: float | None = None) -> Server | None:
        self._call("server", patience)
        return self.all.get(server_id)

    def servers(self, host: str) -> list[Server]:
        self._call("servers")
        return self.servers_on(host)

    def servers_on(self, host: str) -> list[Server]:
        return [server for server in self.all.values() if server.host == host]

    def evacuations(
        self,
        since: float | None = None,
        source: str | None = None,
        server_id: str | None = None,
        status: str | None = None,
        patience: float | None = None,
    ) -> list[Migration]:
        self._call("evacuations", patience)
        return [
            one
            for one in self.migrations.values()
            if (since is None or one.created_at >= since)
            and source in (None, one.source)
            and server_id in (None, one.server)
            and status in (None, one.status)
        ]

    def actions(self, server_id: str) -> list[dict[str, t.Any]]:
        self._call("actions")
        return [{"action": name, "request_id": f"req-{server_id}"} for name in self.history[server_id]]

    def action_events(self, server_id: str, request_id: str) -> list[dict[str, t.Any]]:
        self._call("action_events")
        result = self._broken.get(server_id)
        return [{"event": "conductor_rebuild", "finish_time": "x", "result": result}] if result else []

    def evacuate(self, server_id: str, microversion: str | None = None) -> None:
        try:
            mute = self._call("evacuate", 0)
        except CloudUnavailable as error:
            if "in time" in str(error):
                self._stages.append((self.now + 5.0, 0, lambda: self._take_off(self.all[server_id], stops=False)))
            raise
        server = self.all.get(server_id)
        if server is None:
            raise CloudRefused("gone", 404, "gone")
        if microversion and tuple(map(int, microversion.split("."))) > self.max_microversion:
            raise CloudRefused("version", 406, "version not supported")
        self._note_breaches(server)
        if server.host not in self.dead:
            raise CloudRefused("in use", 400, "Compute service is still in use.")
        if server.vm_state not in ("active", "stopped", "error"):
            raise CloudRefused("state", 409, f"Cannot 'evacuate' while it is in vm_state {server.vm_state}")
        self.requests.append((self.now, server_id))
        self._take_off(server, stops=microversion == "2.95")
        if mute:
            raise CloudUnavailable("answer lost", sent=True)

    def reset_state(self, server_id: str) -> None:
        mute = self._call("reset_state", 0)
        self.history[server_id].insert(0, "resetState")
        self._set(server_id, vm_state="active", status="ACTIVE", task_state=None)
        if mute:
            raise CloudUnavailable("answer lost", sent=True)

    def stop(self, server_id: str) -> None:
        self._call("stop", 0)
        self.history[server_id].insert(0, "stop")
        self._set(server_id, vm_state="stopped", status="SHUTOFF", power_state=4)

    # other people

    def evacuate_by_another(self, server_id: str) -> None:
        """Another program asks, with the same care."""
        server = self.all.get(server_id)
        if not server or server.host not in self.dead or server.task_state or self.in_flight(server_id):
            return
        if server.vm_state in ("active", "stopped"):
            self._take_off(server, stops=False)

    def in_flight(self, server_id: str | None = None) -> list[Migration]:
        """Evacuations that Nova will still move on."""
        return [
            one
            for one in self.migrations.values()
            if one.status not in ENDED and one.id not in self._stalled and server_id in (None, one.server)
        ]

    # inside

    def _service(self, host: str) -> Service:
        down = host in self.dead
        service = Service(f"id-{host}", host, "down" if down else "up", "disabled", None, down, "12:00:00", "nova")
        return dataclasses.replace(service, **self.service_fields[host])

    def _call(self, method: str, patience: float | None = None) -> bool:
        """Pass the time of one request; whether its answer will be lost after it was acted on.

        A patient caller does not notice the weather.
        """
        self.calls += 1
        if self.kill_at is not None and self.calls >= self.kill_at:
            self.kill_at = None
            raise Killed
        self.advance(self.call_seconds)
        weather = self.weather(method) if patience == 0 else "ok"
        if weather == "refused":
            raise CloudUnavailable("no connection", sent=False)
        if weather == "late":
            raise CloudUnavailable("no answer in time", sent=True)
        if weather == "deaf" or (weather == "mute" and method not in ("evacuate", "reset_state")):
            raise CloudUnavailable("no answer", sent=True)
        return weather == "mute"

    def _note_breaches(self, server: Server) -> None:
        if server.host not in self.dead:
            self.breaches.append(f"{server.id} was asked for on {server.host}, which is alive")
        if self.in_flight(server.id):
            self.breaches.append(f"{server.id} was asked for twice")
        if len({one.server for one in self.in_flight()} | {server.id}) > self.limit:
            self.breaches.append(f"more than {self.limit} were in flight")

    def _take_off(self, server: Server, stops: bool) -> None:
        number = len(self.migrations) + 1
        stopped = server.vm_state == "stopped" or (stops and server.vm_state != "error")
        self.migrations[number] = Migration(number, server.id, server.host, None, "accepted", self.now, self.now)
        self.history[server.id].insert(0, "evacuate")
        self._set(server.id, task_state="rebuilding")
        self._broken.pop(server.id, None)
        kind = self.fate(server.id)
        # Nova's conductor takes any record of the server that is still accepted for the one to move on
        taken = min(one.id for one in self.migrations.values() if one.server == server.id and one.status == "accepted")
        if taken != number:
            self._stalled.add(number)
            self._stalled.discard(taken)
            number = taken
        if kind in ("broken", "silent"):
            self._stalled.add(number)
        if kind == "broken":
            self._broken[server.id] = "Error"
        for share, change in self._flight(kind, number, server, stopped):
            self._stages.append((self.now + share * self.seconds, number, change))

    def _flight(
        self, kind: str, number: int, server: Server, stopped: bool
    ) -> list[tuple[float, t.Callable[[], None]]]:
        moving = functools.partial(self._move_on, number, "pre-migrating", SPARE)
        if kind == "done":
            status, vm_state = ("SHUTOFF", "stopped") if stopped else ("ACTIVE", "active")
            return [
                (0.4, moving),
                # Nova ends the task while the server still shows its old host
                (0.9, lambda: self._set(server.id, vm_state=vm_state, status=status, task_state=None)),
                (0.95, lambda: self._set(server.id, host=SPARE)),
                (1.0, lambda: self._move_on(number, "done", SPARE)),
            ]
        if kind == "refused":  # no valid host: the conductor gives up
            return [
                (0.4, lambda: self._move_on(number, "error", None)),
                (0.5, lambda: self._set(server.id, vm_state="error", status="ERROR", task_state=None)),
            ]
        if kind == "spoiled":  # the destination gives up in the middle of its work
            return [
                (0.4, moving),
                (0.5, lambda: self._set(server.id, power_state=0)),
                (0.8, lambda: self._move_on(number, "failed", SPARE)),
                (0.9, lambda: self._set(server.id, vm_state="error", status="ERROR", task_state=None)),
            ]
        if kind == "failed":  # the destination gives up before it has begun, and keeps the server's state
            return [
                (0.4, moving),
                (0.8, lambda: self._move_on(number, "failed", SPARE)),
                (0.9, lambda: self._set(server.id, task_state=None)),
            ]
        return []

    def _move_on(self, number: int, status: str, destination: str | None) -> None:
        self.migrations[number] = dataclasses.replace(
            self.migrations[number], status=status, destination=destination, updated_at=self.now
        )

    def _set(self, server_id: str, **fields: t.Any) -> None:
        if server_id in self.all:
            self.all[server_id] = dataclasses.replace(self.all[server_id], **fields)


def a_server(name: str, status: str = "ACTIVE", host: str = DEAD, **fields: t.Any) -> Server:
    """A server as Nova shows it on a host that died."""
    vm_states = {"SHUTOFF": "stopped", "VERIFY_RESIZE": "resized", "SOFT_DELETED": "soft-delete", "BUILD": "building"}
    power_state = 4 if status in ("SHUTOFF", "SHELVED") else 1
    complete: dict[str, t.Any] = {
        "id": name,
        "name": name,
        "host": host,
        "status": status,
        "vm_state": vm_states.get(status, status.lower()),
        "task_state": None,
        "power_state": power_state,
        "launched": status != "BUILD",
        "image_backed": False,
        "locked": False,
        "metadata": {},
    }
    return Server(**(complete | fields))
