# SPDX-License-Identifier: GPL-3.0-or-later
"""`power-control` add, set, show, remove, link, unlink and initialise, for every kind of control."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from cloud_manager.domain.facts import Power, PowerReading
from cloud_manager.errors import BadInput, CloudUnavailable
from watchdog.tests.store.console import PASSWORD, START, Program, Run, app, run, two

__all__ = ["app", "run", "two"]

BOARD = ("add", "--title", "board", "--protocol", "snmp", "--address", "192.0.2.21", "--outlets", "8")
LAB = ("add", "--title", "lab", "--protocol", "ssh", "--address", "192.0.2.31", "--username", "root")


@pytest.fixture
def full(two: Program, run: Run) -> Program:
    """compute-01 is on two outlets of a board as well."""
    run(*BOARD)
    run("link", "compute-01", "board", "--outlet", "3")
    run("link", "compute-01", "board", "--outlet", "4")
    two.verifier.answers["board"] = PowerReading("board", Power.ON)
    return two


def places(app: Program, host: str) -> list[tuple[str, int | None, bool]]:
    return [(link.control.title, link.outlet, link.default) for link in app.power_controls.of(host)]


def table_of(out: str) -> list[list[str]]:
    return [re.split(r"  +", line) for line in out.splitlines()]


@pytest.mark.parametrize(
    ("protocol", "words", "port"),
    [
        ("ipmi", ("--username", "a"), 623),
        ("redfish", ("--username", "a"), 443),
        ("amt", ("--username", "a"), 16992),
        ("snmp", ("--outlets", "8"), 161),
        ("modbus", ("--outlets", "8"), 502),
        ("ssh", ("--username", "a"), 22),
    ],
)
def test_each_protocol_has_its_port(
    app: Program, run: Run, tmp_path: Path, protocol: str, words: Sequence[str], port: int
) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    file = () if protocol == "modbus" else ("--password-file", str(tmp_path / "password"))
    assert run("add", "--title", "x", "--protocol", protocol, "--address", "192.0.2.1", *words, *file) == 0
    assert app.power_controls.get("x").port == port


@pytest.mark.parametrize(("protocol", "words"), [("modbus", ("--outlets", "8")), ("ssh", ("--username", "root"))])
def test_who_can_do_without_a_password_is_not_asked_for_one(
    app: Program, run: Run, protocol: str, words: Sequence[str]
) -> None:
    assert run("add", "--title", "x", "--protocol", protocol, "--address", "192.0.2.1", *words) == 0
    assert app.power_controls.get("x").password.reveal() == ""


def test_the_password_of_other_controls_in_the_environment_is_not_given_to_one_that_has_none(
    app: Program, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AOS_BMC_PASSWORD", PASSWORD)
    run("add", "--title", "x", "--protocol", "modbus", "--address", "192.0.2.1", "--outlets", "8")
    run(*LAB)
    assert app.power_controls.get("x").password.reveal() == ""
    assert app.power_controls.get("lab").password.reveal() == PASSWORD


def test_options_are_numbers_flags_or_text(app: Program, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AOS_BMC_PASSWORD", PASSWORD)
    given = ("inverted=false", "board_port=3", "version=v3", 'password_separator="7"', "auth_protocol=NaN")
    more = ("priv_protocol=/a=b",)
    run(*BOARD, *(word for option in (*given, *more) for word in ("--option", option)))
    assert app.power_controls.get("board").options == {
        "inverted": False,
        "board_port": 3,
        "version": "v3",
        "password_separator": "7",
        "auth_protocol": "NaN",
        "priv_protocol": "/a=b",
    }
    run(*LAB, "--option", "uri=null")
    assert app.power_controls.get("lab").options == {"uri": "null"}


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("add", "--title", "x", "--protocol", "snmp", "--address", "a"), "--outlets N"),
        ((*LAB[:-2],), "username"),
        ((*LAB, "--option", "domain"), "NAME=VALUE"),
        ((*LAB, "--option", "=1"), "NAME=VALUE"),
        ((*LAB, "--option", "a="), "option a has no value"),
        ((*LAB, "--option", "a=1", "--option", "a=2"), "option a is given twice"),
        ((*LAB, "--option", "domain=vm"), "option domain names one machine"),
        ((*LAB, "--option", "community=public"), "option community looks like a secret"),
        ((*LAB, "--outlets", "4"), "no outlets"),
        (("link", "c9", "board", "--outlet", "9"), "outlet 9"),
        (("link", "c9", "board"), "--outlet N"),
        (("link", "compute-02", "board", "--outlet", "3"), "compute-01"),
        (("set", "nothing", "--port", "1"), "nothing is unknown"),
        (("set", "board"), "board is so already"),
        (("set", "board", "--title", "bmc-1"), "bmc-1 exists"),
        (("set", "board", "--outlets", "3"), "outlet 4"),
        (("set", "board", "--port", "65536"), "65536"),
        (("set", "board", "--option", "colour="), "no option colour"),
        (("show", "nothing"), "nothing is unknown"),
        (("remove", "nothing"), "nothing is unknown"),
        (("remove", "board"), "compute-01"),
        (("unlink", "compute-02", "board"), "compute-02 is not linked"),
        (("unlink", "compute-01", "bmc-1"), "--new-default"),
        (("unlink", "compute-01", "bmc-1", "--new-default", "bmc-2"), "bmc-2"),
        (("unlink", "compute-02", "bmc-2"), "--force"),
        (("initialise", "nothing"), "nothing is unknown"),
        (("initialise", "--all", "--forget-identity"), "needs the TITLE"),
        (("verify", "nothing"), "nothing is unknown"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name_and_nothing_changes(
    full: Program, run: Run, words: Sequence[str], named: str
) -> None:
    before = full.power_controls.list()
    with pytest.raises(BadInput, match=re.escape(named)):
        run(*words)
    assert full.power_controls.list() == before


def test_type_and_protocol_can_not_be_changed(full: Program, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("--type", "bmc"), ("--protocol", "ipmi")):
        with pytest.raises(SystemExit) as caught:
            run("set", "board", *words)
        assert caught.value.code == 2
        assert "can't be changed: remove it, and add another one" in capsys.readouterr().err


def test_a_control_is_changed(full: Program, run: Run, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("another")
    words = ("--title", "tower", "--address", "192.0.2.99", "--port", "1161", "--outlets", "6", "--username", "u")
    file = ("--password-file", str(tmp_path / "password"))
    assert run("set", "board", *words, *file, "--option", "version=v3") == 0
    found = full.power_controls.get("tower")
    assert (found.address, found.port, found.outlets, found.username) == ("192.0.2.99", 1161, 6, "u")
    assert (found.password.reveal(), found.options) == ("another", {"version": "v3"})
    run("set", "tower", "--option", "version=")
    assert full.power_controls.get("tower").options == {}


def test_a_change_takes_no_password_from_the_environment_unless_told_to(
    full: Program, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AOS_BMC_PASSWORD", "of another control")
    run("set", "board", "--port", "1161")
    assert full.power_controls.get("board").password.reveal() == PASSWORD
    run("set", "board", "--new-password")
    assert full.power_controls.get("board").password.reveal() == "of another control"


def test_a_control_is_shown_with_all_but_its_password(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    full.power_controls.initialised("compute-01", "board", START, "SERIAL-7", 4)
    run("set", "board", "--option", "board_port=5")
    full.power_controls.initialised("compute-01", "board", START, "", 4)
    capsys.readouterr()
    assert run("show", "board") == 0
    out = capsys.readouterr().out
    assert PASSWORD not in out
    facts = dict(re.split(r":\s+", line, maxsplit=1) for line in out.splitlines()[:10])
    assert facts == {
        "id": "3",
        "title": "board",
        "type": "relay",
        "protocol": "snmp",
        "address": "192.0.2.21",
        "port": "161",
        "ports": "8 (2 used)",
        "username": "-",
        "password": "never shown",
        "options": "board_port=5",
    }
    lines = table_of(out)[11:]
    assert lines[0][:6] == ["compute-01", "outlet 3", "no", "never", "-", "none"]
    assert lines[1][:3] == ["compute-01", "outlet 4", "no"]
    assert lines[1][3].startswith("2023-11-1")
    assert lines[1][4] == "SERIAL-7"


def test_a_control_is_removed_with_its_links_by_force(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("remove", "bmc-1", "--force") == 0
    assert run("remove", "bmc-2", "--force") == 0
    out = capsys.readouterr().out
    assert "host compute-01: its default is board now" in out
    assert "host compute-02: it can NOT be fenced any more" in out
    assert full.power_controls.titles() == {"compute-01": ("board",)}


def test_unlinking_says_which_control_comes_first_now_or_that_none_is_left(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("unlink", "compute-01", "board", "--outlet", "3", "--force") == 0
    assert "the default power control of host compute-01 is bmc-1" in capsys.readouterr().out
    assert run("unlink", "compute-01", "bmc-1", "--new-default", "board") == 0
    assert "the default power control of host compute-01 is board" in capsys.readouterr().out
    assert run("unlink", "compute-01", "board", "--force") == 0
    assert "compute-01 has no power control any more: it can NOT be fenced" in capsys.readouterr().out


def test_a_machine_of_a_hypervisor_is_linked_by_its_name(full: Program, run: Run) -> None:
    run(*LAB)
    with pytest.raises(BadInput, match="domain=NAME"):
        run("link", "v1", "lab")
    run("link", "v1", "lab", "--option", "domain=vm-1")
    assert full.power_controls.of("v1")[0].settings == {"domain": "vm-1"}


def test_initialising_reads_every_port_and_remembers_who_answered(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    full.verifier.answers["bmc-1"] = PowerReading("bmc-1", Power.ON, identity="SERIAL-1")
    assert run("initialise", "--all") == 0
    output = capsys.readouterr()
    assert [line[:6] for line in table_of(output.out)[1:-1]] == [
        ["compute-01", "bmc-1", "-", "on", "SERIAL-1", "ok"],
        ["compute-01", "board", "outlet 3", "on", "-", "ok"],
        ["compute-01", "board", "outlet 4", "on", "-", "ok"],
        ["compute-02", "bmc-2", "-", "off", "-", "ok"],
    ]
    assert output.out.endswith("4 initialised, 0 not\n")
    assert sorted(output.err.splitlines())[0].startswith("[1/4] host compute-0")
    links = [*full.power_controls.of("compute-01"), *full.power_controls.of("compute-02")]
    assert [link.identity for link in links] == ["SERIAL-1", "", "", ""]
    assert {link.initialised_at for link in links} == {START}
    asked = {(host, tuple((link.control.title, link.outlet) for link in links)) for host, links in full.verifier.asked}
    assert ("compute-01", (("board", 4),)) in asked
    assert len(asked) == 4


def test_whatever_does_not_match_is_told_and_fails_the_command(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    full.power_controls.initialised("compute-01", "bmc-1", START - 5, "SERIAL-1")
    full.verifier.answers["bmc-1"] = PowerReading("bmc-1", Power.ON, identity="SERIAL-2")
    full.verifier.answers["board", 4] = PowerReading("board", Power.UNKNOWN, message="no answer")
    full.cloud.add("compute-03")
    run(*LAB)
    run("link", "compute-09", "board", "--outlet", "5")
    capsys.readouterr()
    assert run("initialise", "--all") == 1
    rows = {(row[0], row[1], row[2]): row[5] for row in table_of(capsys.readouterr().out)[1:-1]}
    assert rows == {
        ("-", "lab", "-"): "NO HOST",
        ("compute-01", "bmc-1", "-"): "OTHER MACHINE",
        ("compute-01", "board", "outlet 3"): "ok",
        ("compute-01", "board", "outlet 4"): "UNREADABLE",
        ("compute-02", "bmc-2", "-"): "ok",
        ("compute-03", "-", "-"): "NO CONTROL",
        ("compute-09", "board", "outlet 5"): "UNKNOWN TO NOVA",
    }
    first, _, four = full.power_controls.of("compute-01")
    assert (first.identity, first.initialised_at) == ("SERIAL-1", START - 5)
    assert (four.initialised_at, four.failing) == (None, True)
    assert full.power_controls.of("compute-09")[0].initialised_at is None


def test_a_replaced_machine_is_recorded_anew_when_told_to(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    full.power_controls.initialised("compute-01", "bmc-1", START - 5, "SERIAL-1")
    full.verifier.answers["bmc-1"] = PowerReading("bmc-1", Power.ON, identity="SERIAL-2")
    assert run("initialise", "bmc-1") == 1
    assert "SERIAL-1" in capsys.readouterr().out
    assert full.verifier.asked[-1][1][0].identity == "", "or the playbook would not read another machine"
    run("verify", "bmc-1")
    assert full.verifier.asked[-1][1][0].identity == "SERIAL-1"
    assert run("initialise", "bmc-1", "--forget-identity") == 0
    assert full.power_controls.of("compute-01")[0].identity == "SERIAL-2"
    assert full.verifier.asked[-1][1][0].identity == ""
    assert run("set", "bmc-1", "--forget-identity") == 0
    assert full.power_controls.of("compute-01")[0].identity == ""


def test_a_machine_that_no_longer_tells_who_it_is_is_not_taken_for_the_recorded_one(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    full.power_controls.initialised("compute-01", "bmc-1", START - 5, "SERIAL-1")
    assert run("initialise", "bmc-1") == 1
    assert "tells no identity, recorded is SERIAL-1" in capsys.readouterr().out
    assert full.power_controls.of("compute-01")[0].initialised_at == START - 5


def test_nothing_is_forgotten_or_read_while_nova_is_away(full: Program, run: Run) -> None:
    full.power_controls.initialised("compute-01", "bmc-1", START - 5, "SERIAL-1")
    full.cloud.error = "away"
    with pytest.raises(CloudUnavailable):
        run("initialise", "bmc-1", "--forget-identity")
    assert full.power_controls.of("compute-01")[0].identity == "SERIAL-1"
    assert full.verifier.asked == []


def test_one_control_is_initialised_without_a_word_about_other_hosts(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("initialise", "bmc-2") == 0
    assert "compute-01" not in capsys.readouterr().out


def test_the_last_reading_is_listed_also_when_it_failed(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    full.verifier.answers["board", 4] = PowerReading("board", Power.UNKNOWN, message="no answer")
    assert run("verify", "board") == 1
    capsys.readouterr()
    run("list")
    rows = {(row[4], row[5]): row[8] for row in table_of(capsys.readouterr().out)[1:]}
    assert rows["compute-01", "3"].startswith("on 2023-11-1")
    assert rows["compute-01", "4"].startswith("FAILED 2023-11-1")
    assert rows["compute-02", "-"] == "none"
    run("show", "board")
    assert "no answer" in capsys.readouterr().out


def test_nothing_that_is_printed_or_kept_in_the_log_holds_a_password(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("set", "board", "--new-password")
    run("initialise", "--all")
    run("list")
    run("show", "board")
    run("log")
    output = capsys.readouterr()
    assert PASSWORD not in output.out + output.err
    assert PASSWORD not in json.dumps([str(action) for action in full.power_controls.actions(100)])


def test_one_outlet_of_several_is_unlinked_only_by_force(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BadInput, match=r"stays linked to outlet 3 of power control board.*outlet 4.*--force"):
        run("unlink", "compute-01", "board", "--outlet", "4")
    assert [link.outlet for link in full.power_controls.of("compute-01")] == [None, 3, 4]
    capsys.readouterr()
    assert run("unlink", "compute-01", "board", "--outlet", "4", "--force") == 0
    assert "warning: host compute-01 stays linked to outlet 3 of power control board" in capsys.readouterr().out
    assert run("unlink", "compute-01", "board", "--outlet", "3") == 0
    assert "stays linked" not in capsys.readouterr().out


def test_several_outlets_are_linked_together_or_not_at_all(full: Program, run: Run) -> None:
    with pytest.raises(BadInput, match="outlet 3"):
        run("link", "compute-02", "board", "--outlet", "5", "--outlet", "3")
    assert [link.outlet for link in full.power_controls.of("compute-02")] == [None]
    assert run("link", "compute-02", "board", "--outlet", "5", "--outlet", "6", "--default") == 0
    assert [(link.outlet, link.default) for link in full.power_controls.of("compute-02")] == [
        (5, True),
        (6, True),
        (None, False),
    ]


def test_linking_a_name_that_nova_does_not_have_is_warned_of(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("link", "compute-02", "board", "--outlet", "5")
    assert "warning" not in capsys.readouterr().out
    run("link", "Compute-02", "board", "--outlet", "6")
    assert "warning: Nova knows no host Compute-02" in capsys.readouterr().out
    full.cloud.error = "away"
    assert run("link", "Compute-02", "board", "--outlet", "7") == 0
    assert "warning" not in capsys.readouterr().out
