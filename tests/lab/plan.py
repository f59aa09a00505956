# SPDX-License-Identifier: GPL-3.0-or-later
"""Where everything of one lab is: ports, addresses, names and folders, all derived from its slot number."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.lab.errors import LabError

SLOTS = range(10)
MAX_HOSTS = 100
SOURCE = Path(__file__).parent
REPOSITORY = SOURCE.parent.parent

# The last two digits remind of each service's usual port.
PORTS = {
    "mariadb": 6,
    "rabbitmq": 72,
    "rabbitmq-management": 15,
    "epmd": 69,
    "rabbitmq-distribution": 25,
    "keystone": 50,
    "placement": 78,
    "nova-api": 74,
    "glance": 92,
    "neutron": 96,
}
# What a nova-compute must reach from its namespace.
COMPUTE_PEERS = ("rabbitmq", "keystone", "placement", "glance", "neutron")


@dataclass(frozen=True, slots=True)
class Host:
    """One nova-compute: its name in Nova, its network and its BMC."""

    name: str
    index: int
    namespace: str
    veth: str
    address: str
    bmc_address: str
    folder: Path

    @property
    def spawn_mode(self) -> Path:
        """How its virt driver starts guests, see in_venv/lab_driver.py."""
        return self.folder / "state" / "spawn-mode"


@dataclass(frozen=True, slots=True)
class Plan:
    slot: int
    folder: Path
    cache: Path

    @classmethod
    def from_environment(cls, slot: int | None = None, environ: Mapping[str, str] = os.environ) -> Plan:
        """`slot` wins over AOS_LAB_SLOT; AOS_LAB_DIR and AOS_CACHE move the folders."""
        text = str(slot) if slot is not None else environ.get("AOS_LAB_SLOT") or "0"
        if not text.isdecimal() or int(text) not in SLOTS:
            raise LabError(f"slot {text!r}: must be a number from {SLOTS[0]} to {SLOTS[-1]}")
        folder = environ.get("AOS_LAB_DIR") or f"{tempfile.gettempdir()}/aos-lab-{text}"
        cache = environ.get("AOS_CACHE") or f"{environ.get('HOME', '/root')}/.cache/aos-cloud-manager"
        return cls(int(text), Path(folder).absolute(), Path(cache).absolute())

    def port(self, service: str) -> int:
        return 21000 + 100 * self.slot + PORTS[service]

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.port(service)}"

    @property
    def bridge(self) -> str:
        return f"aos-lab-{self.slot}"

    @property
    def namespace_prefix(self) -> str:
        return f"aos-lab-{self.slot}-"

    @property
    def gateway(self) -> str:
        """The bridge's address; what the computes know the control plane by."""
        return f"10.99.{self.slot}.1"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def etc(self) -> Path:
        return self.folder / "etc"

    @property
    def logs(self) -> Path:
        return self.folder / "log"

    @property
    def pids(self) -> Path:
        return self.folder / "pid"

    @property
    def clouds_yaml(self) -> Path:
        return self.folder / "clouds.yaml"

    def hosts(self, count: int) -> list[Host]:
        if not 1 <= count <= MAX_HOSTS:
            raise LabError(f"{count} hosts: a lab has between 1 and {MAX_HOSTS}")
        return [self._host(index) for index in range(1, count + 1)]

    def _host(self, index: int) -> Host:
        name = f"compute-{index:02d}"
        return Host(
            name=name,
            index=index,
            namespace=self.namespace_prefix + name,
            veth=f"aos{self.slot}-v{index}",
            address=f"10.99.{self.slot}.{10 + index}",
            bmc_address=f"127.0.{20 + self.slot}.{index}",
            folder=self.folder / "hosts" / name,
        )
