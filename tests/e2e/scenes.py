# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to hosts and servers in the stories, and what is asked of Nova afterwards."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.lab.client import Lab

Server = dict[str, Any]
HOST, TASK = "OS-EXT-SRV-ATTR:host", "OS-EXT-STS:task_state"


@dataclass(frozen=True, slots=True)
class Group:
    """Servers to be booted together; the last `shutoff` of them are stopped."""

    name: str
    count: int
    priority: int | None = None
    shutoff: int = 0


def boot(lab: Lab, host: str, groups: Iterable[Group]) -> dict[str, list[str]]:
    """Name of the group -> ids of its servers."""

    def one(group: Group) -> list[str]:
        return lab.nova.boot(group.count, host, prefix=group.name, priority=group.priority, shutoff=group.shutoff)

    listed = list(groups)
    with ThreadPoolExecutor(len(listed)) as pool:
        return dict(zip((group.name for group in listed), pool.map(one, listed), strict=True))


def boot_on(lab: Lab, hosts: Sequence[str], count: int) -> dict[str, list[str]]:
    """Host -> ids of as many servers."""
    with ThreadPoolExecutor(len(hosts)) as pool:
        booted = pool.map(lambda host: lab.nova.boot(count, host, prefix=f"on-{host}"), hosts)
        return dict(zip(hosts, booted, strict=True))


def servers(lab: Lab) -> dict[str, Server]:
    return {server["id"]: server for server in lab.nova.servers()}


def kill(lab: Lab, *hosts: str) -> float:
    """All at once; when the last one was dead."""
    with ThreadPoolExecutor(len(hosts)) as pool:
        return max(pool.map(lab.kill, hosts))


def cut(lab: Lab, host: str) -> float:
    """When it began to be parted from the network."""
    began = time.time()
    lab.cut(host)
    return began


def wait_down(lab: Lab, host: str) -> None:
    lab.nova.wait(lambda: lab.nova.services()[host]["state"] == "down", 60, f"Nova to call {host} down")


def commands(lab: Lab, host: str, since: float) -> list[list[str]]:
    """What its power control was told to do (not merely asked) since then."""
    return [arguments for at, operation, arguments in lab.chassis_log(host) if operation == "set" and at >= since]


def evacuations(lab: Lab, host: str, ids: Collection[str] | None = None) -> list[dict[str, Any]]:
    """All that Nova knows of, away from the host, of these servers or of any."""
    return [
        migration
        for migration in lab.nova.migrations(migration_type="evacuation")
        if migration["source_compute"] == host and (ids is None or migration["instance_uuid"] in ids)
    ]


def untouched(lab: Lab, host: str, since: float, ids: Sequence[str]) -> list[str]:
    """What was done to the host or its servers since then, in words; [] is right."""
    done = [f"its power control was told {arguments}" for arguments in commands(lab, host, since)]
    done += [f"server {move['instance_uuid']} was evacuated" for move in evacuations(lab, host)]
    now = servers(lab)
    done += [f"server {one} is on {now[one][HOST]}" for one in ids if now[one][HOST] != host]
    return done
