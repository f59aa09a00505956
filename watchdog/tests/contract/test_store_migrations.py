# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbered migrations on real databases."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, Table, event, inspect, text

from cloud_manager.adapters.store import SqlJournal
from cloud_manager.db import Database, schema
from cloud_manager.db.models import Base
from cloud_manager.domain.power import PROTOCOLS, ControlType, Secret
from cloud_manager.domain.records import Records
from cloud_manager.errors import BadInput, StoreOutdated, StoreUnavailable
from watchdog.tests.contract.mariadb import PASSWORD, MariaDB


@pytest.fixture
def database(url: Secret) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()


@pytest.fixture(params=["sqlite", "mariadb"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """Each call makes an empty database of one kind."""
    opened: list[Database] = []

    def make() -> Database:
        if request.param == "sqlite":
            url = Secret(f"sqlite:///{tmp_path}/store-{len(opened)}.db")
        else:
            url = request.getfixturevalue("mariadb").new_database()
        opened.append(Database(url))
        return opened[-1]

    yield make
    for database in opened:
        database.close()


def test_the_migrations_make_what_the_models_say(database: Database) -> None:
    schema.migrate(database)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    assert schema.current(database) == schema.newest()


def test_every_migration_can_be_gone_up_and_down_one_by_one(database: Database) -> None:
    for number in (0, *schema.known(), *reversed(schema.known()), 0):
        assert schema.migrate(database, number) == number
        assert schema.current(database) == number
    assert inspect(database.engine).get_table_names() == []


def test_the_migrations_are_numbered_from_one_without_a_gap_and_each_says_what_it_does() -> None:
    known = schema.known()
    assert list(known) == list(range(1, len(known) + 1))
    assert all(known.values())


@pytest.mark.parametrize("number", [-1, 999])
def test_an_unknown_migration_is_refused_by_number(database: Database, number: int) -> None:
    with pytest.raises(BadInput, match=f"migration {number} "):
        schema.migrate(database, number)


def test_several_that_migrate_at_once_do_not_disturb_each_other(url: Secret) -> None:
    databases = [Database(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(schema.migrate, databases)) == [schema.newest()] * 4
    for database in databases:
        assert SqlJournal(database).load() == Records()
        database.close()


def test_a_database_from_a_newer_version_is_refused_with_both_numbers(database: Database) -> None:
    schema.migrate(database)
    database.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '999'")))
    for ask in (schema.prepare, lambda d: schema.migrate(d, 0)):
        with pytest.raises(StoreOutdated, match="999"):
            ask(database)


def test_a_database_that_is_not_ours_is_said_to_be_so(database: Database) -> None:
    schema.migrate(database)
    database.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num = 'af3c'")))
    with pytest.raises(StoreUnavailable, match=r"af3c.*not a database of aos-cloud-manager"):
        schema.prepare(database)


def test_the_embedded_database_is_made_with_its_folder_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "store.db"
    database = Database(Secret(f"sqlite:///{path}"))
    schema.prepare(database)
    schema.prepare(database)
    assert SqlJournal(database).load() == Records()
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    database.close()


def test_an_embedded_database_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match=r"file/store\.db"):
        schema.prepare(Database(Secret(f"sqlite:///{tmp_path}/file/store.db")))


def test_a_file_that_is_no_database_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("something else " * 100)
    with pytest.raises(StoreUnavailable, match=r"store\.db.*not a database"):
        schema.prepare(Database(Secret(f"sqlite:///{tmp_path}/store.db")))


def test_a_server_is_never_migrated_by_itself_and_the_error_says_how(mariadb: MariaDB) -> None:
    database = Database(mariadb.new_database())
    with pytest.raises(StoreOutdated, match="aos-cloud-manager db migrate"):
        schema.prepare(database)
    assert schema.current(database) == 0
    with pytest.raises(StoreUnavailable, match="db migrate"):
        SqlJournal(database).load()
    schema.migrate(database)
    schema.prepare(database)
    database.close()


def test_times_are_double_precision_and_names_four_byte_text_on_the_server(mariadb: MariaDB) -> None:
    url = mariadb.new_database()
    database = Database(url)
    schema.migrate(database)
    name = url.reveal().rsplit("/", 1)[1].split("?")[0]
    columns = f"data_type, collation_name FROM information_schema.columns WHERE table_schema = '{name}'"
    ours = mariadb.root(f"SELECT {columns} AND table_name <> 'alembic_version'")
    assert "double" in {kind for kind, _ in ours}
    assert "float" not in {kind for kind, _ in ours}
    assert {collation for _, collation in ours if collation} == {"utf8mb4_bin"}
    database.close()


CONTROLS = "id, title, protocol, address, port, username, password"
LINKS = "control_id, host, outlet, is_default, verified_at"
ACTIONS = "at, who, action, subject, details"


def rows(database: Database, statement: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in database.read(lambda c: c.execute(text(statement)).all())]


def fill_version_1(database: Database) -> None:
    schema.migrate(database, 1)
    for statement in (
        f"INSERT INTO power_controls ({CONTROLS}) VALUES (3, 'bmc-é', 'ipmi', '192.0.2.1', 623, 'admin', 'secret')",
        f"INSERT INTO power_controls ({CONTROLS}) VALUES (7, 'bmc-2', 'ipmi', '192.0.2.2', 6230, 'root', 'other')",
        f"INSERT INTO power_links ({LINKS}) VALUES (3, 'c1', 0, 1, 1700000000.25), (7, 'c2', 0, 1, NULL)",
        f"INSERT INTO action_log ({ACTIONS}) VALUES (7.5, 'anna', 'power_control.add', 'bmc-é', 'at 192.0.2.1')",
    ):
        database.write(lambda c, statement=statement: c.execute(text(statement)))


def version_1(database: Database) -> tuple[list[tuple[object, ...]], ...]:
    return (
        rows(database, f"SELECT {CONTROLS} FROM power_controls ORDER BY id"),
        rows(database, f"SELECT {LINKS} FROM power_links ORDER BY control_id"),
        rows(database, f"SELECT {ACTIONS} FROM action_log"),
    )


def fill_version_2(database: Database) -> None:
    """Beside the IPMI controls a relay board whose outputs are inverted, and a hypervisor."""
    fill_version_1(database)
    schema.migrate(database, 2)
    control = f"INSERT INTO power_controls ({CONTROLS}, outlets, options) VALUES"
    place = "machine, options, identity, initialised_at, check_at, check_state, check_message"
    link = f"INSERT INTO power_links ({LINKS}, {place}) VALUES"
    for statement in (
        f"""{control} (8, 'relay', 'modbus', 'b.test', 502, '', '', 8, '{{"inverted": true}}')""",
        f"""{control} (9, 'kvm', 'ssh', 'k.test', 22, 'virt', 'key', 0, '{{"uri": "qemu:///system"}}')""",
        f"{link} (8, 'c3', 3, 1, 1.5, '', '{{}}', '', NULL, NULL, '', '')",
        f"{link} (8, 'c3', 4, 1, 1.5, '', '{{}}', '', NULL, NULL, '', '')",
        f"""{link} (9, 'c4', 0, 1, NULL, 'vm', '{{"domain": "vm"}}', 'uuid', 2.5, 3.5, 'on', '')""",
        "UPDATE power_links SET identity = 'serial', check_state = 'on' WHERE host = 'c1'",
        "UPDATE action_log SET result = 'done'",
    ):
        database.write(lambda c, statement=statement: c.exec_driver_sql(statement))


def test_power_controls_survive_the_second_migration_up_down_and_up(database: Database) -> None:
    fill_version_1(database)
    before = version_1(database)
    for number in (2, 1, 2):
        schema.migrate(database, number, allow_data_loss=True)
        assert version_1(database) == before
    assert rows(database, "SELECT outlets, options FROM power_controls") == [(1, "{}")] * 2
    told = "machine, options, identity, initialised_at, check_at, check_state, check_message"
    assert rows(database, f"SELECT {told} FROM power_links") == [("", "{}", "", None, None, "", "")] * 2
    assert rows(database, "SELECT result FROM action_log") == [(None,)]


def test_going_down_removes_what_comes_back_without_the_options_by_which_it_is_read(database: Database) -> None:
    fill_version_2(database)
    for number in (1, 2):
        schema.migrate(database, number, allow_data_loss=True)
        controls, links, _ = version_1(database)
        assert [title for _, title, *_ in controls] == ["bmc-é", "bmc-2"]
        assert [host for _, host, *_ in links] == ["c1", "c2"]


def test_going_up_a_control_has_the_outlets_of_its_protocol_and_a_board_none_until_they_are_said(
    database: Database,
) -> None:
    fill_version_1(database)
    for number, protocol in enumerate(sorted(PROTOCOLS), start=10):
        control = f"({number}, '{protocol}-1', '{protocol}', 'x.test', 1, '', '')"
        database.write(lambda c, control=control: c.exec_driver_sql(f"INSERT INTO power_controls VALUES {control}"))
    schema.migrate(database, 2)
    for protocol, outlets in rows(database, "SELECT protocol, outlets FROM power_controls"):
        assert outlets == (1 if PROTOCOLS[str(protocol)].type is ControlType.BMC else 0), protocol


class KilledError(Exception):
    """The migration ended here."""


@contextmanager
def killed_after(database: Database, count: int) -> Iterator[list[str]]:
    """The migration ends after so many statements that change something; gives those that were done."""
    done: list[str] = []

    def count_down(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement.split()[0] in {"CREATE", "INSERT", "ALTER", "RENAME", "DROP", "UPDATE", "DELETE"}:
            done.append(statement)
            if len(done) == count:
                raise KilledError

    event.listen(database.migrating, "after_cursor_execute", count_down)
    try:
        yield done
    except KilledError:
        pass
    finally:
        event.remove(database.migrating, "after_cursor_execute", count_down)


def tables(database: Database) -> dict[str, list[str]]:
    """How each is made: columns in their order, then what MariaDB keeps in any order; on SQLite also the indexes."""
    if database.embedded:
        made = rows(database, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {str(name): [" ".join(re.sub(r"[\"\s]+", " ", str(how)).split())] for name, how in made}
    names = inspect(database.engine).get_table_names()
    found = {}
    for name in names:
        lines = [
            line.strip().rstrip(",") for line in str(rows(database, f"SHOW CREATE TABLE {name}")[0][1]).splitlines()
        ]
        columns = [line for line in lines if line.startswith("`")]
        found[name] = [*columns, *sorted(set(lines) - set(columns))]
    return found


def numberless(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Without the next number of a column that counts by itself: that is data."""
    return {name: [re.sub(r"AUTO_INCREMENT=\d+ ", "", line) for line in lines] for name, lines in found.items()}


def content(database: Database) -> dict[str, list[tuple[object, ...]]]:
    names = inspect(database.engine).get_table_names()
    return {name: rows(database, f"SELECT * FROM {name} ORDER BY 1") for name in names}


@pytest.mark.parametrize(("fill", "number"), [(fill_version_1, 1), (fill_version_2, 2)])
def test_migrating_to_where_the_database_is_changes_nothing(
    database: Database, fill: Callable[[Database], None], number: int
) -> None:
    fill(database)
    before = tables(database), content(database)
    with killed_after(database, 1) as done:
        assert schema.migrate(database, number) == number
    assert done == []
    assert (tables(database), content(database)) == before


def fill_nothing(_database: Database) -> None:
    """Number 0."""


STEPS = [(fill_nothing, 0, 1), (fill_version_1, 1, 0), (fill_version_1, 1, 2), (fill_version_2, 2, 1)]


@pytest.mark.parametrize(("fill", "start", "end"), STEPS)
def test_a_migration_that_was_killed_after_any_of_its_statements_is_taken_up_again(
    new_database: Callable[[], Database], fill: Callable[[Database], None], start: int, end: int
) -> None:
    undisturbed = new_database()
    fill(undisturbed)
    schema.migrate(undisturbed, end, allow_data_loss=True)
    for count in range(1, 100):
        database = new_database()
        fill(database)
        with killed_after(database, count) as done:
            schema.migrate(database, end, allow_data_loss=True)
        if len(done) < count:
            break
        at_end = done[-1] in (schema.DROP_NUMBER, schema.DROP_UNDER_WAY) and not database.embedded
        assert schema.current(database) == (end if at_end else start)
        assert schema.migrate(database, end, allow_data_loss=True) == end
        assert tables(database) == tables(undisturbed), done
        assert content(database) == content(undisturbed), done
    assert len({statement.split()[0] for statement in done}) > 1
    assert "alembic_version" in done[-1] or done[-1] == schema.DROP_UNDER_WAY


@pytest.mark.parametrize(("fill", "start", "end"), [(fill_version_1, 1, 2), (fill_version_2, 2, 1)])
def test_a_migration_that_was_killed_after_any_of_its_statements_can_be_turned_back(
    new_database: Callable[[], Database], fill: Callable[[Database], None], start: int, end: int
) -> None:
    undisturbed = new_database()
    fill(undisturbed)
    never_left = numberless(tables(undisturbed))
    for count in range(1, 100):
        database = new_database()
        fill(database)
        with killed_after(database, count) as done:
            schema.migrate(database, end, allow_data_loss=True)
        if len(done) < count:
            break
        assert schema.migrate(database, start, allow_data_loss=True) == start
        assert numberless(tables(database)) == never_left, done
        controls, links, actions = version_1(database)
        assert [title for _, title, *_ in controls][:2] == ["bmc-é", "bmc-2"]
        assert [host for _, host, *_ in links][:2] == ["c1", "c2"]
        assert len(actions) == 1
        assert schema.interrupted(database) is None
    assert "alembic_version" in done[-1] or done[-1] == schema.DROP_UNDER_WAY


@pytest.mark.parametrize(("start", "end"), [(1, 2), (2, 1), (0, 1)])
def test_nobody_works_on_a_database_whose_migration_was_interrupted(
    mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch, start: int, end: int
) -> None:
    database = Database(mariadb.new_database())
    schema.migrate(database, start)
    with killed_after(database, 4):
        schema.migrate(database, end)
    assert (schema.current(database), schema.interrupted(database)) == (start, max(start, end))
    # As a version would that knows no more than the number that the database still has.
    monkeypatch.setattr(schema, "newest", lambda: max(start, 1))
    with pytest.raises(
        StoreOutdated, match=f"interrupted at migration {max(start, end)}.*aos-cloud-manager db migrate"
    ):
        schema.prepare(database)
    if end > max(start, 1):
        with pytest.raises(StoreOutdated, match=f"migration {end} is unknown to this version"):
            schema.migrate(database, start)
    monkeypatch.undo()
    schema.migrate(database)
    schema.prepare(database)
    assert schema.interrupted(database) is None
    database.close()


def fill_all(database: Database) -> None:
    """Three rows in every table, whatever tables there are; a third power control speaks another protocol."""
    found = MetaData()
    with database.engine.connect() as connection:
        found.reflect(connection)
        for table in found.sorted_tables:
            if table.name != "alembic_version":
                connection.execute(table.insert(), [a_row(table, number) for number in (1, 2, 3)])
        connection.commit()


def a_row(table: Table, number: int) -> dict[str, object]:
    special = {"protocol": "modbus" if number == 3 else "ipmi", "options": "{}", "machine": ""}
    row: dict[str, object] = {}
    for column in table.columns:
        kind = column.type.python_type
        value = number % 2 if "TINYINT" in str(column.type) else number
        row[column.name] = special.get(column.name, kind(value) if kind is not str else f"{column.name}-é-{number}")
    return row


def checksums(database: Database, columns: dict[str, list[str]]) -> dict[str, tuple[int, str]]:
    """Table -> number of rows, and a digest of these columns."""
    found = {}
    for table, names in columns.items():
        told = sorted(map(repr, rows(database, f"SELECT {', '.join(f'`{name}`' for name in names)} FROM {table}")))
        found[table] = (len(told), hashlib.sha256("\n".join(told).encode()).hexdigest())
    return found


def columns_of(database: Database) -> dict[str, list[str]]:
    inspector = inspect(database.engine)
    tables = set(inspector.get_table_names()) - {"alembic_version"}
    return {table: [column["name"] for column in inspector.get_columns(table)] for table in tables}


@pytest.mark.parametrize("number", range(schema.newest()))
def test_down_to_a_number_and_up_again_leaves_the_tables_of_that_number_and_every_row_not_said_to_be_lost(
    new_database: Callable[[], Database], number: int
) -> None:
    straight, database = new_database(), new_database()
    schema.migrate(straight, number)
    schema.migrate(database)
    made = numberless(tables(database))
    fill_all(database)
    with pytest.raises(BadInput) as refused:
        schema.migrate(database, number)
    lost = set(re.findall(r"^table (\w+): ", str(refused.value), re.MULTILINE)) | ({"lease"} if number == 0 else set())
    kept = {table: names for table, names in columns_of(straight).items() if table not in lost}
    before = checksums(database, kept)
    assert number == 0 or {rows for rows, _ in before.values()} == {3}

    schema.migrate(database, number, allow_data_loss=True)
    assert numberless(tables(database)) == numberless(tables(straight))
    assert checksums(database, kept) == before
    schema.migrate(database)
    assert numberless(tables(database)) == made
    assert checksums(database, kept) == before


def test_a_refused_loss_changes_nothing_and_names_each_loss_with_its_rows_and_how_to_back_up(
    database: Database,
) -> None:
    fill_version_2(database)
    before = tables(database), content(database)
    with pytest.raises(BadInput) as refused:
        schema.migrate(database, 1)
    assert (tables(database), content(database)) == before
    said = str(refused.value)
    assert "table power_controls: 2 rows, controls of other protocols than ipmi" in said
    assert "table power_links: 3 rows, hosts on controls of other protocols than ipmi" in said
    assert "table power_links: 1 row, their options, identity and last reading" in said
    assert "table action_log: 1 row, their result" in said
    assert ("store.db.backup" if database.embedded else "mariadb-dump --host=127.0.0.1 --port=") in said
    assert "--allow-data-loss" in said
    assert PASSWORD not in said
    assert "-- loses table power_controls: 2 rows, controls of other protocols than ipmi\n" in schema.sql(database, 1)


def test_going_down_two_numbers_names_what_each_step_loses(database: Database) -> None:
    fill_version_2(database)
    with pytest.raises(BadInput) as refused:
        schema.migrate(database, 0)
    assert "table action_log: 1 row, their result" in str(refused.value)
    assert "table action_log: 1 row, all that it holds" in str(refused.value)


def test_empty_tables_and_what_the_older_tables_hold_are_no_loss(database: Database) -> None:
    schema.migrate(database)
    assert SqlJournal(database).acquire_lease("one", 30.0, lambda _holder: True)
    assert schema.migrate(database, 0) == 0
    fill_version_1(database)
    schema.migrate(database, 2)
    assert schema.migrate(database, 1) == 1


def test_tables_of_another_program_are_neither_taken_over_nor_dropped(database: Database) -> None:
    schema_of_another = "CREATE TABLE jobs (id INTEGER)"
    database.create_file()
    database.write(lambda c: c.exec_driver_sql(schema_of_another))
    for number in (0, 1):
        with pytest.raises(BadInput, match=r"did not make \(jobs\)"):
            schema.migrate(database, number)
    assert inspect(database.engine).get_table_names() == ["jobs"]


MOVES = [(start, end) for start in (0, *schema.known()) for end in (0, *schema.known()) if start != end]


@pytest.mark.parametrize(("start", "end"), MOVES)
def test_the_sql_that_is_shown_is_what_is_run(database: Database, start: int, end: int) -> None:
    if start:
        schema.migrate(database, start)
    shown = [line for line in schema.sql(database, end).splitlines() if not line.startswith("--")]
    assert schema.current(database) == start
    with killed_after(database, 1000) as done:
        schema.migrate(database, end)
    run = [statement for statement in done if schema.UNDER_WAY not in statement]
    assert plain_words("\n".join(shown)) == plain_words(";".join(run))


def plain_words(statements: str) -> list[str]:
    """One text a statement, without what makes no difference: spaces, quotes, a number that is returned."""
    told = (" ".join(statement.replace("`", "").split()) for statement in statements.split(";"))
    return [text.split(" RETURNING ")[0].strip() for text in told if text]


def test_sql_of_where_the_database_is_says_nothing_and_makes_no_file(tmp_path: Path) -> None:
    database = Database(Secret(f"sqlite:///{tmp_path}/deep/store.db"))
    assert schema.sql(database, 0) == ""
    assert "CREATE TABLE lease" in schema.sql(database)
    assert not (tmp_path / "deep").exists()
