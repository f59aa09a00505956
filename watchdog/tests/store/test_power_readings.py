# SPDX-License-Identifier: GPL-3.0-or-later
"""What `initialise` may record and what `verify` and `initialise` leave behind when something comes between."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pytest

from cloud_manager.domain.facts import Power, PowerReading
from cloud_manager.domain.power import Check, PowerLink
from cloud_manager.errors import BadInput, CloudUnavailable, StoreUnavailable
from cloud_manager.ports import LoggedAction, never
from watchdog.tests.store.console import START, Program, Run, app, run, two
from watchdog.tests.store.test_power_administration import LAB, full, table_of

__all__ = ["app", "full", "run", "two"]

OLD, NEW = "SERIAL-OLD", "SERIAL-NEW"


def tells(identity: str | None, state: Power = Power.ON, message: str = "") -> PowerReading:
    return PowerReading("any", state, message=message, identity=identity)


def verdicts(capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, str, str], str]:
    """Host, control and place -> verdict of the table of `initialise`."""
    rows = [row for row in table_of(capsys.readouterr().out) if len(row) > 5 and row[0] != "HOST"]
    return {(row[0], row[1], row[2]): row[5] for row in rows}


def identity_of(app: Program, host: str) -> str:
    return app.power_controls.of(host)[0].identity


def meanwhile(app: Program, act: Callable[[], object]) -> None:
    """Let something happen once, while the first reading lasts."""
    real, waiting = app.verifier.read_power, [act]

    def read_power(host: str, controls: Sequence[PowerLink], _cancelled: Callable[[], bool] = never) -> PowerReading:
        while waiting:
            waiting.pop()()
        return real(host, controls, _cancelled)

    app.verifier.read_power = read_power  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (tells(None, Power.UNKNOWN, "no answer"), "UNREADABLE"),
        (tells(None, Power.ON, "reads on; its identity could not be read: x"), "NO IDENTITY"),
        (tells(""), "OTHER MACHINE"),
    ],
)
def test_an_identity_is_kept_where_nothing_is_told_in_its_place(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str], answer: PowerReading, verdict: str
) -> None:
    full.power_controls.initialised("compute-01", "bmc-1", START - 5, OLD)
    full.verifier.answers["bmc-1"] = answer
    assert run("initialise", "bmc-1", "--forget-identity") == 1
    assert verdicts(capsys) == {("compute-01", "bmc-1", "-"): verdict}
    full.verifier.answers["bmc-1"] = tells("STRANGER")
    assert run("initialise", "bmc-1") == 1
    assert identity_of(full, "compute-01") == OLD


def test_an_identity_is_forgotten_for_one_host_of_several(full: Program, run: Run) -> None:
    run(*LAB)
    for number in (1, 2):
        full.cloud.add(f"v{number}")
        run("link", f"v{number}", "lab", "--option", f"domain=vm-{number}")
        full.power_controls.initialised(f"v{number}", "lab", START - 5, f"{OLD}-{number}")
    full.verifier.answers["lab"] = tells(NEW)
    assert run("initialise", "lab", "--forget-identity", "--host", "v2") == 0
    assert (identity_of(full, "v1"), identity_of(full, "v2")) == (f"{OLD}-1", NEW)
    assert [host for host, _ in full.verifier.asked] == ["v2"]


@pytest.mark.parametrize(("which", "named"), [("bmc-1", "power control bmc-1"), ("--all", "any of these")])
def test_a_host_that_is_not_linked_there_is_named(full: Program, run: Run, which: str, named: str) -> None:
    with pytest.raises(BadInput, match=f"host compute-09 is not linked to {named}"):
        run("initialise", which, "--host", "compute-09")


def test_one_host_is_initialised_by_all_of_its_controls(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    full.cloud.add("compute-03")
    run(*LAB)
    capsys.readouterr()
    assert run("initialise", "--all", "--host", "compute-02") == 0
    assert verdicts(capsys) == {("compute-02", "bmc-2", "-"): "ok"}


def test_two_hosts_that_are_one_machine_are_both_refused_however_it_is_written(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    full.verifier.answers |= {"bmc-1": tells("AB 12"), "bmc-2": tells("ab\t12", Power.OFF)}
    assert run("initialise", "--all") == 1
    found = verdicts(capsys)
    assert found["compute-01", "bmc-1", "-"] == found["compute-02", "bmc-2", "-"] == "SAME MACHINE"
    for host, other in (("compute-01", "bmc-2 of host compute-02"), ("compute-02", "bmc-1 of host compute-01")):
        link = full.power_controls.of(host)[0]
        assert (link.identity, link.initialised_at) == ("", None)
        assert link.check is not None
        assert link.check.state is Power.UNKNOWN
        assert other in link.check.message


@pytest.mark.parametrize("forget", [(), ("--forget-identity",)])
def test_a_machine_that_is_recorded_for_another_host_is_not_recorded_again(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str], forget: Sequence[str]
) -> None:
    full.power_controls.initialised("compute-01", "bmc-1", START - 5, OLD)
    full.verifier.answers["bmc-2"] = tells(OLD)
    assert run("initialise", "bmc-2", *forget) == 1
    assert verdicts(capsys) == {("compute-02", "bmc-2", "-"): "SAME MACHINE"}
    assert identity_of(full, "compute-02") == ""


def test_several_controls_of_one_host_may_tell_one_identity(full: Program, run: Run) -> None:
    run("add", "--title", "amt-1", "--protocol", "amt", "--address", "192.0.2.41", "--username", "a")
    run("link", "compute-01", "amt-1")
    full.verifier.answers |= {"bmc-1": tells(NEW), "amt-1": tells(NEW)}
    assert run("initialise", "--all") == 0


def test_a_control_that_could_not_say_who_it_is_is_not_initialised(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    full.verifier.answers["bmc-1"] = tells(None, message="reads on; its identity could not be read: refused")
    full.verifier.answers["board"] = tells(None)
    assert run("initialise", "--all") == 1
    assert verdicts(capsys) == {
        ("compute-01", "bmc-1", "-"): "NO IDENTITY",
        ("compute-01", "board", "outlet 3"): "ok",
        ("compute-01", "board", "outlet 4"): "ok",
        ("compute-02", "bmc-2", "-"): "ok",
    }
    link = full.power_controls.of("compute-01")[0]
    assert (link.initialised_at, link.verified_at, link.failing) == (None, None, False)


def test_a_control_that_could_not_say_whether_it_is_the_recorded_one_is_failing(full: Program, run: Run) -> None:
    full.power_controls.initialised("compute-01", "bmc-1", START - 5, OLD)
    full.verifier.answers["bmc-1"] = tells(None)
    run("initialise", "bmc-1")
    assert full.power_controls.of("compute-01")[0].failing


def test_an_identity_is_the_same_however_it_is_spaced_and_written(full: Program, run: Run) -> None:
    full.power_controls.initialised("compute-01", "bmc-1", START - 5, "SGH 12 x")
    full.verifier.answers["bmc-1"] = tells(" sgh  12\tX")
    assert run("initialise", "bmc-1") == 0


def test_a_reading_of_another_machine_leaves_the_warning_about_it(full: Program, run: Run) -> None:
    full.power_controls.initialised("compute-01", "bmc-1", START - 5, OLD)
    full.power_controls.checked("compute-01", "bmc-1", Check(START - 4, Power.UNKNOWN, "is another device"))
    full.verifier.answers["bmc-1"] = tells("STRANGER")
    assert run("initialise", "bmc-1") == 1
    check = full.power_controls.of("compute-01")[0].check
    assert check is not None
    assert (check.at, check.state) == (START, Power.UNKNOWN)
    assert f"tells STRANGER, recorded is {OLD}" in check.message


@pytest.mark.parametrize("command", ["verify", "initialise"])
def test_a_link_that_is_taken_away_meanwhile_is_a_row_and_the_others_are_told(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    meanwhile(full, lambda: full.power_controls.unlink("compute-01", "bmc-1", new_default="board"))
    assert run(command, "--all") == 1
    lines = capsys.readouterr().out.splitlines()
    (gone,) = [line for line in lines if "UNLINKED" in line]
    assert "bmc-1" in gone
    assert gone.endswith("unlinked meanwhile")
    assert len([line for line in lines if re.search(r"compute-0\d.* ok\b", line)]) == 3
    assert full.power_controls.of("compute-02")[0].verified_at == START


def test_what_was_read_at_an_address_that_is_no_longer_its_own_is_not_recorded(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    full.verifier.answers["bmc-1"] = tells(NEW)
    meanwhile(full, lambda: run("set", "bmc-1", "--address", "192.0.2.99"))
    assert run("initialise", "bmc-1") == 1
    assert "changed meanwhile: initialise it again" in capsys.readouterr().out
    link = full.power_controls.of("compute-01")[0]
    assert (link.identity, link.initialised_at, link.check) == ("", None, None)


def logged(app: Program) -> list[LoggedAction]:
    return [action for action in app.power_controls.actions(100) if action.action.endswith(("initialise", "verify"))]


def test_a_run_is_one_row_of_the_log_with_what_came_of_it(full: Program, run: Run) -> None:
    full.power_controls.initialised("compute-01", "bmc-1", START - 5, OLD)
    full.verifier.answers |= {"bmc-1": tells(NEW), ("board", 4): tells("", Power.UNKNOWN, "no answer")}
    run("verify", "board")
    run("initialise", "bmc-1", "--forget-identity", "--host", "compute-01")
    run("initialise", "--all")
    renewed = f"host compute-01: host compute-01 by bmc-1: {OLD} -> {NEW}"
    assert [(row.action, row.subject, row.result, row.details) for row in logged(full)] == [
        ("power_control.verify", "board", "1 verified, 1 not", "host compute-01 (outlet 4) by board: FAILED"),
        ("power_control.initialise", "bmc-1", "1 initialised, 0 not", renewed),
        ("power_control.initialise", "all", "3 initialised, 1 not", "host compute-01 by board: UNREADABLE"),
    ]


def test_what_was_found_is_told_even_if_it_can_not_be_logged(
    full: Program, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(full.power_controls, "conclude", away)
    with pytest.raises(StoreUnavailable):
        run("initialise", "--all")
    assert "4 initialised, 0 not" in capsys.readouterr().out


def interrupt() -> None:
    raise KeyboardInterrupt


def test_a_run_that_breaks_off_is_logged_as_failed(full: Program, run: Run) -> None:
    full.cloud.error = "away"
    with pytest.raises(CloudUnavailable):
        run("initialise", "--all")
    meanwhile(full, interrupt)
    with pytest.raises(KeyboardInterrupt):
        run("verify", "--all")
    assert [(row.action, row.result) for row in logged(full)] == [
        ("power_control.initialise", "failed"),
        ("power_control.verify", "failed"),
    ]
    first, last = logged(full)
    assert "away" in first.details
    assert last.details == "KeyboardInterrupt"
