# SPDX-License-Identifier: GPL-3.0-or-later
"""db_migration and db_migration_info against a program that stands in for the installed one."""

from __future__ import annotations

import json
import sys
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.aos.cloud_manager.plugins.modules import db_migration, db_migration_info

Outcome = dict[str, t.Any]

# Notes each command; answers `list` from a file, refuses what says "refuse" there.
STAND_IN = """#!{python}
import json, pathlib, sys
folder = pathlib.Path(__file__).parent
words = sys.argv[1:]
with (folder / "ran").open("a") as ran:
    ran.write(json.dumps(words) + "\\n")
answer = json.loads((folder / "answer").read_text())
if answer.get("refuse") in words:
    print("a warning of a library", file=sys.stderr)
    print("error: first line\\nerror: the remedy", file=sys.stderr)
    sys.exit(2)
print(answer["sql"] if "--sql" in words else json.dumps(answer["list"]) if "list" in words else "done")
"""
STEPS = [{"number": 1, "applied": True, "description": "a"}, {"number": 2, "applied": False, "description": "b"}]
LIST = {"database": "sqlite:////x.db", "current": 1, "newest": 2, "interrupted": None, "migrations": STEPS}


class Program:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.path = folder / "aos-cloud-manager"
        self.path.write_text(STAND_IN.format(python=sys.executable))
        self.path.chmod(0o755)
        self._capsys = capsys
        self.answers()

    def answers(self, sql: str = "CREATE TABLE x;", refuse: str = "", **changes: object) -> None:
        (self.folder / "answer").write_text(json.dumps({"sql": sql, "refuse": refuse, "list": {**LIST, **changes}}))

    def ran(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.folder / "ran").read_text().splitlines()]

    def migrated(self) -> list[list[str]]:
        return [words for words in self.ran() if "migrate" in words and "--sql" not in words]

    def play(self, module: t.Any = db_migration, **options: t.Any) -> Outcome:
        with patch_module_args({"executable": str(self.path), **options}), pytest.raises(SystemExit):
            module.main()
        return t.cast(Outcome, json.loads(self._capsys.readouterr().out))


@pytest.fixture
def program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(tmp_path, capsys)


def test_it_goes_to_the_newest_migration_and_says_from_where(program: Program) -> None:
    outcome = program.play(config_files=["/a.conf", "/b.conf"])
    assert outcome["changed"]
    assert (outcome["before"], outcome["after"]) == (1, 2)
    states = [{"migration": 1, "interrupted": None}, {"migration": 2, "interrupted": None}]
    assert outcome["diff"] == dict(zip(("before", "after"), states, strict=True))
    files = ["--config-file", "/a.conf", "--config-file", "/b.conf"]
    assert program.migrated() == [[*files, "db", "migrate", "--migration", "2"]]


def test_check_mode_tells_the_same_with_the_sql_and_does_nothing(program: Program) -> None:
    checked = program.play(_ansible_check_mode=True, _ansible_diff=True)
    assert checked["sql"] == "CREATE TABLE x;\n"
    assert program.migrated() == []
    assert {**program.play(), "invocation": 0} == {**checked, "invocation": 0}


def test_a_database_that_has_the_migration_is_unchanged_yet_what_was_interrupted_is_settled(program: Program) -> None:
    program.answers(sql="")
    outcome = program.play(migration=1)
    assert not outcome["changed"]
    assert program.migrated() == [["db", "migrate", "--migration", "1"]]


@pytest.mark.parametrize("check_mode", [False, True])
def test_an_interrupted_migration_that_is_settled_is_a_change(program: Program, check_mode: bool) -> None:
    program.answers(sql="", interrupted=2)
    outcome = program.play(migration=1, _ansible_check_mode=check_mode)
    assert outcome["changed"]
    assert outcome["interrupted"] == 2
    assert outcome["diff"]["after"] == {"migration": 1, "interrupted": None}
    assert program.migrated() == ([] if check_mode else [["db", "migrate", "--migration", "1"]])


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_loss_is_refused_with_what_is_lost_until_it_is_allowed(program: Program, check_mode: bool) -> None:
    program.answers(sql="-- loses table hosts: 3 rows, all\nDROP TABLE hosts;", current=2)
    refused = program.play(migration=1, _ansible_check_mode=check_mode)
    assert refused["failed"]
    assert refused["losses"] == ["table hosts: 3 rows, all"]
    assert "from migration 2 to 1" in refused["msg"]
    assert "allow_data_loss" in refused["msg"]
    assert program.migrated() == []
    allowed = program.play(migration=1, allow_data_loss=True, _ansible_check_mode=check_mode)
    assert allowed["losses"] == refused["losses"]
    assert program.migrated() == ([] if check_mode else [["db", "migrate", "--migration", "1", "--allow-data-loss"]])


def test_what_the_program_refuses_is_passed_on_without_its_marks_and_noise(program: Program) -> None:
    program.answers(refuse="99")
    assert program.play(migration=99)["msg"] == "first line\nthe remedy"


def test_a_program_that_is_not_installed_is_named_with_the_module_that_installs_it(program: Program) -> None:
    program.path.unlink()
    for module in (db_migration, db_migration_info):
        message = program.play(module)["msg"]
        assert f"{program.path} does not exist; install the package first" in message
        assert "aos.cloud_manager.package" in message


def test_a_file_that_cannot_be_run_is_named(program: Program) -> None:
    program.path.write_text("no program")
    assert f"{program.path} cannot be run" in program.play()["msg"]


def test_another_program_is_recognised(program: Program) -> None:
    program.path.write_text("#!/bin/sh\necho hello\n")
    assert "did not answer `db list` in JSON ('hello" in program.play(db_migration_info)["msg"]


def test_the_migrations_are_listed_with_those_that_are_pending(program: Program) -> None:
    outcome = program.play(db_migration_info)
    assert not outcome["changed"]
    assert {name: outcome[name] for name in LIST} == LIST
    assert outcome["pending"] == [2]
