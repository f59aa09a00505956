# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects everything that one decision rests on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from cloud_manager.domain.facts import ComputeHost, Facts, JobFact, Server, Switching
from cloud_manager.domain.records import HostRecord, Records, State
from cloud_manager.errors import CloudUnavailable
from cloud_manager.ports import Clock, Cloud, Journal, PowerControls
from cloud_manager.service.turns import Turns

# States in which the servers that are still on the host decide about the next one.
SERVERS_MATTER = (State.RECOVERING, State.FAILED, State.RECOVERED, State.HELD, State.RETURNING)


class Observer:
    """observe() raises StoreUnavailable. That Nova can't be seen is a fact, not an error."""

    def __init__(self, cloud: Cloud, journal: Journal, controls: PowerControls, clock: Clock, turns: Turns) -> None:
        self._cloud = cloud
        self._journal = journal
        self._controls = controls
        self._clock = clock
        self._turns = turns

    def observe(self, records: Records) -> Facts:
        operator = self._journal.operator_facts()
        switching = {s.host: _words(s) for s in operator.switchings if s.may_last(self._clock.now())}
        keys = [key for record in records.hosts.values() for key in (record.job, record.read_job) if key]
        jobs = self._journal.jobs(keys)
        controls = self._controls.titles()
        try:
            view = self._cloud.look()
        except CloudUnavailable as error:
            return Facts(
                now=self._clock.now(),
                error=str(error),
                controls=controls,
                jobs=jobs,
                maintenance=operator.maintenance,
                acknowledged=operator.acknowledged,
                switching=switching,
            )
        return Facts(
            now=self._clock.now(),
            hosts=view.hosts,
            control_plane=view.control_plane,
            nova_now=view.nova_now,
            controls=controls,
            jobs=jobs,
            servers=self._servers(records, view.hosts, jobs),
            maintenance=operator.maintenance,
            acknowledged=operator.acknowledged,
            switching=switching,
        )

    def _servers(
        self, records: Records, hosts: Mapping[str, ComputeHost], jobs: Mapping[str, JobFact]
    ) -> dict[str, tuple[Server, ...]]:
        """A host whose servers can't be listed now is missing: the next look is the retry."""
        found: dict[str, tuple[Server, ...]] = {}

        def read(host: str) -> None:
            found[host] = self._cloud.servers_on(host)

        wanted = [
            record.name
            for record in records.hosts.values()
            if _servers_matter(record, hosts.get(record.name), jobs.get(record.job))
        ]
        self._turns.ask(wanted, read, "servers")
        return found


def _words(switching: Switching) -> str:
    since = datetime.fromtimestamp(switching.at, UTC)
    return f"{switching.action} by {switching.who} since {since:%Y-%m-%d %H:%M:%S} UTC"


def _servers_matter(record: HostRecord, host: ComputeHost | None, job: JobFact | None) -> bool:
    """Two things are not worth a request each cycle: a hold before anything was done to the host, which may last for
    weeks; and servers that a playbook moves just now, when Nova's API has enough to do.
    """
    if record.incident is None or record.state not in SERVERS_MATTER or host is None:
        return False
    if record.state is State.RECOVERING and job is not None and not job.status.ended:
        return False
    return record.state is not State.HELD or host.forced_down
