# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the collection's playbooks on targets, as an operator does, and tell what came of it."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import rest
from tests.lab.client import Lab
from tests.lab.lifecycle import password_of
from tests.lab.plan import REPOSITORY
from tests.lab.record import write_private
from tests.targets import site, state
from tests.targets.plan import Plan
from tests.targets.target import Target

HERE = Path(__file__).parent
WHEELHOUSE, PRODUCT = "/srv/wheelhouse", "/srv/product"
# oslo.config, an address and a shell would each read something else into one of these.
PASSWORDS = {
    "aos_database_password": "db p@ss/w%rd$1",
    "aos_rabbitmq_password": 'mq "pass" word$2',
    "aos_keystone_password": "ks 'pass' word: $3",
}
DOES = ("changed", "failed", "unreachable")


@dataclass(frozen=True)
class Told:
    """What one task came to on one host: how is ok, changed, failed, ignored or unreachable."""

    how: str
    host: str
    task: str
    said: Any


@dataclass(frozen=True)
class Played:
    """The end of a playbook."""

    rc: int
    output: str
    told: list[Told]

    def tasks(self, how: str) -> list[str]:
        return [told.task.rpartition(" : ")[2] for told in self.told if told.how == how]

    @property
    def failure(self) -> str:
        """What the one task that failed said, in one line."""
        (failed,) = [told for told in self.told if told.how in ("failed", "unreachable")]
        return " ".join(failed.said) if isinstance(failed.said, list) else str(failed.said)


class Site:
    """Targets as the controllers of an installation against the lab, and what an operator says of them."""

    def __init__(self, plan: Plan, lab: Lab, folder: Path, *targets: Target, **variables: Any) -> None:
        self.plan, self.lab, self.folder, self.targets = plan, lab, folder, targets
        self.variables = settings(lab, site.built(plan)) | variables

    def up(self, debian: str = "12") -> None:
        """Boot the targets, which see the product and what it needs."""
        product = site.built(self.plan)
        for target in self.targets:
            target.up(debian, {Path(product["wheelhouse"]): WHEELHOUSE, Path(product["wheel"]).parent: PRODUCT})

    def down(self) -> None:
        for target in self.targets:
            target.down()

    def play(self, playbook: str, *options: str, killed_before: str = "", **variables: Any) -> Played:
        """Run it to its end, or until SIGKILL before the first task whose name, `ROLE : TASK`, begins so."""
        started = self.start(playbook, *options, killed_before=killed_before, **variables)
        output, _ = started.communicate()
        return Played(started.returncode, output.decode(), self._told())

    def start(self, playbook: str, *options: str, killed_before: str = "", **variables: Any) -> subprocess.Popen[bytes]:
        told, place = self.folder / "told.jsonl", self.folder / "inventory.json"
        told.write_text("")
        write_private(place, json.dumps(self._inventory(variables)))
        return subprocess.Popen(
            ["ansible-playbook", f"aos.cloud_manager.{playbook}", "--inventory", str(place), *options],
            cwd=self.folder,
            env=environment(self.lab) | {"AOS_TOLD": str(told), "AOS_KILLED_BEFORE": killed_before},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def gather(self) -> state.State:
        """What there is on the first controller and in the lab's services."""
        return state.gather(lambda program: self.targets[0].run("python3", "-", stdin=program).stdout, self.lab)

    def _inventory(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        hosts = {target.name: {"ansible_target_instance": str(target.folder)} for target in self.targets}
        return {"controllers": {"hosts": hosts, "vars": self.variables | variables}}

    def _told(self) -> list[Told]:
        return [Told(**json.loads(line)) for line in (self.folder / "told.jsonl").read_text().splitlines()]


def forget(lab: Lab) -> None:
    """Take out of the lab's services what an installation makes there, whoever made it."""
    lab.sql("DROP DATABASE IF EXISTS cloud_manager; DROP USER IF EXISTS 'aos'@'localhost', 'aos'@'%';")
    url, login = lab.plan.url("rabbitmq-management"), base64.b64encode(b"guest:guest").decode()
    for place in ("users/aos", "vhosts/aos"):
        with contextlib.suppress(rest.RestError):  # there is none
            rest.call("DELETE", f"{url}/api/{place}", headers={"Authorization": f"Basic {login}"})
    url = f"{lab.plan.url('keystone')}/v3"
    session = rest.Session(lab.plan.url("keystone"), password_of(lab.plan))
    for kind, query in (("services", "type=cloud-manager"), ("users", "name=aos")):
        for found in session.request("GET", f"{url}/{kind}?{query}")[kind]:
            session.request("DELETE", f"{url}/{kind}/{found['id']}")


def settings(lab: Lab, product: Mapping[str, str]) -> dict[str, Any]:
    """The least that a site has to say; see docs/deployment.md."""
    return {
        "ansible_connection": "target",
        "ansible_python_interpreter": "/usr/bin/python3",
        "aos_package": product["wheel"],
        "aos_collection": product["collection"],
        "aos_wheelhouse": WHEELHOUSE,
        "aos_keystone_auth_url": f"{lab.plan.url('keystone')}/v3",
        "aos_cloud": lab.environment()["OS_CLOUD"],
        "aos_database_host": "127.0.0.1",
        "aos_database_port": lab.plan.port("mariadb"),
        "aos_rabbitmq_api_url": lab.plan.url("rabbitmq-management"),
        "aos_rabbitmq_via": "api",
        "aos_rabbitmq_admin_password": "guest",
        "aos_config": {"node_tracker": {"loop_time": 2}},
        **PASSWORDS,
    }


def environment(lab: Lab) -> dict[str, str]:
    """The administrator's cloud by its clouds.yaml alone."""
    return {
        **os.environ,
        **{name: value for name, value in lab.environment().items() if name == "OS_CLIENT_CONFIG_FILE"},
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "told",
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / "collections"),
        "ANSIBLE_CONNECTION_PLUGINS": str(REPOSITORY / "tests/targets/connection_plugins"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
    }
