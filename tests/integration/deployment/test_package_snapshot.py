# SPDX-License-Identifier: GPL-3.0-or-later
"""package_snapshot on real virtual environments, SQLite and MariaDB."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.package_release import Root
from ansible_collections.aos.cloud_manager.plugins.modules import package, package_snapshot
from tests.integration.deployment import product
from tests.integration.deployment.product import Run, tree
from watchdog.tests.contract.mariadb import MariaDB, mariadb

__all__ = ["mariadb"]

LABEL = "before-0.1.2"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A root with two releases; their names."""
    folder = tmp_path_factory.mktemp("releases")
    root, names = folder / "opt", []
    for version in ("0.1.1", "0.1.2"):
        places = {"root": str(root), "snapshots": str(folder / "rollback")}
        options = {**package_defaults(), **places, "source": str(product.wheel(folder / version, version))}
        names.append(package.run(options, False, print)["release"])
    return root, names


def package_defaults() -> dict[str, object]:
    return {name: about.get("default") for name, about in package.ARGUMENTS.items()} | {"python": "/usr/bin/python3"}


@pytest.fixture
def releases(built: tuple[Path, list[str]]) -> list[str]:
    """The names of the releases, of which the first is current."""
    root, names = built
    Root(str(root)).switch(names[0])
    return names


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "rollback"


@pytest.fixture
def run(
    built: tuple[Path, list[str]], folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Run:
    monkeypatch.delenv("AOS_DATABASE_URL", raising=False)
    return product.caller(package_snapshot, capsys, root=str(built[0]), folder=str(folder), label=LABEL)


def test_a_snapshot_holds_packages_migrations_and_release(run: Run, releases: list[str], folder: Path) -> None:
    outcome = run()
    assert outcome["changed"], outcome
    place = folder / LABEL
    assert "aos-cloud-manager==0.1.1\n" in (place / "pip_before.txt").read_text()
    assert (place / "migrations.txt").read_text() == "1 applied step 1\n"
    record = json.loads((place / "snapshot.json").read_text())
    assert record == outcome["snapshot"]
    assert record.pop("made_at").endswith("+00:00")
    assert record == {
        "label": LABEL, "release": releases[0], "version": "0.1.1", "migration": 1, "python": "/usr/bin/python3",
        "dump": "",
    }  # fmt: skip
    assert outcome["notes"] == ["the data was not saved: neither database_url nor AOS_DATABASE_URL is given"]
    assert outcome["dump"] == ""
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in place.iterdir()} == {0o600}


def test_without_the_data_that_is_required_nothing_is_saved(
    run: Run, releases: list[str], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for check in (True, False):
        refused = run(require_dump=True, check=check)
        assert "neither database_url nor AOS_DATABASE_URL is given; correct that" in refused["msg"]
        early = run(require_dump=True, check=check, database_url=f"sqlite:///{tmp_path}/early.db")
        assert "early.db does not exist yet; correct that" in early["msg"]
    monkeypatch.setenv("PATH", str(tmp_path))
    no_client = run(require_dump=True, database_url="mysql+pymysql://aos@127.0.0.1/cloud_manager")
    assert "neither mariadb-dump nor mysqldump is installed" in no_client["msg"]
    assert not folder.exists()
    run()
    assert "was made without the data; remove it" in run(require_dump=True)["msg"]
    assert releases


def test_a_rehearsal_makes_nothing(run: Run, releases: list[str], folder: Path) -> None:
    outcome = run(check=True)
    assert outcome["changed"]
    assert outcome["snapshot"]["release"] == releases[0]
    assert not folder.exists()


def test_the_packages_after_a_change_are_written_once(
    run: Run, built: tuple[Path, list[str]], releases: list[str], folder: Path
) -> None:
    run()
    before = tree(folder)
    assert not run()["changed"]
    assert tree(folder) == before
    Root(str(built[0])).switch(releases[1])
    assert run(check=True)["changed"]
    assert tree(folder) == before
    outcome = run()
    assert outcome["changed"]
    assert "aos-cloud-manager==0.1.2\n" in (folder / LABEL / "pip_after.txt").read_text()
    assert "aos-cloud-manager==0.1.1\n" in (folder / LABEL / "pip_before.txt").read_text()
    assert outcome["snapshot"]["release"] == releases[0]
    assert not run()["changed"]


def test_an_interrupted_snapshot_is_taken_anew(run: Run, releases: list[str], folder: Path) -> None:
    run()
    (folder / LABEL / "snapshot.json").unlink()
    (folder / LABEL / "pip_before.txt").write_text("half")
    assert run()["changed"]
    assert "aos-cloud-manager==0.1.1\n" in (folder / LABEL / "pip_before.txt").read_text()
    assert releases


def test_nothing_installed_is_a_snapshot_too(run: Run, folder: Path, tmp_path: Path) -> None:
    outcome = run(root=str(tmp_path / "nothing"))
    assert outcome["changed"]
    assert outcome["snapshot"]["release"] == ""
    assert outcome["snapshot"]["migration"] is None
    assert (folder / LABEL / "pip_before.txt").read_text() == (folder / LABEL / "migrations.txt").read_text() == ""
    assert not run(root=str(tmp_path / "nothing"))["changed"]
    assert "uninstall" in run(root=str(tmp_path / "nothing"), state="restored")["msg"]


def test_a_program_that_cannot_list_its_migrations_is_noted(
    run: Run, releases: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAND_IN_FAILS", "database away, start it")
    outcome = run()
    assert outcome["snapshot"]["migration"] is None
    assert outcome["snapshot"]["release"] == releases[0]
    assert "database away, start it" in outcome["notes"][0]


def test_current_points_back_to_the_snapshot_s_release(
    run: Run, built: tuple[Path, list[str]], releases: list[str]
) -> None:
    root = Root(str(built[0]))
    run()
    assert not run(state="restored")["changed"]
    root.switch(releases[1])
    assert run(state="restored", check=True)["changed"]
    assert root.current() == releases[1]
    outcome = run(state="restored")
    assert outcome["changed"]
    assert outcome["snapshot"]["migration"] == 1
    assert root.current() == releases[0]


def test_a_release_that_is_gone_is_named_with_the_remedy(run: Run, releases: list[str], tmp_path: Path) -> None:
    run()
    failed = run(state="restored", root=str(tmp_path / "empty"))
    assert f"release {releases[0]} is no longer in {tmp_path}" in failed["msg"]
    assert "pip_before.txt" in failed["msg"]
    assert "no whole snapshot" in run(state="restored", label="other")["msg"]


def test_a_snapshot_is_removed_but_not_what_somebody_else_put_there(
    run: Run, releases: list[str], folder: Path
) -> None:
    run()
    assert run(state="absent", check=True)["changed"]
    assert (folder / LABEL).exists()
    assert run(state="absent")["changed"]
    assert not (folder / LABEL).exists()
    assert not run(state="absent")["changed"]
    run()
    (folder / LABEL / "notes.txt").write_text("mine")
    outcome = run(state="absent")
    assert outcome["changed"]
    assert [path.name for path in (folder / LABEL).iterdir()] == ["notes.txt"]
    assert "notes.txt" in outcome["kept"][0]
    assert not run(state="absent")["changed"]
    assert releases


def rows(path: Path) -> list[tuple[int]]:
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT n FROM hosts ORDER BY n").fetchall()


def test_data_in_sqlite_is_saved_while_it_is_written_and_brought_back(
    run: Run, releases: list[str], folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "cloud manager.db"
    url = f"sqlite:///{path}"
    assert "does not exist yet" in run(database_url=url, label="early")["notes"][0]
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = wal")
        database.execute("CREATE TABLE hosts (n INTEGER)")
        database.execute("INSERT INTO hosts VALUES (1), (2)")
        database.commit()
        assert run(database_url=url, require_dump=True)["snapshot"]["dump"] == "database.sqlite"
        assert run(database_url=url, require_dump=True)["dump"] == str(folder / LABEL / "database.sqlite")
        database.execute("INSERT INTO hosts VALUES (3)")
        database.commit()
    os.chown(path, 65534, 65534)
    path.chmod(0o640)
    assert stat.S_IMODE((folder / LABEL / "database.sqlite").stat().st_mode) == 0o600
    assert rows(folder / LABEL / "database.sqlite") == [(1,), (2,)]
    assert "restore_data needs database_url" in run(state="restored", restore_data=True)["msg"]
    assert run(state="restored", restore_data=True, database_url=url, check=True)["changed"]
    assert rows(path) == [(1,), (2,), (3,)]
    assert run(state="restored", restore_data=True, database_url=url)["changed"]
    assert rows(path) == [(1,), (2,)]
    assert (path.stat().st_uid, stat.S_IMODE(path.stat().st_mode)) == (65534, 0o640)
    assert releases


@pytest.fixture
def spied_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The clients of MariaDB, with a note of what everybody could read of them in the list of processes."""
    seen, programs = tmp_path / "seen", tmp_path / "programs"
    programs.mkdir()
    for name in ("mariadb", "mariadb-dump"):
        script = programs / name
        script.write_text(f'#!/bin/sh\necho "$0 $*" >> {seen}\nexec {shutil.which(name)} "$@"\n')
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return seen


@pytest.fixture
def settings_of_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What root has in its home for its own use leads to another server, as another user."""
    (tmp_path / ".my.cnf").write_text("[client]\nhost=127.0.0.2\nport=1\nuser=somebody\npassword=else\n")
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.mark.usefixtures("settings_of_root")
def test_data_in_mariadb_is_saved_and_brought_back(
    run: Run, releases: list[str], folder: Path, mariadb: MariaDB, spied_programs: Path
) -> None:
    url = mariadb.new_database().reveal()
    name, password = url.split("/")[-1].split("?")[0], url.split(":")[2].split("@")[0]

    def ask(*statements: str) -> list[tuple[object, ...]]:
        return mariadb.root(f"USE {name}", *statements)

    ask(
        "CREATE TABLE hosts (n INT PRIMARY KEY, name TEXT) CHARACTER SET utf8mb4",
        "CREATE TABLE links (h INT, FOREIGN KEY (h) REFERENCES hosts (n))",
        "INSERT INTO hosts VALUES (1, 'größe; \"x\" ☃'), (2, NULL)",
        "INSERT INTO links VALUES (1)",
    )
    saved = ask("SELECT * FROM hosts")
    outcome = run(database_url=url)
    assert outcome["snapshot"]["dump"] == "database.sql", outcome
    assert stat.S_IMODE((folder / LABEL / "database.sql").stat().st_mode) == 0o600
    ask(
        "DELETE FROM links", "DELETE FROM hosts",
        "CREATE TABLE `later ``one` (h INT, FOREIGN KEY (h) REFERENCES hosts (n))",
    )  # fmt: skip
    restored = run(state="restored", restore_data=True, database_url=url)
    assert restored.get("changed"), restored
    assert ask("SELECT * FROM hosts") == saved
    assert ask("SHOW TABLES") == [("hosts",), ("links",)]
    assert spied_programs.read_text().count("\n") == 5
    assert password not in spied_programs.read_text()
    assert releases


def test_a_dump_that_cannot_be_loaded_whole_is_a_failure(
    run: Run, releases: list[str], folder: Path, mariadb: MariaDB
) -> None:
    url = mariadb.new_database().reveal()
    name = url.split("/")[-1].split("?")[0]
    mariadb.root(f"USE {name}", "CREATE TABLE hosts (n INT PRIMARY KEY)", "INSERT INTO hosts VALUES (1)")
    run(database_url=url)
    dump = folder / LABEL / "database.sql"
    # The product's user has no right to lock, and is not asked for it.
    assert "LOCK TABLES" not in dump.read_text()
    whole = dump.read_text()
    dump.write_text(whole.replace("INSERT INTO `hosts`", "INSERT INTO `ghosts`"))
    failed = run(state="restored", restore_data=True, database_url=url)
    assert failed.get("failed"), failed
    assert "ghosts" in failed["msg"]
    # The database is empty now: nothing may go on as if it were whole, or take the dump away.
    for options in ({}, {"label": "other"}, {"state": "restored"}, {"state": "absent"}):
        refused = run(database_url=url, **options)
        assert refused["unfinished"] == LABEL, options
        assert f"-e snapshot={LABEL} -e restore_data=true" in refused["msg"]
    assert not run(state="absent", label="other")["changed"]
    dump.write_text(whole)
    finished = run(state="restored", restore_data=True, database_url=url)
    assert finished["changed"], finished
    assert finished["unfinished"] == LABEL
    assert run()["unfinished"] == ""
    assert mariadb.root(f"SELECT * FROM {name}.hosts") == [(1,)]
    assert releases


def test_half_a_dump_replaces_nothing(run: Run, releases: list[str], folder: Path, mariadb: MariaDB) -> None:
    url = mariadb.new_database().reveal()
    name = url.split("/")[-1].split("?")[0]
    mariadb.root(
        f"USE {name}",
        "CREATE TABLE alembic_version (n INT)",
        "CREATE TABLE hosts (n INT)",
        "INSERT INTO hosts VALUES (1)",
    )
    run(database_url=url)
    dump = folder / LABEL / "database.sql"
    text = dump.read_text()
    # While a restore is at work, the database has no migration that a daemon would accept.
    assert text.index("CREATE TABLE `hosts`") < text.index("CREATE TABLE `alembic_version`")
    dump.write_text(text[: text.index("INSERT INTO `hosts`")])
    for check in (True, False):
        refused = run(state="restored", restore_data=True, database_url=url, check=check)
        assert "its last line is missing" in refused["msg"]
    assert mariadb.root(f"SELECT * FROM {name}.hosts") == [(1,)]
    assert run()["unfinished"] == ""
    assert releases


def test_half_a_copy_of_sqlite_replaces_nothing(run: Run, releases: list[str], folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "cloud_manager.db"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE hosts (n INTEGER)")
        database.executemany("INSERT INTO hosts VALUES (?)", [(n,) for n in range(9999)])
        database.commit()
    run(database_url=f"sqlite:///{path}")
    copy = folder / LABEL / "database.sqlite"
    copy.write_bytes(copy.read_bytes()[:8192])
    refused = run(state="restored", restore_data=True, database_url=f"sqlite:///{path}")
    assert "is not whole" in refused["msg"]
    assert len(rows(path)) == 9999
    assert releases


def test_a_database_that_refuses_is_named_without_the_password(
    run: Run, releases: list[str], folder: Path, mariadb: MariaDB
) -> None:
    failed = run(database_url=mariadb.url("nowhere", password="wr0ng").reveal())
    assert failed["failed"]
    assert "database nowhere: mariadb failed" in failed["msg"]
    assert "wr0ng" not in json.dumps(failed)
    assert not (folder / LABEL / "snapshot.json").exists()
    assert releases


def test_a_link_of_somebody_else_is_not_followed(run: Run, tmp_path: Path, releases: list[str]) -> None:
    """As in the guide's folder, before which anybody may have been there."""
    everybodys, theirs = tmp_path / "tmp", tmp_path / "theirs"
    everybodys.mkdir()
    everybodys.chmod(0o1777)
    theirs.mkdir()
    (everybodys / "rollback").symlink_to(theirs)
    place = everybodys / "rollback" / "cloud_manager"
    assert "perhaps a symbolic link" in run(folder=str(place))["msg"]
    (everybodys / "rollback").unlink()
    (everybodys / "rollback").mkdir()
    os.chown(everybodys / "rollback", 65534, 65534)
    assert "belongs to another user (65534)" in run(folder=str(place))["msg"]
    os.chown(everybodys / "rollback", 0, 0)
    (everybodys / "rollback").chmod(0o777)
    assert "can be written by others" in run(folder=str(place))["msg"]
    (everybodys / "rollback").chmod(0o755)
    assert run(folder=str(place))["changed"]
    assert list(theirs.iterdir()) == []
    assert releases
