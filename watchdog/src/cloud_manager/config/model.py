# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration as one frozen value."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

from sqlalchemy.engine import make_url

from cloud_manager.config import guide, own
from cloud_manager.config.fields import Spec
from cloud_manager.domain.facts import JobKind
from cloud_manager.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class Config:
    """Every section. notices: sentences about parameters that are set but have no effect. files: what was read.

    given: (section, parameter) pairs that a file sets.
    """

    default: guide.Default = field(default_factory=guide.Default)
    agent: guide.Agent = field(default_factory=guide.Agent)
    api: guide.Api = field(default_factory=guide.Api)
    balancing: guide.Balancing = field(default_factory=guide.Balancing)
    database: guide.Database = field(default_factory=guide.Database)
    drs: guide.Drs = field(default_factory=guide.Drs)
    drs_trigger: guide.DrsTrigger = field(default_factory=guide.DrsTrigger)
    extra_availability_check: guide.ExtraAvailabilityCheck = field(default_factory=guide.ExtraAvailabilityCheck)
    host_tasks: guide.HostTasks = field(default_factory=guide.HostTasks)
    listener: guide.Listener = field(default_factory=guide.Listener)
    node_sync: guide.NodeSync = field(default_factory=guide.NodeSync)
    node_tracker: guide.NodeTracker = field(default_factory=guide.NodeTracker)
    nova_database: guide.NovaDatabase = field(default_factory=guide.NovaDatabase)
    power: guide.PowerOff = field(default_factory=guide.PowerOff)
    pxe: guide.Pxe = field(default_factory=guide.Pxe)
    storage_sync: guide.StorageSync = field(default_factory=guide.StorageSync)
    cloud: own.Cloud = field(default_factory=own.Cloud)
    fencing: own.Fencing = field(default_factory=own.Fencing)
    executor: own.Executor = field(default_factory=own.Executor)
    recovery: own.Recovery = field(default_factory=own.Recovery)
    leadership: own.Leadership = field(default_factory=own.Leadership)
    crypto: own.Crypto = field(default_factory=own.Crypto)
    notices: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    given: frozenset[tuple[str, str]] = field(default_factory=frozenset)

    def policy(self) -> Policy:
        tracker, tasks, recovery = self.node_tracker, self.host_tasks, self.recovery
        return Policy(
            mutex=tracker.mutex,
            mutex_up=tracker.mutex_up,
            max_down_hosts=tracker.max_down_hosts,
            allow_evacuate_host=tasks.allow_evacuate_host,
            deny_evacuate=frozenset(tasks.deny_evacuate),
            fencing_required=self.fencing.required,
            recover_disabled_hosts=recovery.recover_disabled_hosts,
            settle_seconds=recovery.settle_seconds,
            retry_interval=recovery.retry_interval,
            retry_interval_max=recovery.retry_interval_max,
        )

    def playbook_vars(self, kind: JobKind) -> dict[str, object]:
        """The settings that a playbook takes, by the names of its argument specification."""
        return {**self._cloud_vars(kind), **self._power_vars(kind), **self._evacuation_vars(kind)}

    def _cloud_vars(self, kind: JobKind) -> dict[str, object]:
        if kind in (JobKind.READ_POWER, JobKind.CHECK_POWER):
            return {}
        named: dict[str, object] = {"aos_cloud": self.cloud.cloud} if self.cloud.cloud else {}
        return {"microversion": self.recovery.microversion, **named}

    def _power_vars(self, kind: JobKind) -> dict[str, object]:
        if kind == JobKind.RETURN:
            return {}
        if kind == JobKind.CHECK_POWER:
            return {"power_timeout": self.fencing.timeout}
        return {
            "power_timeout": self.fencing.timeout,
            "off_readings": self.fencing.off_readings,
            "reading_interval": self.fencing.reading_interval,
        }

    def _evacuation_vars(self, kind: JobKind) -> dict[str, object]:
        if kind != JobKind.RECOVER:
            return {}
        tasks, recovery = self.host_tasks, self.recovery
        return {
            "parallel_evacuations": recovery.parallel_evacuations,
            "evacuation_retries": tasks.evacuation_retries,
            "prioritized_evacuation_timeout": tasks.prioritized_evacuation_timeout,
            "retries_wait_for_vm_status": tasks.retries_wait_for_vm_status,
            "poll_interval": recovery.poll_interval,
            "recovery_priority": tasks.recovery_priority,
            "priority_key": recovery.priority_key,
            "delay_key": recovery.delay_key,
            "image_backed": recovery.image_backed,
            "shared_storage": recovery.shared_storage,
        }

    @property
    def embedded_database(self) -> Path | None:
        """The file of the embedded database, or None where a server is used."""
        url = make_url(self.database.url.reveal())
        return Path(url.database or "").absolute() if url.drivername == "sqlite" else None

    @property
    def key_file(self) -> Path:
        """Where the key of the passwords is: beside the embedded database unless a file says otherwise."""
        beside = self.embedded_database
        if beside is not None and ("crypto", "key_file") not in self.given:
            return beside.with_name("cloud_manager.key")
        return Path(self.crypto.key_file)


def sections() -> dict[str, type[Any]]:
    """INI section -> its dataclass, in the order of the samples."""
    hints = get_type_hints(Config)
    named = {item.name: hints[item.name] for item in dataclasses.fields(Config)}
    return {
        "DEFAULT" if name == "default" else name: kind
        for name, kind in named.items()
        if isinstance(kind, type) and dataclasses.is_dataclass(kind)
    }


def parameters(section: type[Any]) -> Iterator[tuple[str, object, Spec]]:
    """Name, default and declaration of each parameter."""
    for item in dataclasses.fields(section):
        yield item.name, item.default, item.metadata["spec"]
