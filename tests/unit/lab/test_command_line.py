# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line says what is wrong, exits with 2 and shows no traceback."""

from __future__ import annotations

import pytest

from tests.lab.cli import main, parser


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    monkeypatch.setenv("AOS_LAB_DIR", f"{tmp_path}/lab")
    monkeypatch.setenv("AOS_CACHE", f"{tmp_path}/cache")
    monkeypatch.delenv("AOS_LAB_SLOT", raising=False)


@pytest.mark.parametrize(
    "command",
    [
        "up --hosts 6 --report-interval 5 --service-down-time 60",
        "--slot 3 down",
        "status",
        "reset",
        "boot 20 --host compute-01 --shutoff 3 --priority 9 --name web",
        "boot 1 --host compute-01 --never-launched",
        "kill compute-01",
        "power compute-01 off",
        "power compute-01 status",
        "cut compute-02",
        "heal compute-02",
        *(f"bmc compute-01 {mode}" for mode in ("frozen", "stuck", "slow", "wrong-password", "replaced", "ok")),
        "stop nova-api",
        "start nova-compute:compute-01",
        "env",
        "refuse compute-03 on",
    ],
)
def test_every_command_of_the_contract_is_understood(command):
    assert callable(parser().parse_args(command.split()).run)


@pytest.mark.parametrize(
    "command", ["", "fly", "up --hosts many", "power compute-01 explode", "bmc compute-01 sad", "kill", "boot"]
)
def test_a_wrong_command_exits_with_2_and_its_usage(command, capsys):
    with pytest.raises(SystemExit) as end:
        main(command.split())
    assert end.value.code == 2
    assert "usage: lab" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("--slot 10 status", "slot '10': must be a number from 0 to 9"),
        ("status", "there is no lab on slot 0: make it with `up`"),
        ("kill compute-01", "there is no lab on slot 0"),
        ("env", "there is no lab on slot 0"),
        ("up --hosts 0", "0 hosts: a lab has between 1 and 100"),
        ("up --service-down-time 2", "service_down_time 2 s"),
        ("boot 2 --shutoff 3", "--shutoff 3: must be from 0 to the number of servers, 2"),
        ("boot 1 --never-launched", "--never-launched: needs --host"),
        ("stop gravity", "service 'gravity' is not in this lab: it has mariadb, rabbitmq"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(command, message, capsys):
    assert main(command.split()) == 2
    said = capsys.readouterr().err
    assert said.startswith("lab: ")
    assert message in said
    assert "Traceback" not in said


def test_a_folder_that_is_not_a_labs_is_never_removed(tmp_path, capsys):
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "thesis.txt").write_text("years of work")
    assert main(["down"]) == 2
    assert "is not a lab's folder" in capsys.readouterr().err
    assert (tmp_path / "lab" / "thesis.txt").exists()
