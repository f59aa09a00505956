# SPDX-License-Identifier: GPL-3.0-or-later
"""Play the collection's playbooks and single modules against the lab, as an operator does."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import ansible_runner

from tests.lab.client import Lab

ROOT = Path(__file__).parents[3]
PREFIX = "aos.cloud_manager."


@dataclasses.dataclass
class Played:
    """The end of a playbook. results: what each module returned, [(module, host, result)]."""

    rc: int
    output: str
    results: list[tuple[str, str, dict[str, Any]]]

    def of(self, module: str, host: str | None = None) -> dict[str, Any]:
        """The last result of a module, on a host or on any."""
        found = [result for name, where, result in self.results if name == module and host in (None, where)]
        assert found, f"{module} did not run; the playbook said:\n{self.output}"
        return found[-1]

    def ran(self, module: str) -> bool:
        return any(name == module for name, _host, _result in self.results)


def environment(lab: Lab) -> dict[str, str]:
    """The cloud by its clouds.yaml alone: ansible-runner writes the environment into its artifacts."""
    return {
        **os.environ,
        **{name: value for name, value in lab.environment().items() if name in ("OS_CLIENT_CONFIG_FILE", "OS_CLOUD")},
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


def inventory(lab: Lab, folder: Path) -> Path:
    """The lab's hosts with their power controls, readable by its owner only."""
    place = folder / "inventory.json"
    place.touch(0o600)
    hosts = {host: {"power_controls": [lab.bmc_control(host)]} for host in lab.hosts}
    place.write_text(json.dumps({"all": {"hosts": hosts}}))
    return place


def fail(lab: Lab, *hosts: str) -> None:
    """Take the power of the hosts away, and wait until Nova calls them down."""
    for host in hosts:
        lab.kill(host)
    lab.nova.wait(
        lambda: all(lab.nova.services()[host]["state"] == "down" for host in hosts), 60, "Nova to call the hosts down"
    )


def play(lab: Lab, folder: Path, name: str, **variables: Any) -> Played:
    """Run a playbook by its full name; check=True rehearses it."""
    (folder / "runner").mkdir(exist_ok=True)
    rehearse = {"cmdline": "--check"} if variables.pop("check", False) else {}
    run = ansible_runner.run(
        private_data_dir=str(folder / "runner"),
        inventory=str(inventory(lab, folder)),
        playbook=PREFIX + name,
        extravars=variables,
        envvars=environment(lab),
        quiet=True,
        suppress_env_files=True,
        **rehearse,
    )
    results = [
        (data["task_action"].removeprefix(PREFIX), data["host"], data["res"])
        for event in run.events
        if event["event"] in ("runner_on_ok", "runner_on_failed")
        and str((data := event["event_data"]).get("task_action", "")).startswith(PREFIX)
    ]
    return Played(run.rc, Path(run.stdout.name).read_text(), results)


def start(lab: Lab, folder: Path, name: str, **variables: Any) -> subprocess.Popen[bytes]:
    """Start a playbook in a session of its own, to be killed."""
    command = ["ansible-playbook", PREFIX + name, "-i", str(inventory(lab, folder)), "-e", json.dumps(variables)]
    log = (folder / "started.log").open("wb")
    return subprocess.Popen(command, env=environment(lab), stdout=log, stderr=log, start_new_session=True)


def module(lab: Lab, folder: Path, name: str, python: str, **options: Any) -> dict[str, Any]:
    """Run one module on localhost with the given Python, and return its result."""
    command = [
        "ansible",
        "localhost",
        "-i",
        "localhost,",
        "-c",
        "local",
        "-m",
        PREFIX + name,
        "-a",
        json.dumps(options),
    ]
    tree = folder / "tree"
    extra = {
        "ANSIBLE_CALLBACKS_ENABLED": "ansible.builtin.tree",
        "ANSIBLE_CALLBACK_TREE_DIR": str(tree),
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "1",
    }
    command += ["-e", f"ansible_python_interpreter={python}"]
    subprocess.run(command, env=environment(lab) | extra, capture_output=True, check=True)
    found: dict[str, Any] = json.loads((tree / "localhost").read_text())
    return found
