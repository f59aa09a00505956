# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's BMCs fail in every way that fencing must cope with, and are repaired."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from tests.lab.errors import LabError

HOST = "compute-01"


@pytest.fixture
def lab(lab):
    """Only BMCs are touched here: sound ones are enough."""
    lab.reset()
    yield lab
    lab.bmc(HOST, "ok")


def ipmi(lab, *command):
    """Power commands with the recorded credentials, and little patience: (exit status, seconds)."""
    control = lab.bmc_control(HOST)
    started = time.monotonic()
    who = ["-H", control["address"], "-U", control["username"], "-E"]
    done = subprocess.run(
        ["ipmitool", "-I", "lanplus", "-C", "3", "-N", "1", "-R", "1", *who, "chassis", "power", *command],
        env={**os.environ, "IPMI_PASSWORD": control["password"]},
        capture_output=True,
        check=False,
    )
    return done.returncode, time.monotonic() - started


def test_a_frozen_bmc_answers_nothing_until_it_is_repaired(lab):
    lab.bmc(HOST, "frozen")
    status, seconds = ipmi(lab, "status")
    assert status != 0
    # A closed port would be refused at once.
    assert seconds > 0.9
    lab.bmc(HOST, "ok")
    assert ipmi(lab, "status")[0] == 0


def test_commands_sent_to_a_frozen_bmc_are_not_obeyed_after_the_repair(lab):
    lab.bmc(HOST, "frozen")
    ipmi(lab, "off")
    lab.bmc(HOST, "ok")
    time.sleep(1)
    assert lab.compute_alive(HOST)


def test_a_stuck_bmc_accepts_off_and_the_host_lives_on(lab):
    lab.bmc(HOST, "stuck")
    assert lab.power(HOST, "off") == "Chassis Power Control: Down/Off"
    assert lab.compute_alive(HOST)
    assert lab.power(HOST, "status") == "Chassis Power is on"
    lab.bmc(HOST, "ok")
    lab.power(HOST, "off")
    assert not lab.compute_alive(HOST)


def test_a_slow_bmc_takes_seconds_and_obeys(lab):
    lab.bmc(HOST, "slow")
    started = time.monotonic()
    lab.power(HOST, "off")
    assert 3 < time.monotonic() - started < 10
    assert not lab.compute_alive(HOST)


def test_a_changed_password_refuses_the_recorded_one_until_it_is_repaired(lab):
    lab.bmc(HOST, "wrong-password")
    assert ipmi(lab, "off")[0] != 0
    assert lab.compute_alive(HOST)
    with pytest.raises(LabError, match="compute-01"):
        lab.power(HOST, "status")
    lab.bmc(HOST, "ok")
    assert ipmi(lab, "status")[0] == 0


def test_one_mode_replaces_the_other(lab):
    lab.bmc(HOST, "frozen")
    lab.bmc(HOST, "stuck")
    assert ipmi(lab, "off")[0] == 0
    assert lab.compute_alive(HOST)


def test_other_bmcs_stay_sound(lab):
    lab.bmc(HOST, "frozen")
    assert lab.power("compute-02", "status") == "Chassis Power is on"


def test_a_replaced_bmc_obeys_and_tells_another_guid_until_it_is_repaired(lab):
    first = guid(lab)
    lab.bmc(HOST, "replaced")
    assert guid(lab) != first
    lab.power(HOST, "off")
    assert not lab.compute_alive(HOST)
    lab.bmc(HOST, "ok")
    assert guid(lab) == first


def guid(lab):
    control = lab.bmc_control(HOST)
    who = ["-H", control["address"], "-U", control["username"], "-E"]
    done = subprocess.run(
        ["ipmitool", "-I", "lanplus", "-C", "3", *who, "mc", "guid"],
        env={**os.environ, "IPMI_PASSWORD": control["password"]},
        capture_output=True,
        text=True,
        check=True,
    )
    [line] = [line for line in done.stdout.splitlines() if line.startswith("System GUID")]
    return line
