# SPDX-License-Identifier: GPL-3.0-or-later
"""`power-control` status, on, off, soft-off and log: by host, by port, and where they are refused."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from cloud_manager.domain.actions import Recover
from cloud_manager.domain.facts import Power, PowerReading
from cloud_manager.domain.records import Decision, HostRecord, Records, State
from cloud_manager.errors import BadInput, JobNotStarted
from cloud_manager.ports import Switched
from watchdog.tests.store.console import START, Program, Run, app, run, two

__all__ = ["app", "run", "two"]


@pytest.fixture
def full(two: Program, run: Run) -> Program:
    """compute-01, which is down, is on two outlets of a board as well; outlet 7 feeds nobody knows what."""
    run("add", "--title", "board", "--protocol", "snmp", "--address", "192.0.2.21", "--outlets", "8")
    run("link", "compute-01", "board", "--outlet", "3")
    run("link", "compute-01", "board", "--outlet", "4")
    two.verifier.answers["board"] = PowerReading("board", Power.ON)
    two.cloud.kill("compute-01")
    return two


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operator's answers; an empty list is the end of input."""
    answers: list[str] = []

    def ask(prompt: str) -> str:
        assert "?" in prompt
        if not answers:
            raise EOFError
        return answers.pop(0)

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", ask)
    return answers


def last(app: Program) -> tuple[str, str, str | None]:
    action = app.power_controls.actions(1)[0]
    return action.action, action.subject, action.result


def test_a_host_goes_off_by_all_its_controls_together(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("off", "--host", "compute-01") == 0
    assert full.verifier.switched == [("compute-01", [("bmc-1", None), ("board", 3), ("board", 4)], "off", 30.0)]
    assert "host compute-01: off: is off" in capsys.readouterr().out
    assert last(full) == ("power.off", "host compute-01", "ok")


def test_one_port_goes_off_alone(full: Program, run: Run) -> None:
    assert run("off", "board", "--outlet", "4") == 0
    assert run("off", "bmc-1") == 0
    assert run("off", "board", "--host", "compute-01") == 0
    assert [ports for _, ports, _, _ in full.verifier.switched] == [
        [("board", 4)],
        [("bmc-1", None)],
        [("board", 3), ("board", 4)],
    ]
    assert {host for host, _, _, _ in full.verifier.switched} == {"compute-01"}


def test_a_shutdown_has_more_time_and_another_word(full: Program, run: Run) -> None:
    run("soft-off", "--host", "compute-01")
    run("soft-off", "--host", "compute-01", "--timeout", "60")
    assert [(state, seconds) for _, _, state, seconds in full.verifier.switched] == [
        ("soft_off", 300.0),
        ("soft_off", 60.0),
    ]


@pytest.mark.parametrize("command", ["off", "soft-off"])
def test_a_host_that_nova_calls_up_goes_off_only_by_force(full: Program, run: Run, command: str) -> None:
    for words in (("--host", "compute-02"), ("bmc-2",)):
        with pytest.raises(BadInput, match=r"Nova calls host compute-02 up.*--force"):
            run(command, *words)
        assert full.verifier.switched == []
        assert run(command, *words, "--force") == 0
        full.verifier.switched.clear()


def test_while_nova_is_away_a_host_goes_off_only_by_force(full: Program, run: Run) -> None:
    full.cloud.error = "away"
    with pytest.raises(BadInput, match=r"compute-01 is up can't be known \(away\).*--force"):
        run("off", "--host", "compute-01")
    assert run("off", "--host", "compute-01", "--force") == 0


def test_a_host_that_nova_does_not_have_may_go_off(full: Program, run: Run) -> None:
    run("link", "spare", "board", "--outlet", "5")
    assert run("off", "--host", "spare") == 0


def test_a_port_that_is_no_hosts_goes_off_only_by_force(full: Program, run: Run) -> None:
    with pytest.raises(BadInput, match=r"no host is linked to board.*--force"):
        run("off", "board", "--outlet", "7")
    assert run("off", "board", "--outlet", "7", "--force") == 0
    ((host, ports, _, _),) = full.verifier.switched
    assert ports == [("board", 7)]
    assert host not in full.power_controls.titles()
    assert last(full) == ("power.off", "power control board", "ok")


@pytest.mark.parametrize("state", [State.RECOVERING, State.FAILED])
def test_a_host_whose_servers_are_being_started_elsewhere_goes_on_only_by_force(
    full: Program, run: Run, state: State
) -> None:
    lease = full.journal.acquire_lease("test", 30, lambda holder: True)
    assert lease is not None
    record = HostRecord("compute-01", state, START, "down", incident=1, job="1-recover-1")
    full.journal.save(Decision(Records(), (record,), (Recover("1-recover-1", "compute-01", 1),), ()), lease)
    with pytest.raises(BadInput, match=rf"compute-01 is {state}.*run twice.*--force"):
        run("on", "--host", "compute-01")
    assert full.verifier.switched == []
    assert run("on", "--host", "compute-01", "--force") == 0


def test_what_is_not_confirmed_fails_and_is_logged_so(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    full.verifier.outcome = Switched(False, Power.ON, "reads on after 30 s")
    assert run("off", "--host", "compute-01") == 1
    assert "host compute-01: on, NOT confirmed: reads on after 30 s" in capsys.readouterr().out
    assert last(full) == ("power.off", "host compute-01", "FAILED")


def test_an_error_ends_the_action_in_the_log(full: Program, run: Run) -> None:
    full.verifier.outcome = JobNotStarted("no ansible")
    with pytest.raises(JobNotStarted):
        run("on", "--host", "compute-01")
    assert last(full) == ("power.on", "host compute-01", "FAILED")


def test_the_action_is_logged_before_it_is_done(full: Program, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(full.power_controls, "conclude", lambda *_: None)
    run("off", "--host", "compute-01")
    assert last(full) == ("power.off", "host compute-01", "")


def test_at_a_terminal_the_operator_is_asked(full: Program, run: Run, terminal: list[str]) -> None:
    for answer in (["n"], [""], []):
        terminal[:] = answer
        assert run("off", "--host", "compute-01") == 1
    assert full.verifier.switched == []
    terminal[:] = ["y"]
    assert run("off", "--host", "compute-01") == 0
    assert run("on", "--host", "compute-01", "--yes") == 0
    assert len(full.verifier.switched) == 2


def test_who_switches_off_is_told_what_the_watchdog_makes_of_it(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("off", "--host", "compute-01")
    assert "maintenance compute-01 on" in capsys.readouterr().out
    full.journal.set_maintenance("compute-01", "new memory", "ada", START)
    run("off", "--host", "compute-01")
    assert "maintenance" not in capsys.readouterr().out


def test_the_status_of_a_host_is_that_of_each_of_its_ports(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("status", "--host", "compute-01") == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()[1:]] == [
        ["compute-01", "bmc-1", "-", "on"],
        ["compute-01", "board", "outlet", "3", "on"],
        ["compute-01", "board", "outlet", "4", "on"],
    ]
    assert full.verifier.switched == []
    assert last(full) == ("power.status", "host compute-01", "ok")


def test_the_status_of_a_port_needs_no_host(full: Program, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("status", "board", "--outlet", "7") == 0
    assert capsys.readouterr().out.splitlines()[-1].split() == ["-", "board", "outlet", "7", "on"]
    full.verifier.answers["board"] = PowerReading("board", Power.UNKNOWN, message="no answer")
    assert run("status", "board", "--outlet", "7") == 1
    assert run("status", "board", "--outlet", "3") == 1
    assert full.power_controls.of("compute-01")[1].failing
    full.verifier.answers["board"] = JobNotStarted("no ansible")
    assert run("status", "board", "--outlet", "7") == 1


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ((), "--host HOST, or TITLE"),
        (("--host", "compute-09"), "link compute-09 TITLE"),
        (("nothing",), "nothing is unknown"),
        (("board",), "--outlet N"),
        (("board", "--outlet", "9"), "outlet 9"),
        (("bmc-1", "--outlet", "1"), "no outlets"),
        (("--host", "compute-01", "--outlet", "3"), "of which power control"),
        (("bmc-2", "--host", "compute-01"), "compute-01 is not linked to power control bmc-2"),
        (("board", "--host", "compute-01", "--outlet", "5"), "not linked to outlet 5 of power control board"),
        (("lab",), "--host HOST"),
    ],
)
@pytest.mark.parametrize("command", ["status", "on", "off", "soft-off"])
def test_what_is_not_there_can_not_be_switched_or_read(
    full: Program, run: Run, command: str, words: Sequence[str], named: str
) -> None:
    run("add", "--title", "lab", "--protocol", "ssh", "--address", "192.0.2.31", "--username", "root")
    before = full.power_controls.actions(100)
    with pytest.raises(BadInput, match=named):
        run(command, *words)
    assert full.verifier.switched == full.verifier.asked == []
    assert full.power_controls.actions(100) == before


def test_the_log_tells_who_did_what_and_how_it_ended(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("off", "--host", "compute-01")
    full.power_controls.begin("power.on", "host compute-01", "by bmc-1")
    capsys.readouterr()
    assert run("log", "--last", "3") == 0
    rows = [re.split(r"  +", line)[1:] for line in capsys.readouterr().out.splitlines()]
    assert rows == [
        ["WHO", "ACTION", "SUBJECT", "RESULT", "DETAILS"],
        ["operator", "power_control.link", "board", "-", "host compute-01"],
        ["operator", "power.off", "host compute-01", "ok", "is off"],
        ["operator", "power.on", "host compute-01", "no result", "by bmc-1"],
    ]
