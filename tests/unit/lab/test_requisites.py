# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab needs of the machine is installed once, exactly, and without starting anything."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.lab import requisites
from tests.lab.errors import LabError


@pytest.fixture
def policy(tmp_path, monkeypatch):
    monkeypatch.setattr(requisites, "POLICY", tmp_path / "policy-rc.d")
    return tmp_path / "policy-rc.d"


@pytest.fixture
def apt(policy, monkeypatch):
    """Records each command, and what Debian would have been told about starting daemons meanwhile."""
    calls = []

    def run(command, **_):
        calls.append((command, policy.read_text() if policy.exists() else None))
        return subprocess.CompletedProcess(command, apt.status, "", "E: no such package")

    def apt():
        return calls

    apt.status = 0
    monkeypatch.setattr(requisites.subprocess, "run", run)
    return apt


def test_daemons_are_kept_from_starting_only_while_packages_are_installed(apt, policy):
    requisites.install_packages(["mariadb-server"])
    assert [said for _name, said in apt()] == ["#!/bin/sh\nexit 101\n"] * 2
    assert apt()[1][0][-1] == "mariadb-server"
    assert not policy.exists()


def test_a_policy_of_somebody_else_is_left_alone(apt, policy):
    policy.write_text("theirs")
    requisites.install_packages(["mariadb-server"])
    assert policy.read_text() == "theirs"


def test_our_policy_is_removed_when_the_installation_fails(apt, policy):
    apt.status = 100
    with pytest.raises(LabError, match="no such package"):
        requisites.install_packages(["mariadb-server"])
    assert not policy.exists()


def test_packages_are_missing_when_their_files_are(tmp_path, monkeypatch):
    monkeypatch.setattr(requisites, "PACKAGES", {"here": __file__, "gone": f"{tmp_path}/none"})
    assert "gone" in requisites.missing_packages()
    assert "here" not in requisites.missing_packages()


def test_every_line_of_the_lock_is_an_exact_version():
    lines = requisites.LOCK.read_text().splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9._+!-]+", line) for line in lines)


def test_the_lock_has_the_versions_that_were_chosen():
    lines = set(requisites.LOCK.read_text().splitlines())
    # oslo.messaging before 18.2 sleeps half a second in every reply.
    assert {"nova==33.0.2", "keystone==29.1.0", "neutron==28.0.2", "oslo.messaging==18.2.0"} <= lines
