# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook power_host and its modules as an operator or the daemon runs them, against real ipmi_sim processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

import ansible_runner
import pytest

from tests.integration.power.bmc import Bmc
from tests.integration.power.conftest import HOST

ROOT = Path(__file__).resolve().parents[3]
POWER = "aos.cloud_manager.power"
POWER_INFO = "aos.cloud_manager.power_info"
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
        names = {name: {"power_controls": controls} for name, controls in hosts.items()}
        names[HOST] = {"power_controls": [self.bench.item()]}
        self.inventory.write_text(json.dumps({"hypervisors": {"hosts": names}}))

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.json"

    def run(self, state: str, host: str = HOST, command_line: str = "", **variables: t.Any) -> Outcome:
        """Run power_host through ansible-runner; no secret may show anywhere but in the inventory."""
        data = self.folder / f"runner-{time.monotonic_ns()}"
        data.mkdir()
        runner = ansible_runner.run(
            private_data_dir=str(data),
            playbook="aos.cloud_manager.power_host",
            inventory=str(self.inventory),
            extravars={"host": host, "power_state": state} | FAST | variables,
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


@pytest.fixture
def site(tmp_path: Path, bench: Bmc) -> Site:
    site = Site(tmp_path, bench)
    site.write()
    return site


def test_a_host_is_switched_off_and_the_second_run_changes_nothing(site: Site) -> None:
    site.bench.host_is("on")
    outcome = site.run("off")
    (result,) = outcome.results(POWER)
    assert outcome.status == 0
    assert result["changed"]
    assert result["power"]["result"] == "OFF_CONFIRMED"
    assert site.bench.host_state == "off"
    assert outcome.handed_over == {"power": {HOST: result["power"]}}
    again = site.run("off")
    assert not again.results(POWER)[0]["changed"]
    assert again.results(POWER)[0]["power"]["result"] == "OFF_CONFIRMED"


def test_a_confirmed_off_takes_about_a_second(site: Site) -> None:
    """The best of three, since the machine may be busy."""
    switched, read = [], []
    for _turn in range(3):
        site.bench.host_is("on")
        switched.append(site.run("off").seconds(POWER))
        read.append(site.run("status").seconds(POWER_INFO))
    assert min(switched) < 2.0
    assert min(read) < 1.5


def test_on_soft_off_and_cycle_work_by_hand(site: Site) -> None:
    assert site.run("on").results(POWER)[0]["power"]["result"] == "ON_CONFIRMED"
    assert site.run("soft_off").results(POWER)[0]["power"]["result"] == "OFF_CONFIRMED"
    assert site.run("cycle").results(POWER)[0]["power"]["result"] == "ACCEPTED"


def test_status_switches_nothing_and_tells_a_human(site: Site) -> None:
    site.bench.host_is("on")
    outcome = site.run("status")
    assert outcome.results(POWER_INFO)[0]["power"]["state"] == "on"
    assert outcome.results(POWER) == []
    assert f"{site.bench.address}:{site.bench.port}) reads on" in " ".join(outcome.output.split())
    assert site.bench.commands("set") == []


def test_check_mode_switches_nothing(site: Site) -> None:
    site.bench.host_is("on")
    outcome = site.run("off", command_line="--check --diff")
    (result,) = outcome.results(POWER)
    assert (result["changed"], result["power"]["result"]) == (True, "NOT_SENT")
    assert result["diff"] == {"before": {"power": "on"}, "after": {"power": "off"}}
    assert site.bench.commands("set") == []


@pytest.mark.parametrize("verbosity", ["", "-vvv"])
def test_a_wrong_password_is_unknown_at_once(site: Site, verbosity: str) -> None:
    site.bench.host_is("on")
    site.write(imposter=[site.bench.item(password=site.bench.wrong_password)])
    outcome = site.run("off", host=f"{HOST},imposter", command_line=verbosity)
    by_host = {result["power"]["host"]: result for result in outcome.results(POWER)}
    assert outcome.status == 2
    assert by_host[HOST]["power"]["result"] == "OFF_CONFIRMED"
    failed = by_host["imposter"]
    assert failed["power"]["result"] == "UNKNOWN"
    assert failed["power"]["duration"] < 2
    assert f"host imposter: power control bmc (ipmi {site.bench.address}:{site.bench.port})" in failed["msg"]
    assert "refuses the login" in failed["msg"]
    assert set(outcome.handed_over["power"]) == {HOST, "imposter"}


@pytest.mark.parametrize(
    ("fault", "result", "said"), [("silent", "UNKNOWN", "answer"), ("stuck", "STILL_ON", "still reads on")]
)
def test_an_unconfirmed_off_fails_within_the_timeout(site: Site, fault: str, result: str, said: str) -> None:
    site.bench.host_is("on")
    site.bench.fault(fault)
    outcome = site.run("off", power_timeout=3)
    (failed,) = outcome.results(POWER)
    assert outcome.status == 2
    assert failed["power"]["result"] == result
    assert failed["power"]["duration"] < 4
    assert said in failed["msg"]
    site.bench.fault("none")
    assert site.run("off").results(POWER)[0]["power"]["result"] == "OFF_CONFIRMED"


def test_a_silent_control_is_a_status_and_no_failure(site: Site) -> None:
    site.bench.fault("silent")
    outcome = site.run("status", power_timeout=2)
    assert outcome.status == 0
    assert outcome.results(POWER_INFO)[0]["power"]["result"] == "UNKNOWN"


@pytest.mark.parametrize(
    ("host", "variables", "said"),
    [
        (f"{HOST},compute-99.example.org", {}, "Unknown host compute-99.example.org: not in the inventory"),
        ("all", {}, "Unknown host all: not in the inventory"),
        ("hypervisors", {}, "Unknown host hypervisors"),
        ("compute-*", {}, r"Unknown host compute-*"),
        (HOST, {"power_state": "maybe"}, "value of power_state must be one of"),
        (HOST, {"power_timeout": "soon"}, "power_timeout"),
        (HOST, {"off_readings": 0}, "0 readings prove nothing"),
        ("", {}, "Unknown host"),
        ("uncontrolled", {}, "host uncontrolled has no power control; give it one"),
    ],
)
def test_bad_input_is_named_and_switches_nothing(site: Site, host: str, variables: dict[str, t.Any], said: str) -> None:
    site.bench.host_is("on")
    site.write(uncontrolled=[])
    outcome = site.run("off", host=host, **variables)
    assert outcome.status == 2
    assert said in " ".join(outcome.output.split())
    assert site.bench.commands("set") == []


def test_the_password_is_in_no_argument_list(site: Site) -> None:
    site.bench.host_is("on")
    site.bench.slow(0.3)
    command = [str(BIN / "ansible-playbook"), "-i", str(site.inventory), "aos.cloud_manager.power_host"]
    command += ["-e", f"host={HOST}", "-e", "power_state=off", "-vvv"]
    with subprocess.Popen(
        command, cwd=site.folder, env=os.environ | ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        seen = b""
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        output = b""
        while process.poll() is None:
            seen += argument_lists()
            output += process.stdout.read() or b""
            time.sleep(0.05)
        output += process.stdout.read() or b""
    assert process.returncode == 0
    assert b"power_host" in seen
    assert b"OFF_CONFIRMED" in output
    assert site.bench.password.encode() not in seen
    assert site.bench.password.encode() not in output


def argument_lists() -> bytes:
    """Return the argument list of every process."""
    found = b""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += path.read_bytes()
        except OSError:  # it ended meanwhile
            continue
    return found


def test_a_module_runs_without_a_playbook(site: Site) -> None:
    """The example of the modules' documentation, ad hoc, credentials from the environment."""
    site.bench.host_is("on")
    item = site.bench.item()
    credentials = {"AOS_BMC_USERNAME": item.pop("username"), "AOS_BMC_PASSWORD": item.pop("password")}
    arguments = json.dumps({"name": HOST, "controls": [item]})
    done = subprocess.run(
        [str(BIN / "ansible"), "localhost", "-m", POWER_INFO, "-a", arguments],
        cwd=site.folder,
        env=os.environ | ENVIRONMENT | credentials,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "READ" in done.stdout
    assert site.bench.password not in done.stdout + done.stderr


def test_the_example_inventory_gives_every_host_a_whole_control() -> None:
    done = subprocess.run(
        [str(BIN / "ansible-inventory"), "-i", str(ROOT / "inventory/example"), "--list"],
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    hosts = json.loads(done.stdout)["_meta"]["hostvars"]
    assert sorted(hosts) == [f"compute-0{number}.example.org" for number in (1, 2, 3)]
    for variables in hosts.values():
        (control,) = variables["power_controls"]
        assert {"title", "protocol", "address", "username", "password"} <= set(control)
