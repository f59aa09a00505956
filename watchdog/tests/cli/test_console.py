# SPDX-License-Identifier: GPL-3.0-or-later
"""The program as operators type it: what it prints, its exit status, and never a traceback."""

from __future__ import annotations

import json
import re
import signal

import pytest

from cloud_manager.adapters.store import SqlPowerControls
from cloud_manager.console.incidents import told
from cloud_manager.db import Database, PasswordBox
from cloud_manager.domain.facts import Power
from cloud_manager.domain.power import Check
from cloud_manager.domain.records import State, Step
from cloud_manager.ports import IncidentReport, IncidentSummary
from watchdog.tests.adapters import small_collection
from watchdog.tests.cli.site import COLLECTIONS, OPENED, Site, Watch, service, site

__all__ = ["site"]


def test_a_good_configuration_is_called_usable(site: Site) -> None:
    status, out, _ = site.run("check-config")
    assert status == 0
    assert "the configuration is valid" in out
    assert "cloud: scripted" in out


def test_all_problems_of_a_configuration_are_told_together(site: Site) -> None:
    site.configure(mutex="many", colour="blue", max_down_hosts="-1")
    status, _, err = site.run("check-config")
    assert status == 2
    assert err.count("error: ") == 3
    for words in ("[node_tracker] mutex", "[node_tracker] colour", "[node_tracker] max_down_hosts"):
        assert f"{site.config}: {words}" in err


@pytest.mark.parametrize("command", ["watch", "once", "plan", "check-config"])
def test_a_cloud_that_is_not_configured_ends_the_command(site: Site, command: str) -> None:
    site.config.write_text(site.config.read_text().replace("cloud = scripted", "cloud = nowhere"))
    status, _, err = site.run(command)
    assert (status, err.count("\n")) == (2, 1)
    assert "cloud nowhere can't be used" in err


def test_power_is_read_while_the_cloud_cannot_be_used(site: Site) -> None:
    text = site.config.read_text().replace("cloud = scripted", "cloud = nowhere")
    site.config.write_text(f"{text}collections_path = {COLLECTIONS}\n")
    board = ("--title", "board", "--protocol", "modbus", "--address", "127.0.0.1", "--port", "1", "--outlets", "8")
    assert site.run("power-control", "add", *board)[0] == 0
    assert site.run("power-control", "link", "c1", "board", "--outlet", "3")[0] == 0
    status, out, err = site.run("power-control", "status", "board", "--outlet", "3")
    assert status == 1
    assert "refuses the connection" in out + err
    assert "cloud" not in out + err


def test_an_installation_without_failures_says_so(site: Site) -> None:
    assert site.run("status")[:2] == (
        0,
        (
            "active watchdog: none, nobody holds the lease\nlast cycle of this controller: none\n"
            "no host is held or in recovery, and nobody watches them\n"
        ),
    )
    assert site.run("incidents")[:2] == (0, "no incidents\n")
    assert site.run("plan")[:2] == (0, "3 hosts seen, all in service: nothing would be done\n")


def test_a_plan_tells_what_would_be_done_and_why_and_does_nothing(site: Site) -> None:
    site.services[0] = service("c1", "down")
    for _ in range(2):
        status, out, _ = site.run("plan")
        assert status == 0
        assert re.search(r"^c1 +down +HEALTHY -> HELD +-$", out, re.MULTILINE)
        assert "c1: no power control is linked to the host" in out
    assert site.journal().load().hosts == {}


def test_a_plan_for_programs_is_json(site: Site) -> None:
    site.services[0] = service("c1", "down")
    found = json.loads(site.run("plan", "--json")[1])
    assert (found["seen"], found["blind"]) == (3, "")
    assert [(host["host"], host["before"], host["after"]) for host in found["hosts"]] == [("c1", "HEALTHY", "HELD")]


def test_a_plan_made_blind_fails_and_says_why(site: Site) -> None:
    site.api.close()
    status, out, _ = site.run("plan")
    assert status == 1
    assert out.startswith("blind: cloud scripted does not answer")


def test_status_names_state_since_and_reason(site: Site) -> None:
    site.with_incident()
    _, out, _ = site.run("status")
    assert re.search(r"^c1 +FAILED +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +1$", out, re.MULTILINE)
    assert "c1: 2 servers remain on the host" in out
    assert json.loads(site.run("status", "--json")[1])["hosts"][0]["reason"] == "2 servers remain on the host"


def test_status_names_the_power_controls_that_do_not_answer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AOS_BMC_PASSWORD", "of the bmc")
    where = ("--protocol", "ipmi", "--address", "192.0.2.1", "--username", "admin")
    assert site.run("power-control", "add", "--title", "bmc-1", *where)[0] == 0
    assert site.run("power-control", "link", "c1", "bmc-1")[0] == 0
    assert "bmc-1" not in site.run("status")[1]
    controls = SqlPowerControls(Database(site.database), PasswordBox(site.folder / "key", creates=False))
    controls.checked("c1", "bmc-1", Check(OPENED, Power.UNKNOWN, "wrong password"))
    _, out, _ = site.run("status")
    assert re.search(r"warning: power control bmc-1 of host c1 fails, \S+ \S+: wrong password$", out, re.M)
    (found,) = json.loads(site.run("status", "--json")[1])["failing_controls"]
    assert (found["host"], found["control"], found["check"]["message"]) == ("c1", "bmc-1", "wrong password")


def test_power_is_switched_by_the_whole_program_or_the_error_names_what_is_missing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AOS_BMC_PASSWORD", "of the bmc")
    where = ("--protocol", "ipmi", "--address", "192.0.2.1", "--username", "admin")
    site.run("power-control", "add", "--title", "bmc-1", *where)
    site.run("power-control", "link", "c1", "bmc-1")
    status, out, err = site.run("power-control", "off", "--host", "c1")
    assert (status, out) == (2, "")
    assert "Nova calls host c1 up" in err
    small_collection.make(site.folder, "power_host", "power", "{'power': {'state': 'off', 'message': 'is off'}}")
    site.config.write_text(site.config.read_text() + f"collections_path = {site.folder}/collections\n")
    status, out, _ = site.run("power-control", "off", "--host", "c1", "--force")
    assert (status, out.splitlines()[0]) == (0, "host c1: off: is off")
    status, out, _ = site.run("power-control", "log", "--last", "1")
    assert re.search(r"power\.off +host c1 +ok +by bmc-1: is off$", out, re.M)
    small_collection.make(site.folder, "power_host", "power_info", "{'power': {'state': 'on', 'identity': 'SERIAL'}}")
    status, out, _ = site.run("power-control", "initialise", "--all")
    assert status == 1
    assert re.search(r"^c1 +bmc-1 +- +on +SERIAL +ok$", out, re.M)
    assert out.count("NO CONTROL") == 2
    assert "of the bmc" not in out


def test_an_incident_is_told_with_its_timeline_and_every_server(site: Site) -> None:
    site.with_incident()
    _, out, _ = site.run("incidents", "1")
    for words in (
        "incident 1: host c1, FAILED",
        "1 servers evacuated, 1 left, 1 failed",
        "HELD         the host is in [host_tasks] deny_evacuate",
        "evacuated  web (id-web)",
        "c1 -> c2, ACTIVE -> ACTIVE, priority 10",
        "failed     db (id-db)",
        "on c1, SHUTOFF -> ERROR, priority 5, 2 attempts",
        "why: no valid host",
        "left       spare (id-spare)",
        "why: has priority 0",
    ):
        assert words in out
    assert max(map(len, out.splitlines())) <= 100
    assert len(json.loads(site.run("incidents", "1", "--json")[1])["moves"]) == 3


def test_what_an_operator_copies_from_a_timeline_is_not_broken_at_its_hyphens() -> None:
    words = ["rack-a-host-b.example.org", "c0ffee-cafe-babe-food-deadbeef"]
    for length in range(60):
        step = Step(1, "c1", OPENED, State.HELD, f"{'x' * length} {words[0]}, recorded is {words[1]}")
        report = IncidentReport(IncidentSummary(1, "c1", State.HELD, OPENED, None, ""), (step,), (), ())
        out = told(report, OPENED + 1)
        assert [word for word in words if word not in out] == []
        assert max(map(len, out.splitlines())) <= 100


def test_incidents_are_listed_with_their_counts(site: Site) -> None:
    site.with_incident()
    _, out, _ = site.run("incidents")
    assert re.search(r"^1 +c1 +FAILED +\S+ \S+ +- +1 +1 +1$", out, re.MULTILINE)
    assert [summary["host"] for summary in json.loads(site.run("incidents", "--json")[1])] == ["c1"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("incidents", "99"), "incident 99 is unknown"),
        (("maintenance", "c9", "on", "--reason", "x"), "host c9 is unknown to Nova"),
        (("maintenance", "c1", "on"), "give --reason TEXT"),
        (("maintenance", "c1", "on", "--reason", "  "), "give --reason TEXT"),
        (("maintenance", "c1", "off"), "host c1 is not in maintenance"),
        (("confirm-off", "c1", "--reason", "saw it"), "host c1 has no open incident"),
        (("confirm-off", "c1", "--reason", ""), "--reason"),
        (("power-control", "link", "c1", "nothing"), "nothing"),
        (("db", "migrate", "--migration", "77"), "77"),
    ],
)
def test_what_can_not_be_used_is_named_in_one_line(site: Site, words: tuple[str, ...], message: str) -> None:
    status, out, err = site.run(*words)
    assert (status, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


@pytest.mark.parametrize(
    "words", [(), ("fly",), ("incidents", "first"), ("maintenance", "c1", "maybe"), ("confirm-off",)]
)
def test_what_is_no_command_ends_with_usage(site: Site, words: tuple[str, ...]) -> None:
    status, _, err = site.run(*words)
    assert status == 2
    assert err.startswith("usage: aos-cloud-manager")


def test_maintenance_is_said_and_taken_back(site: Site) -> None:
    assert site.run("maintenance", "c1", "on", "--reason", "new memory", "--who", "ada")[0] == 0
    assert site.journal().operator_facts().maintenance == {"c1": "new memory"}
    assert "c1: in maintenance: new memory" in site.run("plan")[1]
    assert site.run("maintenance", "c1", "off")[0] == 0
    assert site.journal().operator_facts().maintenance == {}


def test_maintenance_can_be_said_while_nova_is_away(site: Site) -> None:
    site.api.close()
    status, _, err = site.run("maintenance", "c1", "on", "--reason", "new memory")
    assert status == 0
    assert err.startswith("warning: c1 could not be checked")


def test_an_acknowledgement_names_who_gave_it(site: Site) -> None:
    site.with_incident()
    assert site.run("confirm-off", "c1", "--reason", "pulled the plug", "--who", "ada")[0] == 0
    assert site.journal().operator_facts().acknowledged == {"c1": "ada: pulled the plug"}


def test_once_looks_records_and_ends(site: Site) -> None:
    site.services[0] = service("c1", "down")
    status, _, err = site.run("once")
    assert status == 0
    assert "cycle.decided seen=3 suspect=0 held=[c1 (no power control is linked" in err
    assert site.journal().load().hosts["c1"].state is State.HELD
    assert "last cycle of this controller: " in site.run("status")[1]


def test_once_says_why_it_could_not_look(site: Site) -> None:
    site.api.close()
    status, _, err = site.run("once")
    assert status == 1
    assert "error: cloud scripted does not answer" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_daemon_ends_in_order_when_told_to(site: Site, number: signal.Signals) -> None:
    watch = Watch(site)
    watch.until("cycle.decided seen=3")
    assert watch.end(number) == 0
    assert "watchdog.stopped" in watch.lines[-1]
    assert site.journal().lease_holder() == ""


def test_a_killed_daemon_is_followed_at_once_by_the_next(site: Site) -> None:
    first = Watch(site)
    first.until("cycle.decided")
    first.end(signal.SIGKILL)
    second = Watch(site)
    second.until("cycle.decided")
    assert not any("lease.held_by_another" in line for line in second.lines)
    second.end()


def test_a_second_daemon_stands_by_and_takes_over_at_the_end_of_the_first(site: Site) -> None:
    first, second = Watch(site), None
    first.until("cycle.decided")
    second = Watch(site)
    second.until("cycle.standby")
    assert first.end() == 0
    second.until("cycle.decided")
    assert second.end() == 0


def test_hangup_takes_a_good_configuration_and_keeps_the_old_for_a_bad_one(site: Site) -> None:
    site.services[0] = service("c1", "down")
    watch = Watch(site)
    watch.until("no power control is linked")
    site.configure(max_down_hosts="lots")
    watch.process.send_signal(signal.SIGHUP)
    assert "[node_tracker] max_down_hosts" in watch.until("config.kept reason=")
    watch.until("no power control is linked")
    site.configure(max_down_hosts="0")
    watch.process.send_signal(signal.SIGHUP)
    watch.until("config.reloaded")
    watch.until("max_down_hosts is 0")
    assert watch.end() == 0


def test_hangup_does_not_move_the_database(site: Site) -> None:
    watch = Watch(site)
    watch.until("cycle.decided")
    site.config.write_text(site.config.read_text().replace("store.db", "other.db"))
    watch.process.send_signal(signal.SIGHUP)
    assert "[database] url" in watch.until("config.kept reason=")
    assert watch.end() == 0


def test_a_nova_that_goes_away_and_comes_back_blinds_the_daemon_meanwhile(site: Site) -> None:
    watch = Watch(site)
    watch.until("blind=no")
    good, site.services = site.services, "garbage"
    watch.until("blind=\"Nova's answer to os-services")
    site.services = good
    watch.until("blind=no")
    assert watch.end() == 0


def test_a_disabled_watchdog_says_so_and_can_be_enabled(site: Site) -> None:
    site.configure(enabled="False")
    watch = Watch(site)
    watch.until("[node_tracker] enabled is False")
    site.configure()
    watch.process.send_signal(signal.SIGHUP)
    watch.until("cycle.decided")
    assert watch.end() == 0


def test_the_log_goes_to_the_configured_file(site: Site) -> None:
    site.configure(logfile=str(site.folder / "watch.log"))
    assert site.run("once")[2] == ""
    assert "cycle.decided" in (site.folder / "watch.log").read_text()


def test_a_log_file_that_can_not_be_written_is_named(site: Site) -> None:
    site.configure(logfile="/does/not/exist.log")
    status, _, err = site.run("once")
    assert status == 2
    assert "[node_tracker] logfile: /does/not/exist.log" in err
