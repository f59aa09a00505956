# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook power_check as an operator runs it, against real ipmi_sim processes."""

from __future__ import annotations

import typing as t

import pytest

from tests.integration.power.bmc import Bmc
from tests.integration.power.site import HOST, POWER_INFO, Outcome, Site


def check(site: Site, **variables: t.Any) -> Outcome:
    """Without `host`: the whole inventory."""
    return site.play("power_check", **{"host": None, "power_timeout": 3} | variables)


def said(outcome: Outcome) -> str:
    return " ".join(outcome.output.split())


def test_all_answer_and_nothing_is_switched(site: Site, second: Bmc) -> None:
    second.host_is("on")
    site.write_hosts({HOST: [site.bench.item(default=True), second.item(title="spare")], "without": []})
    outcome = check(site, host=HOST)
    assert outcome.status == 0
    assert "2 power controls read, all of them answer" in said(outcome)
    assert [(one["control"], one["state"]) for one in outcome.handed_over["power_controls"]] == [
        ("bmc", "off"),
        ("spare", "on"),
    ]
    assert outcome.handed_over["failing"] == []
    assert site.bench.commands("set") == second.commands("set") == []


def test_a_failing_control_fails_the_playbook_by_name_whatever_else_answers(site: Site, second: Bmc) -> None:
    """Of a host's two controls the second one is dead: a fallback, or the reading of the default, would hide it."""
    wrong = second.item(title="spare", password=second.wrong_password)
    foreign = site.bench.item(identity="SERIAL-1")
    unusable = {"title": "relay", "protocol": "modbus", "address": site.bench.address}
    undecided = [site.bench.item(title="a"), second.item(title="b")]
    hosts = {HOST: [site.bench.item(default=True), wrong], "other": [foreign], "half": [unusable], "two": undecided}
    site.write_hosts(hosts)
    outcome = check(site)
    assert outcome.status == 2
    failing = outcome.handed_over["failing"]
    place = f"(ipmi {second.address}:{second.port})"
    assert len(failing) == 4
    assert f"host {HOST}: power control spare {place} refuses the login" in failing[0]
    assert "correct the username, password or Kg key of this power control" in failing[0]
    assert f"it tells identity {site.bench.guid}, recorded is SERIAL-1" in failing[1]
    assert failing[2].startswith("host half: power control relay (modbus ")
    assert "has no outlet; give" in failing[2]
    assert failing[3] == "host two has no default power control (a, b); set default: true on exactly one of them"
    assert "6 power controls read, failing:" in said(outcome)
    assert site.bench.commands("set") == second.commands("set") == []


def test_a_frozen_control_is_given_up_in_time(site: Site, second: Bmc) -> None:
    second.fault("silent")
    site.write_hosts({HOST: [site.bench.item(default=True), second.item(title="spare")]})
    outcome = check(site, power_timeout=2)
    assert outcome.status == 2
    assert outcome.seconds(POWER_INFO) < 3
    (failing,) = outcome.handed_over["failing"]
    assert "power control spare" in failing
    assert "gave no answer within 2.0 s; check its address" in failing


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "No power control was read: no host of the inventory has the variable power_controls"),
        ({"host": "bare"}, "host bare has no power control; give it one"),
        ({"host": "compute-99"}, "Unknown host compute-99: not in the inventory"),
        ({"power_timeout": "soon"}, "power_timeout"),
    ],
)
def test_to_have_read_nothing_is_no_success(site: Site, variables: dict[str, t.Any], words: str) -> None:
    site.inventory.write_text('{"hypervisors": {"hosts": {"bare": {}}}}')
    outcome = check(site, **variables)
    assert outcome.status == 2
    assert words in said(outcome)
