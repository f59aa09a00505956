# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks of the collection, run as an operator or the daemon runs them, on an inventory of simulated controllers."""

from __future__ import annotations

import json
import os
import sys
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

import ansible_runner

from tests.integration.power.bmc import Bmc

HOST = "compute-01.example.org"
POWER = "aos.cloud_manager.power"
POWER_INFO = "aos.cloud_manager.power_info"
ROOT = Path(__file__).resolve().parents[3]
FAST = {"power_timeout": 8, "reading_interval": 0.3}
BIN = Path(sys.executable).parent
# The interpreter of the test, so that its libraries are found whatever PATH says.
ENVIRONMENT = {
    "PATH": f"{BIN}:{os.environ['PATH']}",
    "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
    "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
    "ANSIBLE_NOCOLOR": "1",
}


@dataclass
class Outcome:
    """What a run of the playbook showed. artifacts: the text of every file that ansible-runner leaves."""

    status: int
    events: list[dict[str, t.Any]]
    output: str
    artifacts: str

    def results(self, module: str) -> list[dict[str, t.Any]]:
        """Return the results of a module as the daemon reads them."""
        return [
            event["event_data"]["res"]
            for event in self.events
            if event["event"] in ("runner_on_ok", "runner_on_failed") and event["event_data"]["task_action"] == module
        ]

    def seconds(self, module: str) -> float:
        """Return how long the module's task took, from Ansible's view."""
        return max(event["event_data"]["duration"] for event in self.events if self._ended(event, module))

    @property
    def handed_over(self) -> t.Any:
        """What set_stats says at the end."""
        stats = next(event for event in self.events if event["event"] == "playbook_on_stats")
        return stats["event_data"]["artifact_data"]["aos_result"]

    def _ended(self, event: dict[str, t.Any], module: str) -> bool:
        data = event["event_data"]
        return event["event"] in ("runner_on_ok", "runner_on_failed") and data["task_action"] == module


@dataclass
class Site:
    """An inventory with the bench's host and some that are set up wrongly."""

    folder: Path
    bench: Bmc

    def write(self, **hosts: list[dict[str, t.Any]]) -> None:
        """Write the inventory: the bench's host, and others with their controls."""
        self.write_hosts({HOST: [self.bench.item()]} | hosts)

    def write_hosts(self, hosts: dict[str, list[dict[str, t.Any]]]) -> None:
        names = {name: {"power_controls": controls} for name, controls in hosts.items()}
        self.inventory.write_text(json.dumps({"hypervisors": {"hosts": names}}))

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.json"

    def run(self, state: str, host: str = HOST, command_line: str = "", **variables: t.Any) -> Outcome:
        return self.play("power_host", host, command_line, **{"power_state": state} | FAST | variables)

    def play(self, playbook: str, host: str | None = HOST, command_line: str = "", **variables: t.Any) -> Outcome:
        """Run a playbook through ansible-runner; no secret may show anywhere but in the inventory.

        host: None where the playbook is not given one.
        """
        data = self.folder / f"runner-{time.monotonic_ns()}"
        data.mkdir()
        runner = ansible_runner.run(
            private_data_dir=str(data),
            playbook=f"aos.cloud_manager.{playbook}",
            inventory=str(self.inventory),
            extravars=({} if host is None else {"host": host}) | variables,
            envvars=ENVIRONMENT,
            cmdline=command_line or None,
            quiet=True,
        )
        artifacts = "".join(
            path.read_text(errors="replace") for path in (data / "artifacts").rglob("*") if path.is_file()
        )
        outcome = Outcome(runner.rc, list(runner.events), runner.stdout.read(), artifacts)
        for secret in (self.bench.password, self.bench.wrong_password):
            assert secret not in outcome.output
            assert secret not in outcome.artifacts
        assert "Traceback" not in outcome.output
        return outcome
