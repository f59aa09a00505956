# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords in a real database: encrypted there, and useless without the key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from cloud_manager.adapters.store import SqlPowerControls
from cloud_manager.db import Database, PasswordBox, schema
from cloud_manager.db.crypto import create_key
from cloud_manager.domain.power import PowerControl, Secret
from cloud_manager.errors import BadInput

PASSWORD = "correct horse"
BMC = PowerControl("bmc-1", "ipmi", "192.0.2.11", 623, "admin", Secret(PASSWORD))


@pytest.fixture
def database(url: Secret) -> Iterator[Database]:
    opened = Database(url)
    schema.migrate(opened)
    yield opened
    opened.close()


def test_no_table_holds_a_password_in_clear(database: Database, tmp_path: Path) -> None:
    controls = SqlPowerControls(database, PasswordBox(tmp_path / "key", creates=True), who="anna")
    controls.add(BMC)
    controls.link("compute-01", "bmc-1", None, default=True)
    for table in ("power_controls", "power_links", "action_log"):
        rows = database.read(lambda c, table=table: c.execute(text(f"SELECT * FROM {table}")).all())
        assert rows
        assert PASSWORD not in repr(rows)
    assert controls.of("compute-01")[0].control.password.reveal() == PASSWORD
    assert PASSWORD not in repr(controls.of("compute-01"))


def test_with_another_key_the_control_is_listed_and_its_password_refused_with_the_remedy(
    database: Database, tmp_path: Path
) -> None:
    first = SqlPowerControls(database, PasswordBox(tmp_path / "key", creates=True), who="anna")
    first.add(BMC)
    first.link("compute-01", "bmc-1", None, default=True)
    create_key(tmp_path / "other")
    other = SqlPowerControls(database, PasswordBox(tmp_path / "other", creates=False), who="anna")
    other.add(PowerControl("bmc-2", "ipmi", "192.0.2.12", 623, "admin", Secret("x")))
    assert len(other.list()) == 2
    with pytest.raises(BadInput, match=r"bmc-1.*other.*key file"):
        other.of("compute-01")
    other.link("compute-01", "bmc-2")
    unusable, usable = other.of("compute-01")
    assert (unusable.control.title, unusable.control.password.reveal()) == ("bmc-1", "")
    assert (usable.control.title, usable.control.password.reveal()) == ("bmc-2", "x")


def test_a_lost_key_is_not_replaced_behind_the_operators_back(database: Database, tmp_path: Path) -> None:
    """All passwords would be lost with it, and nobody would know before the next fencing."""
    controls = SqlPowerControls(database, PasswordBox(tmp_path / "key", creates=True), who="anna")
    controls.add(BMC)
    (tmp_path / "key").unlink()
    with pytest.raises(BadInput, match=r"key file .* is missing: put it back"):
        controls.add(PowerControl("bmc-2", "ipmi", "192.0.2.12", 623, "admin", Secret("x")))
    assert not (tmp_path / "key").exists()
    assert len(controls.list()) == 1


def test_every_change_is_logged_with_who_when_and_what(database: Database, tmp_path: Path) -> None:
    box = PasswordBox(tmp_path / "key", creates=True)
    controls = SqlPowerControls(database, box, who="anna", now=lambda: 7.5)
    controls.add(BMC)
    controls.link("compute-01", "bmc-1", None, default=True)
    controls.verified("compute-01", "bmc-1", 9.5)  # by a run that is logged as a whole
    controls.begin("power_control.verify", "all", "by hand")
    with pytest.raises(BadInput):
        controls.add(BMC)
    columns = "SELECT at, who, action, subject, details FROM action_log ORDER BY id"
    rows = database.read(lambda c: c.execute(text(columns)).all())
    assert [tuple(row) for row in rows] == [
        (7.5, "anna", "power_control.add", "bmc-1", "at 192.0.2.11"),
        (7.5, "anna", "power_control.link", "bmc-1", "host compute-01, default"),
        (7.5, "anna", "power_control.verify", "all", "by hand"),
    ]
