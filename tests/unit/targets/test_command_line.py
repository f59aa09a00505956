# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line says what is wrong, exits with 2 and shows no traceback."""

from __future__ import annotations

import tempfile

import pytest

from tests.targets.cli import main, parser


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("AOS_CACHE", f"{tmp_path}/cache")
    monkeypatch.delenv("AOS_LAB_SLOT", raising=False)


@pytest.mark.parametrize(
    "command",
    [
        "up web",
        "--slot 3 up web --debian 13 --bind /a:/b --bind /c:/d",
        "down web",
        "down --all",
        "status",
        "exec web systemctl --failed",
        "save web /a",
        "compare web /a",
        "versions /a",
        "forget",
        "molecule",
        "molecule default --only converge",
    ],
)
def test_every_command_of_the_contract_is_understood(command):
    assert callable(parser().parse_args(command.split()).run)


@pytest.mark.parametrize(
    "command", ["", "fly", "up", "up web --debian 11", "up web --bind a:b", "down", "down web --all"]
)
def test_a_wrong_command_exits_with_2_and_its_usage(command, capsys):
    with pytest.raises(SystemExit) as end:
        main(command.split())
    assert end.value.code == 2
    assert "usage: targets" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("--slot 10 status", "slot '10': must be a number from 0 to 9"),
        ("up Web", "target 'Web': a name has up to 40 small letters"),
        ("exec web id", "target web does not run: boot it with `up web`"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(command, message, capsys):
    assert main(command.split()) == 2
    said = capsys.readouterr().err
    assert said.startswith("targets: ")
    assert message in said
    assert "Traceback" not in said
