# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the collection's playbooks on targets, as an operator does, and tell what came of it."""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tests.lab import processes
from tests.lab.client import Lab
from tests.lab.plan import REPOSITORY
from tests.lab.record import write_private
from tests.targets import site, state
from tests.targets.plan import Plan
from tests.targets.target import Target

Environment = Mapping[str, str]

NOTHING: Environment = {}
HERE = Path(__file__).parent
WHEELHOUSE, PRODUCT = "/srv/wheelhouse", "/srv/product"
# oslo.config, an address and a shell would each read something else into one of these.
PASSWORDS = {
    "aos_database_password": "db p@ss/w%rd$1",
    "aos_rabbitmq_password": 'mq "pass" word$2',
    "aos_keystone_password": "ks 'pass' word: $3",
}
AS_IN_THE_GUIDE = {**dict.fromkeys(PASSWORDS, "password"), "aos_package_extras": ["osc"]}
CURRENT, RELEASES = "/opt/aos/cloud-manager/current", "/opt/aos/cloud-manager/releases"
# What a release and a snapshot are called.
CALLED = re.compile(r"(?<= releases/)\S+|(?<=/cloud_manager/)\d{8}T\d{6}Z")


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


class Found(NamedTuple):
    """What an installation has made, without what its release is called and without the files in it.

    settings: what the configuration decides, `section.parameter` -> value.
    """

    state: state.State
    settings: dict[str, str]
    packages: list[str]


class Installed(NamedTuple):
    """found: as it was when it had just been installed."""

    site: Site
    found: Found


class Site:
    """Targets as the controllers of an installation against the lab, and what an operator says of them."""

    def __init__(self, plan: Plan, lab: Lab, folder: Path, *targets: Target) -> None:
        self.plan, self.lab, self.folder, self.targets = plan, lab, folder, targets
        self.hosts = {target.name: {"ansible_target_instance": str(target.folder)} for target in targets}
        self.variables = settings(lab, site.built(plan))

    def up(self, debian: str = "12") -> None:
        """Boot the targets, which see the product and what it needs."""
        product = site.built(self.plan)
        for target in self.targets:
            target.up(debian, {Path(product["wheelhouse"]): WHEELHOUSE, Path(product["wheel"]).parent: PRODUCT})

    def down(self) -> None:
        for target in self.targets:
            target.down()

    def play(self, playbook: str, *options: str, environment: Environment = NOTHING, **variables: Any) -> Played:
        """Run it to its end; the variables are the controllers'."""
        started = self.start(playbook, *options, environment=environment, **variables)
        started.wait()
        return Played(started.returncode, self._log.read_text(), self._told())

    def start(
        self, playbook: str, *options: str, environment: Environment = NOTHING, **variables: Any
    ) -> subprocess.Popen[bytes]:
        self._told_file.write_text("")
        place = self.folder / "inventory.json"
        group = {"hosts": self.hosts, "vars": self.variables | variables}
        write_private(place, json.dumps({"controllers": group}))
        with self._log.open("wb") as log:
            return subprocess.Popen(
                ["ansible-playbook", f"aos.cloud_manager.{playbook}", "--inventory", str(place), *options],
                cwd=self.folder,
                env={**usual(self.lab, self.folder), "AOS_TOLD": str(self._told_file), **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def look(self) -> Found:
        """What there is on the first controller and in the lab's services."""
        target = self.targets[0]
        gathered = state.gather(lambda program: target.run("python3", "-", stdin=program).stdout, self.lab)
        read = configparser.ConfigParser(interpolation=None, default_section="")
        read.read_string(target.run("cat", "/etc/aos/cloud_manager.conf").stdout)
        packages = target.run(f"{CURRENT}/bin/pip", "freeze").stdout.splitlines()
        return Found(
            {
                section: [CALLED.sub("NAME", line) for line in lines if not line.startswith(f"{RELEASES}/")]
                for section, lines in gathered.items()
            },
            {f"{section}.{name}": value for section in read.sections() for name, value in read[section].items()},
            [package.partition(" @ ")[0] for package in packages],
        )

    @property
    def _log(self) -> Path:
        return self.folder / "output.log"

    @property
    def _told_file(self) -> Path:
        return self.folder / "told.jsonl"

    def _told(self) -> list[Told]:
        return [Told(**json.loads(line)) for line in self._told_file.read_text().splitlines()]


def kill(started: subprocess.Popen[bytes]) -> None:
    """SIGKILL for ansible-playbook and all that it has started, in the target too; none of them gets a moment."""
    found: list[int] = []
    while more := [pid for pid in family(started.pid) if pid not in found]:
        processes.send(more, signal.SIGSTOP)
        found += more
    processes.send(found, signal.SIGKILL)
    started.wait()


def family(pid: int) -> Iterator[int]:
    """The process and all that descend from it."""
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # it has ended
            for child in file.read_text().split():
                yield from family(int(child))


def runs(started: subprocess.Popen[bytes], words: str) -> bool:
    """Whether a process of it, in the target or here, has these words in its command."""
    return any(words in command(pid) for pid in family(started.pid))


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


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


def usual(lab: Lab, folder: Path) -> dict[str, str]:
    """The administrator's cloud by its clouds.yaml alone; what a killed run leaves stays in the folder."""
    return {
        **os.environ,
        **{name: value for name, value in lab.environment().items() if name == "OS_CLIENT_CONFIG_FILE"},
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "told",
        "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / "collections"),
        "ANSIBLE_CONNECTION_PLUGINS": str(REPOSITORY / "tests/targets/connection_plugins"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_LOCAL_TEMP": str(folder / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "TMPDIR": str(folder),
    }
