# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read from Nova all that an evacuation begins with.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Compute, Migration, Server, Service
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation import UNFINISHED, Settings
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_plan import EvacuationPlan

# Evacuations that were asked for longer ago are of another incident, unless Nova calls them done.
WINDOW_SECONDS = 3600.0


@dataclasses.dataclass(frozen=True, slots=True)
class Survey:
    """The services and servers of the hosts, and what has been moved off them in this outage.

    since: a time before which no evacuation was made that matters.
    """

    services: list[Service]
    servers: list[Server]
    moved: list[tuple[Server, Migration]]
    since: float

    def plan(self, settings: Settings, now: float) -> EvacuationPlan:
        """A plan for every server that is, or was when the outage began, on the hosts."""
        plan = EvacuationPlan(settings, self.servers, now)
        for server, migration in self.moved:
            plan.add_moved(server, migration, now)
        return plan


def survey(compute: Compute, hosts: t.Sequence[str], pool: concurrent.futures.Executor, now: float) -> Survey:
    """Read everything at the same time. Raises AosError."""
    services = pool.submit(services_of, compute, hosts)
    servers = [pool.submit(compute.servers, host) for host in hosts]
    # Nova turns `done` into `completed` when the host's nova-compute starts, so what is done is of this outage
    listed = [pool.submit(compute.evacuations, source=host, status="done") for host in hosts]
    listed += [pool.submit(compute.evacuations, status=status) for status in UNFINISHED]
    here = [server for future in servers for server in future.result()]
    staying = {server.id for server in here}
    evacuations = [one for future in listed for one in future.result()]
    recent = [one for one in evacuations if one.status == "done" or one.created_at >= now - WINDOW_SECONDS]
    away = newest(one for one in recent if one.source in hosts and one.server not in staying)
    read = [(pool.submit(compute.server, one.server), one) for one in away]
    moved = [(server, one) for future, one in read if (server := future.result()) and is_elsewhere(server, one)]
    begun = [one.created_at for one in evacuations if one.status in UNFINISHED and one.server in staying]
    return Survey(services.result(), here, moved, min([now - WINDOW_SECONDS, *begun]))


def newest(evacuations: t.Iterable[Migration]) -> list[Migration]:
    """The newest evacuation of each server."""
    return list({one.server: one for one in sorted(evacuations, key=lambda one: one.id)}.values())


def is_elsewhere(server: Server, evacuation: Migration) -> bool:
    """Whether the server has left the evacuation's source."""
    return server.host is not None and server.host != evacuation.source


def services_of(compute: Compute, hosts: t.Sequence[str]) -> list[Service]:
    """The services of the hosts that Nova knows, in one request."""
    return [service for service in compute.services() if service.host in hosts]
