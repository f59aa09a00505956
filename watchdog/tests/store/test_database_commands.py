# SPDX-License-Identifier: GPL-3.0-or-later
"""`aos-cloud-manager db`, and the power controls, as a whole program on the embedded database."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

from cloud_manager.bootstrap import open_app
from cloud_manager.console import database
from cloud_manager.db import schema

Ran = subprocess.CompletedProcess[str]
PASSWORD = "s3cret-of-the-bmc"


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Ran]:
    config = tmp_path / "cloud_manager.conf"
    config.write_text(
        f"[database]\nurl = sqlite:///{tmp_path}/data/store.db\n[executor]\nstate_dir = {tmp_path}/state\n"
    )

    def run(*words: str, **variables: str) -> Ran:
        command = [sys.executable, "-m", "cloud_manager.cli", "--config-file", str(config), *words]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **variables},
        )
        assert "Traceback" not in done.stderr
        return done

    return run


def test_migrations_are_listed_by_number_and_gone_up_and_down(run: Callable[..., Ran], tmp_path: Path) -> None:
    newest = schema.newest()
    assert run("db", "list").stdout.splitlines()[1].split()[:2] == ["1", "no"]
    assert not (tmp_path / "data").exists()
    assert f"has migration {newest}" in run("db", "migrate").stdout
    assert stat.S_IMODE((tmp_path / "data" / "store.db").stat().st_mode) == 0o600
    assert run("db", "list").stdout.splitlines()[newest].split()[:2] == [str(newest), "yes"]
    assert "has migration 0" in run("db", "migrate", "--migration", "0").stdout
    assert run("db", "list").stdout.splitlines()[1].split()[:2] == ["1", "no"]


def test_migrations_are_listed_as_json_for_programs(run: Callable[..., Ran], tmp_path: Path) -> None:
    run("db", "migrate", "--migration", "1")
    found = json.loads(run("db", "list", "--format", "json").stdout)
    assert {name: found[name] for name in ("database", "current", "newest")} == {
        "database": f"sqlite:///{tmp_path}/data/store.db",
        "current": 1,
        "newest": schema.newest(),
    }
    assert found["interrupted"] is None
    assert found["migrations"][:2] == [
        {"number": 1, "applied": True, "description": schema.known()[1]},
        {"number": 2, "applied": False, "description": schema.known()[2]},
    ]


def test_an_interrupted_migration_is_said_with_both_ways_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "cloud_manager.conf"
    config.write_text(f"[database]\nurl = sqlite:///{tmp_path}/store.db\n")
    monkeypatch.setattr(schema, "interrupted", lambda _database: 1)
    database.show(Namespace(format="table"), open_app([str(config)]))
    said = capsys.readouterr().out
    assert "A migration was interrupted: run `aos-cloud-manager db migrate`, or with --migration 0" in said


def test_sql_is_shown_and_not_run(run: Callable[..., Ran], tmp_path: Path) -> None:
    done = run("db", "migrate", "--migration", "1", "--sql")
    assert done.returncode == 0
    assert "CREATE TABLE hosts" in done.stdout
    assert not (tmp_path / "data").exists()
    run("db", "migrate")
    assert run("db", "migrate", "--sql").stdout == ""


def test_going_down_where_rows_are_lost_is_bad_input_until_it_is_allowed(run: Callable[..., Ran]) -> None:
    words = ("--title", "bmc-1", "--protocol", "ipmi", "--address", "192.0.2.11", "--username", "admin")
    run("power-control", "add", *words, AOS_BMC_PASSWORD=PASSWORD)
    refused = run("db", "migrate", "--migration", "0")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "error: table power_controls: 1 row, all that it holds" in refused.stderr
    assert "store.db.backup" in refused.stderr
    assert "bmc-1" in run("power-control", "list").stdout
    assert "has migration 0" in run("db", "migrate", "--migration", "0", "--allow-data-loss").stdout


def test_an_unknown_migration_is_bad_input(run: Callable[..., Ran]) -> None:
    done = run("db", "migrate", "--migration", "999")
    assert (done.returncode, done.stdout) == (2, "")
    assert "migration 999 is unknown" in done.stderr


def test_the_key_is_made_once(run: Callable[..., Ran], tmp_path: Path) -> None:
    assert run("db", "create-key").returncode == 0
    assert stat.S_IMODE((tmp_path / "data" / "cloud_manager.key").stat().st_mode) == 0o600
    again = run("db", "create-key")
    assert again.returncode == 2
    assert "exists already" in again.stderr


def test_power_controls_are_kept_without_their_password_in_the_database_or_in_any_output(
    run: Callable[..., Ran], tmp_path: Path
) -> None:
    words = ("--title", "bmc-1", "--protocol", "ipmi", "--address", "192.0.2.11", "--username", "admin")
    outputs = [
        run("power-control", "add", *words, AOS_BMC_PASSWORD=PASSWORD),
        run("power-control", "link", "compute-01", "bmc-1"),
        run("power-control", "list"),
        run("power-control", "add", *words, AOS_BMC_PASSWORD=PASSWORD),
    ]
    assert [done.returncode for done in outputs] == [0, 0, 0, 2]
    assert "bmc-1 exists already" in outputs[-1].stderr
    assert "compute-01" in outputs[2].stdout
    assert not [done for done in outputs if PASSWORD in done.stdout + done.stderr]
    for file in (tmp_path / "data").iterdir():
        assert PASSWORD.encode() not in file.read_bytes()


def test_a_name_that_is_not_text_is_bad_input(run: Callable[..., Ran]) -> None:
    words = ("--title", "bmc-1", "--protocol", "ipmi", "--address", "192.0.2.11", "--username", "admin")
    run("power-control", "add", *words, AOS_BMC_PASSWORD=PASSWORD)
    for host, title in ((os.fsdecode(b"compute-\xff"), "bmc-1"), ("compute-01", os.fsdecode(b"bmc-\xff"))):
        done = run("power-control", "link", host, title)
        assert done.returncode == 2
        assert "UTF-8" in done.stderr


def test_a_database_that_cannot_be_used_is_an_error_with_the_path(run: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a folder should be")
    for words in (("power-control", "list"), ("db", "migrate")):
        done = run(*words)
        assert done.returncode == 1
        assert "store.db" in done.stderr
