# SPDX-License-Identifier: GPL-3.0-or-later
"""`aos-cloud-manager power-control` as an operator types it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from cloud_manager.domain.facts import Power, PowerReading
from cloud_manager.errors import BadInput, JobNotStarted
from watchdog.tests.store.console import PASSWORD, Program, Run, app, run, two

__all__ = ["app", "run", "two"]

ADD = ["add", "--title", "bmc-1", "--protocol", "ipmi", "--address", "192.0.2.11", "--username", "admin"]


def only_password(app: Program) -> str:
    app.power_controls.link("any", "bmc-1", None, default=True)
    return app.power_controls.of("any")[0].control.password.reveal()


def test_the_password_comes_from_the_first_line_of_a_file(app: Program, run: Run, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{PASSWORD}\nsecond line\n")
    assert run(*ADD, "--password-file", str(tmp_path / "password")) == 0
    assert only_password(app) == PASSWORD


def test_the_password_comes_from_the_environment(app: Program, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AOS_BMC_PASSWORD", PASSWORD)
    run(*ADD)
    assert only_password(app) == PASSWORD


def test_the_password_is_asked_for_at_a_terminal(app: Program, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("getpass.getpass", lambda prompt: PASSWORD if "bmc-1" in prompt else "")
    run(*ADD)
    assert only_password(app) == PASSWORD


def test_there_is_no_option_that_takes_the_password_itself(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--password", PASSWORD], [f"--password={PASSWORD}"], ["--pass", PASSWORD]):
        with pytest.raises(SystemExit) as caught:
            run(*ADD, *words)
        assert caught.value.code == 2
        assert PASSWORD not in capsys.readouterr().err


def test_without_any_password_nothing_is_added_and_the_error_says_how(app: Program, run: Run) -> None:
    with pytest.raises(BadInput, match=r"bmc-1.*--password-file.*AOS_BMC_PASSWORD"):
        run(*ADD)
    assert app.power_controls.list() == ()


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\n", b"s3cret\x00\n"])
def test_a_password_file_without_a_password_is_refused(run: Run, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "password").write_bytes(content)
    with pytest.raises(BadInput, match="password"):
        run(*ADD, "--password-file", str(tmp_path / "password"))


def test_a_password_file_that_cannot_be_read_is_named(run: Run) -> None:
    with pytest.raises(BadInput, match=r"/nonexistent.*No such file"):
        run(*ADD, "--password-file", "/nonexistent")


def test_a_bmc_has_the_port_of_its_protocol_unless_another_is_given(two: Program, run: Run) -> None:
    run("add", "--title", "x", "--protocol", "ipmi", "--address", "192.0.2.9", "--username", "a", "--port", "6230")
    assert [control.port for control, _ in two.power_controls.list()] == [623, 623, 6230]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ((*ADD[:4], "telnet", *ADD[5:]), "telnet"),
        (ADD, "bmc-1 exists"),
        (("link", "compute-09", "bmc-9"), "bmc-9"),
        (("link", "compute-09", "bmc-1"), "compute-01"),
        (("link", "compute-01", "bmc-2", "--outlet", "3"), "bmc-2"),
        (("verify", "bmc-9"), "bmc-9"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(two: Program, run: Run, words: Sequence[str], named: str) -> None:
    with pytest.raises(BadInput, match=re.escape(named)):
        run(*words)
    assert len(two.power_controls.list()) == 2


def test_the_list_shows_every_control_and_its_hosts_and_no_password(
    two: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("add", "--title", "bmc-3", "--protocol", "ipmi", "--address", "192.0.2.13", "--username", "root")
    run("link", "compute-01", "bmc-3")
    two.power_controls.verified("compute-01", "bmc-3", 1_700_000_000.0)
    run("add", "--title", "bmc-4", "--protocol", "ipmi", "--address", "192.0.2.14", "--username", "root")
    capsys.readouterr()
    assert run("list") == 0
    out = capsys.readouterr().out
    lines = [line.split(maxsplit=7) for line in out.splitlines()]
    assert [line[:7] for line in lines] == [
        ["TITLE", "PROTOCOL", "ADDRESS", "USERNAME", "HOST", "OUTLET", "DEFAULT"],
        ["bmc-1", "ipmi", "192.0.2.11:623", "admin", "compute-01", "-", "yes"],
        ["bmc-2", "ipmi", "192.0.2.12:623", "admin", "compute-02", "-", "yes"],
        ["bmc-3", "ipmi", "192.0.2.13:623", "root", "compute-01", "-", "no"],
        ["bmc-4", "ipmi", "192.0.2.14:623", "root", "-", "-", "-"],
    ]
    assert [line[7].split() for line in lines[1:3]] == [["never", "none"]] * 2
    assert re.fullmatch(r"2023-11-1\d \d\d:\d\d:\d\d +none", lines[3][7])
    assert PASSWORD not in out


def test_verifying_reads_each_host_by_that_control_alone_and_remembers_the_success(
    two: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("verify", "--all") == 0
    asked = sorted(two.verifier.asked, key=lambda item: item[0])
    assert [(host, [link.control.title for link in links]) for host, links in asked] == [
        ("compute-01", ["bmc-1"]),
        ("compute-02", ["bmc-2"]),
    ]
    assert all(links[0].default for _, links in two.verifier.asked)
    assert asked[0][1][0].control.password.reveal() == PASSWORD
    assert two.power_controls.of("compute-02")[0].verified_at == 1_700_000_000.0
    output = capsys.readouterr()
    assert [line.split(maxsplit=4) for line in output.out.splitlines()[-2:]] == [
        ["bmc-1", "compute-01", "on", "ok"],
        ["bmc-2", "compute-02", "off", "ok", "reads off"],
    ]
    assert PASSWORD not in output.out + output.err


@pytest.mark.parametrize(
    "answer",
    [
        PowerReading("bmc-1", Power.UNKNOWN, message="wrong password"),
        JobNotStarted("wrong password"),
        BadInput("wrong password"),
    ],
)
def test_one_control_that_does_not_tell_fails_the_command_and_hides_no_other(
    two: Program, run: Run, capsys: pytest.CaptureFixture[str], answer: PowerReading | Exception
) -> None:
    two.verifier.answers["bmc-1"] = answer
    assert run("verify", "--all") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].split(maxsplit=4) == ["bmc-1", "compute-01", "unknown", "FAILED", "wrong password"]
    assert lines[-1].split()[:4] == ["bmc-2", "compute-02", "off", "ok"]
    assert two.power_controls.of("compute-01")[0].verified_at is None
    assert two.power_controls.of("compute-02")[0].verified_at is not None


def test_one_control_is_verified_by_its_title(two: Program, run: Run) -> None:
    assert run("verify", "bmc-2") == 0
    assert [host for host, _ in two.verifier.asked] == ["compute-02"]


def test_a_control_without_a_host_fails_with_the_command_that_links_it(
    two: Program, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("add", "--title", "bmc-3", "--protocol", "ipmi", "--address", "192.0.2.13", "--username", "root")
    capsys.readouterr()
    assert run("verify", "bmc-3") == 1
    assert "power-control link HOST bmc-3" in capsys.readouterr().out


def test_verifying_needs_a_title_or_all_and_not_both(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["verify"], ["verify", "bmc-1", "--all"]):
        with pytest.raises(SystemExit) as caught:
            run(*words)
        assert caught.value.code == 2
    capsys.readouterr()
