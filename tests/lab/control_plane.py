# SPDX-License-Identifier: GPL-3.0-or-later
"""The OpenStack services that are not nova-compute."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.lab import processes, rest
from tests.lab.plan import SOURCE, Plan
from tests.lab.progress import wait


@dataclass(frozen=True, slots=True)
class Api:
    """A WSGI application; `environment` says where its configuration is, with {etc} for the folder."""

    module: str
    threads: int
    environment: dict[str, str]
    path: str = "/"


APIS = {
    "keystone": Api(
        "keystone.wsgi.api",
        8,
        {"OS_KEYSTONE_CONFIG_DIR": "{etc}/keystone", "OS_KEYSTONE_CONFIG_FILES": "keystone.conf"},
        "/v3",
    ),
    "placement": Api("placement.wsgi.api", 8, {"OS_PLACEMENT_CONFIG_DIR": "{etc}/placement"}),
    "nova-api": Api("nova.wsgi.osapi_compute", 16, {"OS_NOVA_CONFIG_DIR": "{etc}/nova"}),
    "glance": Api("glance.wsgi.api", 4, {"OS_GLANCE_CONFIG_DIR": "{etc}/glance"}),
    "neutron": Api(
        "neutron.wsgi.api",
        4,
        {"OS_NEUTRON_CONFIG_DIR": "{etc}/neutron", "OS_NEUTRON_CONFIG_FILES": "neutron.conf"},
    ),
}
WORKERS = {"conductor": "nova-conductor", "scheduler": "nova-scheduler"}
SERVICES = ("conductor", "keystone", "placement", "nova-api", "glance", "neutron", "scheduler")


class ControlPlane:
    def __init__(self, plan: Plan, venv: Path) -> None:
        self._plan = plan
        self._venv = venv

    def start(self, service: str) -> None:
        if self.alive(service):
            return
        if service in APIS:
            api = APIS[service]
            argv = [
                f"{self._venv}/bin/python",
                f"{SOURCE}/in_venv/serve.py",
                api.module,
                str(self._plan.port(service)),
                str(api.threads),
            ]
            own = {name: value.format(etc=self._plan.etc) for name, value in api.environment.items()}
        else:
            argv = [f"{self._venv}/bin/{WORKERS[service]}", "--config-file", f"{self._plan.etc}/nova/nova.conf"]
            own = {}
        processes.spawn(
            str(self._plan.folder),
            service,
            argv,
            pid_file=f"{self._plan.pids}/{service}",
            log=f"{self._plan.logs}/{service}.log",
            env={**environment(self._venv), **own},
        )

    def alive(self, service: str) -> bool:
        return processes.alive(str(self._plan.folder), service, f"{self._plan.pids}/{service}")

    def wait_ready(self, service: str, timeout: float = 90) -> None:
        if service in APIS:
            wait(lambda: self._answers(service), timeout, service)

    def stop(self, service: str) -> None:
        processes.stop_unit(str(self._plan.folder), service, grace=1)

    def _answers(self, service: str) -> bool:
        if not self.alive(service):
            raise RuntimeError(f"{service} died, see {self._plan.logs}/{service}.log")
        try:
            rest.call("GET", self._plan.url(service) + APIS[service].path, timeout=5)
        except rest.RestError:
            return False
        return True


def environment(venv: Path) -> dict[str, str]:
    """Of every process that runs out of the virtual environment."""
    return {
        "PATH": f"{venv}/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        # Native threads: eventlet is on its way out of Nova.
        "OS_NOVA_DISABLE_EVENTLET_PATCHING": "1",
        "PYTHONUNBUFFERED": "1",
    }
