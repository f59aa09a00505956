# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a lab, and leave nothing of it."""

from __future__ import annotations

import fcntl
import json
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab import computes, database, network, processes, requisites, rest
from tests.lab.bmc import Bmc
from tests.lab.configuration import Configuration
from tests.lab.control_plane import SERVICES, ControlPlane
from tests.lab.errors import LabError
from tests.lab.infrastructure import Database, MessageBus
from tests.lab.nova import Nova
from tests.lab.plan import PORTS, Host, Plan
from tests.lab.progress import Progress, wait
from tests.lab.record import Options, Record, write_private


def password_of(plan: Plan) -> str:
    """Of all OpenStack users of this lab."""
    password: str = json.loads((plan.folder / "password.json").read_text())
    return password


def nova_of(plan: Plan) -> Nova:
    return Nova(rest.Session(plan.url("keystone"), password_of(plan)), plan.url("nova-api"), plan.url("glance"))


def running(plan: Plan) -> Record | None:
    """The record of a lab that was made completely and of which something still lives."""
    record = Record.load(plan)
    return record if record and record.ready and any(processes.of_lab(str(plan.folder))) else None


def up(plan: Plan, hosts: int, options: Options | None, progress: Progress) -> None:
    """Make the lab, or complete a running one: what died is started, missing hosts are added, none is taken away."""
    plan.hosts(hosts)
    requisites.require_root()
    with _exclusive(plan):
        record = running(plan)
        if record:
            if options not in (None, record.options):
                raise LabError(f"the lab on slot {plan.slot} runs with {record.options}: take it down first")
            _Builder(plan, record.options, progress).complete(max(hosts, record.hosts))
        else:
            clean(plan)
            plan.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            options = options or Options()
            Record(hosts, options, ready=False).save(plan)
            _Builder(plan, options, progress).build(hosts)
    progress.done(f"The lab on slot {plan.slot} is up")


def down(plan: Plan, progress: Progress) -> None:
    _refuse_foreign_folder(plan)
    requisites.require_root()
    with _exclusive(plan):
        found = clean(plan)
    progress.done(f"The lab on slot {plan.slot} is gone, {found} processes were stopped")


def clean(plan: Plan) -> int:
    """Remove every process, namespace, bridge, rule and file of this lab; returns how many processes there were."""
    _refuse_foreign_folder(plan)
    found = processes.kill_lab(str(plan.folder))
    # The network is known by the slot alone: it may be that of a lab in another folder.
    _refuse_strangers(plan)
    network.down(plan)
    shutil.rmtree(plan.folder, ignore_errors=True)
    return found


def _refuse_foreign_folder(plan: Plan) -> None:
    if plan.folder.exists() and any(plan.folder.iterdir()) and not Record.path(plan).exists():
        raise LabError(f"{plan.folder} is not a lab's folder: remove it, or set AOS_LAB_DIR to another")


def _refuse_strangers(plan: Plan) -> None:
    for service in PORTS:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", plan.port(service)))
            except OSError as exc:
                raise LabError(
                    f"port {plan.port(service)} for {service} is in use: choose another slot than {plan.slot}"
                ) from exc


@contextmanager
def _exclusive(plan: Plan) -> Iterator[None]:
    """Two commands never make or remove the same lab at once."""
    plan.cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(plan.cache / f"lab-slot-{plan.slot}.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _Builder:
    def __init__(self, plan: Plan, options: Options, progress: Progress) -> None:
        self._plan = plan
        self._options = options
        self._progress = progress
        self._venv = requisites.venv_path(plan)
        self._control_plane = ControlPlane(plan, self._venv)
        self._database = Database(plan)
        self._bus = MessageBus(plan)

    def build(self, hosts: int) -> None:
        self._satisfy()
        for folder in (self._plan.pids, self._plan.logs, self._plan.data):
            folder.mkdir(parents=True)
        self._template()
        with self._progress.step("databases"):
            password = database.template_password(self._plan)
            write_private(self._plan.folder / "password.json", json.dumps(password))
            self._configure(password)
            database.restore_template(self._plan)
        self.complete(hosts)

    def _template(self) -> None:
        """Who comes second waits for the first one's."""
        with requisites.cache_locked(self._plan):
            if database.template_ready(self._plan):
                return
            with self._progress.step("databases of all services, once"):
                password = database.new_password()
                self._configure(password)
                database.build_template(self._plan, self._control_plane, password)

    def complete(self, hosts: int) -> None:
        """Start all that does not run."""
        plan, names = self._plan, self._plan.hosts(hosts)
        configuration = self._configure(password_of(plan))
        with self._progress.step("database server, network, BMCs"):
            self._database.start()
            self._bus.start()
            network.up(plan)
            network.connect(plan, names)
            for host in names:
                computes.prepare(plan, self._venv, configuration, host)
                Bmc(plan, host).start()
            self._database.wait_ready()
            database.fit_to_slot(plan, self._database)
            database.map_hosts(self._database, [host.name for host in names])
        with self._progress.step("message bus and APIs"):
            for service in SERVICES:
                self._control_plane.start(service)
            self._bus.wait_ready()
            for service in SERVICES:
                self._control_plane.wait_ready(service)
        with self._progress.step(f"{hosts} computes"):
            self._start_computes(names)
        Record(hosts, self._options, ready=True).save(plan)

    def _satisfy(self) -> None:
        missing = requisites.missing_packages()
        if missing:
            with self._progress.step(f"Debian packages {' '.join(missing)}"):
                requisites.install_packages(missing)
        if not requisites.venv_ready(self._plan):
            with self._progress.step("virtual environment with OpenStack, once"):
                requisites.make_venv(self._plan)

    def _configure(self, password: str) -> Configuration:
        configuration = Configuration(self._plan, self._venv, self._options, password)
        configuration.write_control_plane()
        return configuration

    def _start_computes(self, hosts: list[Host]) -> None:
        for host in hosts:
            computes.chassis(host).power_on()
        nova = nova_of(self._plan)
        nova.seed()
        wait_computes(nova, hosts)


def wait_computes(nova: Nova, hosts: list[Host], timeout: float = 120) -> None:
    """Until all take requests and Nova says so too."""
    wait_computes_ready(hosts, timeout)
    wanted = {host.name for host in hosts}

    def seen() -> bool:
        try:
            services = nova.services()
            return all(services.get(name, {}).get("state") == "up" for name in wanted)
        except rest.RestError:
            return False

    wait(seen, timeout, "Nova to see all computes up")


def wait_computes_ready(hosts: list[Host], timeout: float = 120) -> None:
    """Until all take requests."""

    def ready() -> bool:
        for host in hosts:
            if not computes.chassis(host).powered:
                raise RuntimeError(f"nova-compute of {host.name} died, see nova-{host.name}.log in the lab's folder")
        return all(computes.ready(host) for host in hosts)

    wait(ready, timeout, "every nova-compute to take requests")
