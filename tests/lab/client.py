# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as tests use it: `from tests.lab.client import Lab`."""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.lab import computes, lifecycle, network, requisites, reset
from tests.lab.bmc import Bmc
from tests.lab.control_plane import SERVICES, ControlPlane
from tests.lab.errors import LabError
from tests.lab.infrastructure import Database, MessageBus
from tests.lab.nova import Nova
from tests.lab.plan import Host, Plan
from tests.lab.progress import Progress
from tests.lab.record import Options, Record
from tests.lab.synthetic import SyntheticHosts

INFRASTRUCTURE = ("mariadb", "rabbitmq")
COMPUTE = "nova-compute:"


class Lab:
    """One lab by its slot. Every call works on a lab made by another process too."""

    def __init__(self, slot: int | None = None, *, quiet: bool = False) -> None:
        self.plan = Plan.from_environment(slot)
        self._quiet = quiet
        self._database = Database(self.plan)
        self._bus = MessageBus(self.plan)
        self._control_plane = ControlPlane(self.plan, requisites.venv_path(self.plan))

    def up(self, hosts: int = 4, **options: int) -> dict[str, float]:
        """Options: report_interval, service_down_time (s). Returns the seconds of each step."""
        progress = Progress(self._quiet)
        lifecycle.up(self.plan, hosts, Options(**options) if options else None, progress)
        return progress.seconds

    def down(self) -> None:
        lifecycle.down(self.plan, Progress(self._quiet))
        self.__dict__.pop("nova", None)

    def is_up(self) -> bool:
        return lifecycle.running(self.plan) is not None

    def reset(self) -> None:
        """All hosts on, up, enabled, reachable and empty, all BMCs sound, all services running."""
        reset.reset(self)

    @property
    def hosts(self) -> list[str]:
        return [host.name for host in self.plan.hosts(self._record().hosts)]

    def host(self, name: str) -> Host:
        hosts = self.plan.hosts(self._record().hosts)
        for host in hosts:
            if host.name == name:
                return host
        raise LabError(f"host {name!r} is not in this lab: it has {hosts[0].name} to {hosts[-1].name}")

    def kill(self, host: str) -> float:
        """The machine loses its power and the BMC knows of no command; returns when the compute was seen dead."""
        return computes.chassis(self.host(host)).power_off() or time.time()

    def power(self, host: str, operation: str) -> str:
        """on | off | status, by IPMI."""
        return self.bmc_of(host).power(operation)

    def compute_alive(self, host: str) -> bool:
        return computes.chassis(self.host(host)).powered

    def wait_computes(self, *hosts: str, timeout: float = 120) -> None:
        """Until these (all, if none is named) take requests and Nova sees them up."""
        lifecycle.wait_computes(self.nova, [self.host(name) for name in hosts or self.hosts], timeout)

    def cut(self, host: str) -> None:
        network.cut(self.host(host))

    def heal(self, host: str) -> None:
        network.heal(self.host(host))

    def refuse(self, host: str, refuses: bool = True) -> None:
        """Servers that arrive at this host (booted or evacuated) fail to start."""
        self.spawn_mode(host, "refuse" if refuses else "")

    def spawn_mode(self, host: str, mode: str) -> None:
        """Nothing, `refuse` or `hold`; see in_venv/lab_driver.py."""
        path = self.host(host).spawn_mode
        path.write_text(mode) if mode else path.unlink(missing_ok=True)

    def bmc(self, host: str, mode: str) -> None:
        """frozen | stuck | slow | wrong-password | replaced (by one that tells another GUID) | ok"""
        self.bmc_of(host).set_mode(mode)

    def bmc_of(self, host: str) -> Bmc:
        return Bmc(self.plan, self.host(host))

    def bmc_control(self, host: str) -> dict[str, Any]:
        return self.bmc_of(host).control()

    def chassis_log(self, host: str) -> list[tuple[float, str, list[str]]]:
        """(epoch, get | set | started | dead, arguments), oldest first."""
        return self.bmc_of(host).log()

    def stop(self, service: str) -> None:
        self._service(service)
        if service.startswith(COMPUTE):
            self.kill(service.removeprefix(COMPUTE))
        elif service in INFRASTRUCTURE:
            self._infrastructure(service).stop()
        else:
            self._control_plane.stop(service)

    def start(self, service: str) -> None:
        """Returns when it answers; a compute may need some seconds more to be `up`, see wait_computes."""
        self._service(service)
        if service.startswith(COMPUTE):
            computes.chassis(self.host(service.removeprefix(COMPUTE))).power_on()
        elif service in INFRASTRUCTURE:
            self._infrastructure(service).start()
            self._infrastructure(service).wait_ready()
        else:
            self._control_plane.start(service)
            self._control_plane.wait_ready(service)

    def services(self) -> dict[str, bool]:
        """Infrastructure and control plane: does it run?"""
        return {
            "mariadb": self._database.alive(),
            "rabbitmq": self._bus.alive(),
            **{service: self._control_plane.alive(service) for service in SERVICES},
        }

    @cached_property
    def nova(self) -> Nova:
        self._record()
        return lifecycle.nova_of(self.plan)

    def nova_boot_unlaunched(self, host: str, name: str = "unlaunched") -> str:
        """A server that is still being built on `host` (BUILD, launched_at null) and stays so until `reset`.

        Nothing else can be started on that host any more.
        """
        self.spawn_mode(host, "hold")
        server = self.nova.create(self.nova.new_server(host, metadata={}) | {"name": name})
        self.nova.wait(
            lambda: self.nova.server(server)["OS-EXT-STS:task_state"] == "spawning", 60, f"{name} to be spawning"
        )
        return server

    def sql(self, statement: str) -> list[list[str]]:
        """Rows of text from MariaDB as root; name tables with their schema, e.g. nova_cell1.instances."""
        return self._database.sql(statement)

    def database_url(self, schema: str) -> str:
        """Of a schema of the caller's own in the lab's MariaDB, created if it does not exist."""
        self.sql(f"CREATE DATABASE IF NOT EXISTS `{schema}` CHARACTER SET utf8mb4")
        return f"mysql+pymysql://root@127.0.0.1:{self.plan.port('mariadb')}/{schema}?charset=utf8mb4"

    @property
    def clouds_yaml(self) -> Path:
        return self.plan.clouds_yaml

    def environment(self) -> dict[str, str]:
        """What an OpenStack client needs."""
        self._record()
        return {
            "OS_CLIENT_CONFIG_FILE": str(self.clouds_yaml),
            "OS_CLOUD": "lab",
            "OS_AUTH_URL": f"{self.plan.url('keystone')}/v3",
            "OS_USERNAME": "admin",
            "OS_PASSWORD": lifecycle.password_of(self.plan),
            "OS_PROJECT_NAME": "admin",
            "OS_USER_DOMAIN_ID": "default",
            "OS_PROJECT_DOMAIN_ID": "default",
            "OS_REGION_NAME": "RegionOne",
            "OS_IDENTITY_API_VERSION": "3",
            "OS_INTERFACE": "public",
        }

    def secrets(self) -> list[str]:
        """Every password of this lab, to look for leaks."""
        return [lifecycle.password_of(self.plan), *(s for name in self.hosts for s in self.bmc_of(name).secrets)]

    def synthetic_hosts(self, count: int) -> list[str]:
        return SyntheticHosts(self.sql).add(count)

    def refresh_synthetic(self) -> None:
        SyntheticHosts(self.sql).refresh()

    def remove_synthetic(self) -> None:
        SyntheticHosts(self.sql).remove()

    def _record(self) -> Record:
        record = Record.load(self.plan)
        if record is None:
            raise LabError(f"there is no lab on slot {self.plan.slot}: make it with `up`")
        return record

    def _infrastructure(self, service: str) -> Database | MessageBus:
        return self._database if service == "mariadb" else self._bus

    def _service(self, name: str) -> None:
        if name.startswith(COMPUTE):
            self.host(name.removeprefix(COMPUTE))
        elif name not in (*INFRASTRUCTURE, *SERVICES):
            known = ", ".join([*INFRASTRUCTURE, *SERVICES, f"{COMPUTE}HOST"])
            raise LabError(f"service {name!r} is not in this lab: it has {known}")
