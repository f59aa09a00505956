# SPDX-License-Identifier: GPL-3.0-or-later
"""The parameters that the guide doesn't know, in sections of their own."""

from __future__ import annotations

from dataclasses import dataclass

from oslo_config.types import String

from cloud_manager.config.fields import Choice, Count, Flag, Microversion, Real, option


@dataclass(frozen=True, slots=True)
class Cloud:
    cloud: str = option(
        "", String(), "Name of the cloud in clouds.yaml; empty: what OS_CLOUD or the OS_* variables say."
    )
    clouds_yaml: str = option("", String(), "Path of clouds.yaml; empty: where openstacksdk looks for it.")
    region_name: str = option("", String(), "Region; empty: the cloud's own.")
    interface: str = option(
        "", Choice("", "public", "internal", "admin"), "Endpoint interface; empty: the cloud's own."
    )
    connect_timeout: float = option(5.0, Real(min=0.1), "Longest wait for a connection to OpenStack, seconds.")
    read_timeout: float = option(30.0, Real(min=0.1), "Longest wait for an answer of OpenStack, seconds.")


@dataclass(frozen=True, slots=True)
class Fencing:
    required: bool = option(
        True, Flag(), "Evacuate a host only after its power-off is confirmed, or an operator vouches for it."
    )
    off_readings: int = option(2, Count(min=1, max=20), "Consecutive readings `off` that confirm a power-off.")
    reading_interval: float = option(0.5, Real(min=0.1), "Time between two readings of the power, seconds.")
    timeout: float = option(
        30.0,
        Real(min=1),
        "Deadline of a power operation with its confirmation, seconds; each control of a host has it anew.",
    )
    check_interval: float = option(
        3600.0,
        Real(min=0),
        "How often the watchdog reads every power control to know that it answers, seconds; 0: never.",
    )


@dataclass(frozen=True, slots=True)
class Executor:
    max_jobs: int = option(4, Count(min=1, max=64), "Playbooks that run at the same time.")
    state_dir: str = option("/var/lib/aos/cloud-manager", String(), "Folder of the playbooks' artifacts.")
    run_dir: str = option(
        "/run/aos", String(), "Folder of the running jobs' inventories, in memory; /dev/shm where it can't be made."
    )
    collections_path: str = option("", String(), "Where aos.cloud_manager is installed; empty: where Ansible looks.")
    playbook_timeout: float = option(3600.0, Real(min=1), "Longest run of a playbook, seconds.")
    stop_timeout: float = option(10.0, Real(min=0), "How long a stopping watchdog waits for its playbooks, seconds.")
    keep_artifacts: int = option(50, Count(min=0), "How many finished jobs keep their artifacts.")


@dataclass(frozen=True, slots=True)
class Recovery:
    microversion: str = option("2.79", Microversion(), "Nova API microversion of every request.")
    parallel_evacuations: int = option(10, Count(min=1), "Evacuations at the same time in the whole installation.")
    image_backed: str = option(
        "evacuate", Choice("evacuate", "skip"), "What to do with servers whose disk is local to the host."
    )
    shared_storage: bool = option(False, Flag(), "The hosts share their instance folder: local disks survive the host.")
    recover_disabled_hosts: bool = option(False, Flag(), "Recover hosts that an operator has disabled.")
    settle_seconds: float = option(
        60.0,
        Real(min=0),
        "After the watchdog was blind, looks `down` count only after this time, seconds; "
        "it begins anew with each host that comes back, and is five times as long while most hosts are missing.",
    )
    retry_interval: float = option(
        30.0, Real(min=0), "Wait before the second attempt, seconds; doubled for each further one."
    )
    retry_interval_max: float = option(600.0, Real(min=0), "Longest wait between two attempts, seconds.")
    poll_interval: float = option(2.0, Real(min=0.1), "Time between two polls of servers on the move, seconds.")
    priority_key: str = option("recovery_priority", String(), "Server metadata key that carries the recovery priority.")
    delay_key: str = option(
        "evacuation_delay", String(), "Server metadata key that delays a server's evacuation, seconds."
    )


@dataclass(frozen=True, slots=True)
class Leadership:
    ttl: float = option(30.0, Real(min=1), "How long the right to act lasts without renewal, seconds.")


@dataclass(frozen=True, slots=True)
class Crypto:
    key_file: str = option(
        "/etc/aos/cloud_manager.key",
        String(),
        "Key that encrypts the passwords of power controls, the same on every controller, mode 0600. With the "
        "embedded database, unless set: cloud_manager.key in the database's folder, created by itself.",
    )
