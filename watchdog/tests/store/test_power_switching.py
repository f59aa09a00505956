# SPDX-License-Identifier: GPL-3.0-or-later
"""`power-control` status, on, off, soft-off and log: by host, by port, and where they are refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from cloud_manager.domain.facts import MARK, Observation, Power, PowerReading, Switching
from cloud_manager.domain.power import ControlChange
from cloud_manager.domain.records import Decision, HostRecord, Records, State
from cloud_manager.errors import BadInput, JobNotStarted, StoreUnavailable
from cloud_manager.ports import Switched
from watchdog.tests.store.console import START, Program, Run, app, run, two

__all__ = ["app", "run", "two"]

MOVED = ControlChange(address="192.0.2.99")


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


def test_a_host_that_nova_does_not_have_goes_off_only_by_force(full: Program, run: Run) -> None:
    run("link", "Compute-02", "board", "--outlet", "5")
    with pytest.raises(BadInput, match=r"Nova knows no host Compute-02.*--force"):
        run("off", "--host", "Compute-02")
    assert full.verifier.switched == []
    assert run("off", "--host", "Compute-02", "--force") == 0


def test_a_port_that_is_no_hosts_goes_off_only_by_force(full: Program, run: Run) -> None:
    with pytest.raises(BadInput, match=r"no host is linked to board.*--force"):
        run("off", "board", "--outlet", "7")
    assert run("off", "board", "--outlet", "7", "--force") == 0
    ((host, ports, _, _),) = full.verifier.switched
    assert ports == [("board", 7)]
    assert host not in full.power_controls.titles()
    assert last(full) == ("power.off", "power control board", "ok")


def remember(app: Program, state: State, **fields: Any) -> None:
    """compute-01 is in this state, with incident 1 open."""
    lease = app.journal.acquire_lease("test", 30, lambda holder: True)
    assert lease is not None
    record = HostRecord("compute-01", state, START, "down", incident=1, job="1-recover-1", **fields)
    app.journal.save(Decision(Records(), (record,)), lease)


@pytest.mark.parametrize("state", [State.RECOVERING, State.FAILED])
def test_a_host_whose_servers_are_being_started_elsewhere_goes_on_only_by_force(
    full: Program, run: Run, state: State
) -> None:
    remember(full, state)
    with pytest.raises(BadInput, match=rf"compute-01 is {state}.*run twice.*--force"):
        run("on", "--host", "compute-01")
    assert full.verifier.switched == []
    assert run("on", "--host", "compute-01", "--force") == 0


@pytest.mark.parametrize("state", [State.HELD, State.MAINTENANCE, State.SUSPECT])
def test_a_host_that_was_emptied_in_part_goes_on_only_by_force(full: Program, run: Run, state: State) -> None:
    remember(full, state, forced_down_by_us=True)
    with pytest.raises(BadInput, match=rf"compute-01 is {state}.*run twice.*--force"):
        run("on", "bmc-1")
    assert full.verifier.switched == []
    assert run("on", "bmc-1", "--force") == 0


def test_what_nova_shows_of_our_forcing_down_counts_where_the_record_forgot_it(full: Program, run: Run) -> None:
    remember(full, State.HELD)
    full.cloud.change("compute-01", forced_down=True, enabled=False, disabled_reason=f"{MARK} incident 1")
    with pytest.raises(BadInput, match=r"compute-01 is HELD.*run twice"):
        run("on", "--host", "compute-01")
    full.cloud.error = "away"
    assert run("on", "--host", "compute-01") == 0


@pytest.mark.parametrize(
    ("state", "forced_down"),
    [(State.RECOVERED, True), (State.RETURNING, True), (State.HELD, False), (State.MAINTENANCE, False)],
)
def test_a_host_that_is_empty_or_that_nothing_was_done_to_goes_on(
    full: Program, run: Run, state: State, forced_down: bool
) -> None:
    remember(full, state, forced_down_by_us=forced_down)
    assert run("on", "--host", "compute-01") == 0


def comes_up(app: Program) -> None:
    app.cloud.change("compute-01", observation=Observation.UP)


def relink(app: Program) -> None:
    app.power_controls.unlink("compute-01", "board", 4, force=True)
    app.power_controls.link("compute-02", "board", 4)


@pytest.mark.parametrize(
    ("words", "happens", "named"),
    [
        (("on", "--host", "compute-01"), lambda app: remember(app, State.RECOVERING), "compute-01 is RECOVERING"),
        (("off", "--host", "compute-01"), comes_up, "Nova calls host compute-01 up"),
        (("off", "board", "--outlet", "4", "--force"), relink, "meanwhile the links were changed"),
        (("off", "--host", "compute-01"), relink, "meanwhile the links were changed"),
        (("off", "bmc-1"), lambda app: app.power_controls.change("bmc-1", MOVED), "meanwhile the links were changed"),
    ],
)
def test_what_changes_while_the_operator_is_asked_counts(
    full: Program,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    words: Sequence[str],
    happens: Callable[[Program], None],
    named: str,
) -> None:
    def ask(_prompt: str) -> str:
        happens(full)
        return "y"

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", ask)
    with pytest.raises(BadInput, match=named):
        run(*words)
    assert full.verifier.switched == []


def test_a_recovery_that_begins_behind_the_guard_is_met_by_the_log(
    full: Program, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    remember(full, State.RECOVERING)
    looks = [Records(), full.journal.load()]

    def load() -> Records:
        return looks.pop(0)

    monkeypatch.setattr(full.journal, "load", load)
    with pytest.raises(BadInput, match="compute-01 is RECOVERING"):
        run("on", "--host", "compute-01")
    assert (looks, full.verifier.switched) == ([], [])


def test_while_it_is_switched_the_watchdog_knows_it(full: Program, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Switching] = []

    def switch(*_: object) -> Switched:
        seen.extend(full.journal.operator_facts().switchings)
        return Switched(True, Power.OFF, "is off")

    monkeypatch.setattr(full.verifier, "switch_power", switch)
    run("off", "--host", "compute-01", "--timeout", "40")
    run("off", "board", "--outlet", "7", "--force")
    assert seen == [Switching("compute-01", "power.off", "operator", START, 80.0)]  # bmc-1, then the board
    assert full.journal.operator_facts().switchings == ()


def test_of_one_outlet_of_several_it_is_spoken_as_such(
    full: Program, run: Run, terminal: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    prompts: list[str] = []
    monkeypatch.setattr("builtins.input", lambda prompt: prompts.append(prompt) or "y")
    full.verifier.outcome = Switched(True, Power.OFF, "host compute-01: power control board is off, confirmed")
    assert run("off", "board", "--outlet", "4") == 0
    assert prompts == [
        "switch off outlet 4 of power control board (host compute-01 is also fed by outlet 3)? [y/N] ",
    ]
    assert capsys.readouterr().out.splitlines() == [
        "power control board: outlet 4 is off; host compute-01 is also fed by outlet 3"
    ]
    full.verifier.outcome = Switched(False, Power.ON, "still reads on")
    assert run("off", "board", "--host", "compute-01", "--outlet", "3", "--yes") == 1
    assert capsys.readouterr().out.splitlines() == [
        "power control board: outlet 3 is on, NOT confirmed: still reads on; host compute-01 is also fed by outlet 4"
    ]


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf"])
def test_a_time_out_that_can_not_be_meant_is_refused_by_name(full: Program, run: Run, seconds: str) -> None:
    with pytest.raises(BadInput, match=f"--timeout {seconds}: "):
        run("off", "--host", "compute-01", f"--timeout={seconds}")
    assert full.verifier.switched == []


def test_the_outcome_is_told_also_where_it_can_not_be_logged(
    full: Program, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def away(*_: object) -> None:
        full.journal.broken = "the database is away"
        raise StoreUnavailable("the database is away")

    monkeypatch.setattr(full.power_controls, "conclude", away)
    assert run("off", "--host", "compute-01") == 0
    told = capsys.readouterr()
    assert "host compute-01: off: is off" in told.out
    assert "warning: the action log" in told.err
    assert "the database is away" in told.err
    full.journal.broken = ""
    full.verifier.outcome = JobNotStarted("no ansible")
    with pytest.raises(JobNotStarted, match="no ansible"):
        run("off", "--host", "compute-01")


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
        ["operator", "power.off", "host compute-01", "ok", "by bmc-1, board outlet 3, board outlet 4: is off"],
        ["operator", "power.on", "host compute-01", "no result", "by bmc-1"],
    ]
