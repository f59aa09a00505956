# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook power_host and its modules as an operator or the daemon runs them, against real ipmi_sim processes."""

from __future__ import annotations

import json
import os
import subprocess
import time
import typing as t
from pathlib import Path

import pytest

from tests.integration.power.bmc import Bmc
from tests.integration.power.site import BIN, ENVIRONMENT, HOST, POWER, POWER_INFO, ROOT, Site


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


def test_a_host_with_two_controls_is_switched_by_the_second(site: Site, second: Bmc) -> None:
    """The default control is frozen; another control of the same host, here a second controller, confirms."""
    second.host_is("on")
    site.write_hosts({HOST: [second.item(title="spare"), site.bench.item(default=True)]})
    site.bench.fault("silent")
    outcome = site.run("off", power_timeout=3)
    (result,) = outcome.results(POWER)
    assert outcome.status == 0
    assert (result["power"]["control"], result["power"]["result"]) == ("spare", "OFF_CONFIRMED")
    told = [(attempt["control"], attempt["result"]) for attempt in result["power"]["attempts"]]
    assert told == [("bmc", "UNKNOWN"), ("spare", "OFF_CONFIRMED")]
    assert second.host_state == "off"


def test_check_mode_names_the_controls_of_a_host_with_two(site: Site, second: Bmc) -> None:
    site.bench.host_is("on")
    site.write_hosts({HOST: [second.item(title="spare"), site.bench.item(default=True)]})
    outcome = site.run("off", command_line="--check")
    assert "off would be sent by bmc, and if that is not confirmed by spare" in " ".join(outcome.output.split())
    assert site.bench.commands("set") == second.commands("set") == []


def test_a_wrong_link_is_not_confirmed(site: Site, second: Bmc) -> None:
    """The first control accepts and does nothing; the second confirms off, but the first still reads on."""
    site.bench.host_is("on")
    site.bench.fault("stuck")
    site.write_hosts({HOST: [site.bench.item(default=True), second.item(title="spare")]})
    outcome = site.run("off", power_timeout=3)
    (failed,) = outcome.results(POWER)
    assert outcome.status == 2
    assert (failed["power"]["control"], failed["power"]["result"]) == ("bmc", "STILL_ON")
    assert "after power control spare confirmed off" in failed["msg"]


def test_another_machine_at_the_address_is_refused_with_both_serials(site: Site, second: Bmc) -> None:
    site.bench.host_is("on")
    recorded = str(second.guid)
    site.write_hosts({HOST: [site.bench.item(default=True, identity=recorded), second.item(title="spare")]})
    outcome = site.run("off")
    (failed,) = outcome.results(POWER)
    assert failed["power"]["result"] == "UNKNOWN"
    assert f"it tells identity {site.bench.guid}, recorded is {recorded}; nothing was sent" in failed["msg"]
    assert site.bench.commands("set") == second.commands("set") == []


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


def test_the_example_inventory_gives_every_hypervisor_a_whole_control() -> None:
    done = subprocess.run(
        [str(BIN / "ansible-inventory"), "-i", str(ROOT / "inventory/example"), "--list"],
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    )
    inventory = json.loads(done.stdout)
    hosts = {name: inventory["_meta"]["hostvars"][name] for name in inventory["hypervisors"]["hosts"]}
    assert sorted(hosts) == [f"compute-0{number}.example.org" for number in (1, 2, 3)]
    for variables in hosts.values():
        (control,) = variables["power_controls"]
        assert {"title", "protocol", "address", "username", "password"} <= set(control)
