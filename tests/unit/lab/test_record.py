# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab remembers survives, and its passwords are for nobody else's eyes."""

from __future__ import annotations

import pytest

from tests.lab.errors import LabError
from tests.lab.plan import Plan
from tests.lab.record import BmcPasswords, Options, Record, write_private


@pytest.fixture
def plan(tmp_path):
    return Plan.from_environment(1, {"AOS_LAB_DIR": str(tmp_path), "AOS_CACHE": str(tmp_path)})


def test_a_record_is_read_as_it_was_written(plan):
    record = Record(5, Options(report_interval=3, service_down_time=40), ready=True)
    record.save(plan)
    assert Record.load(plan) == record


def test_no_record_is_no_lab(plan):
    assert Record.load(plan) is None


def test_passwords_are_kept_for_this_lab_and_differ_by_host(plan):
    one, two = plan.hosts(2)
    first = BmcPasswords.of(one)
    assert BmcPasswords.of(one) == first
    assert len({first.recorded, first.changed, BmcPasswords.of(two).recorded}) == 3


def test_a_password_fits_into_ipmi(plan):
    assert len(BmcPasswords.of(plan.hosts(1)[0]).recorded) <= 16


def test_secrets_are_readable_by_the_owner_alone(tmp_path):
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, "new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("interval", "down"), [(0, 10), (10, 10), (20, 10)])
def test_heartbeats_that_make_every_host_down_are_refused(interval, down):
    with pytest.raises(LabError, match="report_interval"):
        Options(interval, down)
