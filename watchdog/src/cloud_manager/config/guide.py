# SPDX-License-Identifier: GPL-3.0-or-later
"""The parameters of the guide, with its names, defaults and units."""

from __future__ import annotations

from dataclasses import dataclass, field

from oslo_config.types import String

from cloud_manager.config.fields import Choice, Count, DatabaseUrl, Flag, Hidden, Names, Real, about, later, option
from cloud_manager.domain.power import Secret

SECONDS = Real(min=0)
PORT = Count(min=1, max=65535)


@dataclass(frozen=True, slots=True)
class Default:
    dhcp_leases: tuple[str, ...] = later(
        ("/var/lib/dhcp/dhcpd/state/dhcpd.leases", "/var/lib/dhcp/dhcpd.leases"),
        Names(),
        "Lease files of the DHCP server, separated by commas.",
    )
    log_level: str = option(
        "INFO", Choice("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"), "Least important messages that are logged."
    )


@dataclass(frozen=True, slots=True)
class Agent:
    agent_confirm_timeout: float = later(10.0, SECONDS, "Longest wait for the agent's confirmation, seconds.")
    agent_response_timeout: float = later(60.0, SECONDS, "Longest wait for the agent's response, seconds.")
    backoff_factor: float = later(0.3, Real(min=0), "Growth of the wait with each connection attempt.")
    enabled: bool = later(False, Flag(), "Manage nodes through the agent.")
    logfile: str = later("", String(), "Log file of aos-cloud-manager-agent.")


@dataclass(frozen=True, slots=True)
class Api:
    audit_enabled: bool = later(True, Flag(), "Audit the requests to the API.")
    host: str = later("0.0.0.0", String(), "Address where the API listens.")
    logfile: str = later("", String(), "Log file of aos-cloud-manager-api.")
    port: int = later(9362, PORT, "Port where the API listens.")


@dataclass(frozen=True, slots=True)
class Balancing:
    approx: float = later(0.1, Real(min=0), "How much above the average load a host counts as loaded (0.1 = 10 %).")
    enabled: bool = later(False, Flag(), "Balance the hosts of aggregates.")
    migration_retries: int = later(3, Count(min=1), "Attempts to migrate a server.")
    periodic_time: float = later(24.0, Real(min=0), "Time between two balancings, hours.")


@dataclass(frozen=True, slots=True)
class Database:
    url: Secret = field(
        default=Secret("mysql+pymysql://aos:password@localhost:3306/cloud_manager?charset=utf8"),
        metadata=about(
            DatabaseUrl(),
            "The product's database: mysql+pymysql://..., or sqlite:////PATH for the embedded one, which is created "
            "and migrated by itself.",
        ),
    )


@dataclass(frozen=True, slots=True)
class Drs:
    host: str = later("", String(), "Host of the DRS system.")
    password: Secret = field(default=Secret(""), metadata=about(Hidden(), "Password of the DRS user.", later=True))
    port: int = later(80, PORT, "Port of the DRS system.")
    username: str = later("", String(), "User of the DRS system.")


@dataclass(frozen=True, slots=True)
class DrsTrigger:
    enabled: bool = later(True, Flag(), "Apply the results of audits.")
    logfile: str = later("", String(), "Log file of the application of audit results.")
    trigger_interval: float = later(600.0, Real(min=1), "Time between two applications, seconds.")


@dataclass(frozen=True, slots=True)
class ExtraAvailabilityCheck:
    attempts: int = later(2, Count(min=1), "Attempts to read a host's state file.")
    delay: float = later(60.0, SECONDS, "Wait before the next attempt, seconds.")
    enabled: bool = later(False, Flag(), "Check hosts that look down through the availability storages.")
    instance_rate: int = later(100, Count(min=0, max=100), "Running servers that prove a host alive, percent.")


@dataclass(frozen=True, slots=True)
class HostTasks:
    allow_evacuate_host: bool = option(True, Flag(), "Evacuate hosts automatically.")
    deny_evacuate: tuple[str, ...] = option(
        (),
        Names(),
        "Hosts that are never evacuated automatically, separated by commas.",
        example="compute-01, compute-02",
    )
    evacuation_retries: int = option(2, Count(min=1), "Attempts to evacuate a server.")
    prioritized_evacuation_timeout: float = option(
        60.0, SECONDS, "Time between the starts of two groups of servers with different recovery priority, seconds."
    )
    recovery_priority: int = option(
        5, Count(min=0, max=10), "Recovery priority of servers that have none of their own: 10 first, 1 last, 0 never."
    )
    retries_wait_for_node_state: int = later(
        240, Count(min=1), "Polls of a host's state until a restart counts as failed."
    )
    retries_wait_for_vm_status: int = option(
        60, Count(min=1), "Polls of a server's status until its evacuation counts as failed."
    )


@dataclass(frozen=True, slots=True)
class Listener:
    logfile: str = later("", String(), "Log file of aos-cloud-manager-listener.")
    nova_rabbit_vhost: str = later("/", String(), "RabbitMQ virtual host of Nova.")


@dataclass(frozen=True, slots=True)
class NodeSync:
    enabled: bool = later(True, Flag(), "Synchronise the hosts with Nova.")
    logfile: str = later("", String(), "Log file of the synchronisation.")
    reserve_interval: float = later(
        60.0, SECONDS, "How long a host has been free before it returns to the reserve, seconds."
    )
    sync_interval: float = later(60.0, Real(min=1), "Time between two synchronisations, seconds.")


@dataclass(frozen=True, slots=True)
class NodeTracker:
    allow_host_auto_power_off: bool = later(
        False, Flag(), "Restart a host that went down before its servers are evacuated."
    )
    enabled: bool = option(True, Flag(), "Watch the state of the hosts.")
    host_restart_timeout: float = later(600.0, SECONDS, "How long a restarted host may take to come up, seconds.")
    logfile: str = option("", String(), "Log file of the watchdog; empty: standard error.")
    loop_time: float = option(30.0, Real(min=0.1), "Time between two looks at the hosts, seconds.")
    max_down_hosts: int = option(
        0,
        Count(min=0),
        "Most hosts that may be down, reserves not counted; when more are, nobody is evacuated. 0: automatic "
        "recovery is off.",
    )
    mutex: int = option(3, Count(min=1), "Consecutive looks that must find a host down before it is handled.")
    mutex_up: int = option(1, Count(min=1), "Consecutive looks that must find a host up before it is handled.")
    timeout_reserv_node_up: float = later(15.0, Real(min=0), "How long a reserve host may take to come up, minutes.")


@dataclass(frozen=True, slots=True)
class NovaDatabase:
    url: Secret = field(
        default=Secret(""),
        metadata=about(
            DatabaseUrl(optional=True),
            "Nova's database. Accepted; the API is used instead, which survives Nova's upgrades.",
            later=True,
        ),
    )


@dataclass(frozen=True, slots=True)
class PowerOff:
    shutdown_interval: float = later(
        30.0, SECONDS, "Time between two looks at a host that is being shut down, seconds."
    )
    shutdown_max_tick: int = later(10, Count(min=1), "Most looks at a host that is being shut down.")


@dataclass(frozen=True, slots=True)
class Pxe:
    conf_dir: str = later("/var/lib/tftpboot/pxelinux.cfg/", String(), "Folder of the PXE configuration files.")


@dataclass(frozen=True, slots=True)
class StorageSync:
    enabled: bool = later(True, Flag(), "Synchronise the storages.")
    logfile: str = later("", String(), "Log file of the synchronisation of storages.")
    sync_interval: float = later(60.0, Real(min=1), "Time between two synchronisations, seconds.")
