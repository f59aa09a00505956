# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in, one value out, or everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cloud_manager.config import Config, load, loading
from cloud_manager.errors import BadConfiguration

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file and gives its name."""

    def write(text: str, name: str = "cloud_manager.conf") -> str:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def problems(*files: str) -> list[str]:
    with pytest.raises(BadConfiguration) as caught:
        load(files)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return list(caught.value.problems)


def test_without_files_everything_has_its_default() -> None:
    assert load([]) == Config()


def test_the_standard_files_may_be_absent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(loading, "DEFAULT_FILES", (str(tmp_path / "aos.conf"), str(tmp_path / "cloud_manager.conf")))
    assert load() == Config()


def test_the_modules_file_overrides_the_common_one_parameter_by_parameter(
    monkeypatch: pytest.MonkeyPatch, write: Write
) -> None:
    common = write("[DEFAULT]\nlog_level = debug\n[node_tracker]\nmutex = 5\nmax_down_hosts = 1\n", "aos.conf")
    module = write("[node_tracker]\nmutex = 7\n")
    monkeypatch.setattr(loading, "DEFAULT_FILES", (common, module))
    config = load()
    assert (config.node_tracker.mutex, config.node_tracker.max_down_hosts) == (7, 1)
    assert config.default.log_level == "DEBUG"
    assert config.files == (common, module)


def test_values_come_in_their_types(write: Write) -> None:
    config = load(
        [
            write(
                "[node_tracker]\nloop_time = 0.5\nenabled = off\n[host_tasks]\ndeny_evacuate = a, b ,\n  c\n"
                "[recovery]\nimage_backed = SKIP\n"
            )
        ]
    )
    assert config.node_tracker.loop_time == 0.5
    assert config.node_tracker.enabled is False
    assert config.host_tasks.deny_evacuate == ("a", "b", "c")
    assert config.recovery.image_backed == "skip"


def test_all_problems_of_all_files_are_reported_together_with_file_section_and_parameter(write: Write) -> None:
    first = write("stray = 1\n[node_tracker]\nmutex = 0\nmutx_up = 2\n[nod_tracker]\nmutex = 1\n", "aos.conf")
    second = write(
        "[node_tracker]\nmax_down_hosts = -1\nloop_time = fast\nthis is garbage\n[power\n[api]\nport = 99999\n"
    )
    assert problems(first, second, "/nonexistent.conf") == [
        f"{second}: line 4: neither [section] nor `parameter = value`: correct it",
        f"{second}: line 5: neither [section] nor `parameter = value`: correct it",
        "/nonexistent.conf: can't be read (No such file or directory): give the path of a file that this user may read",
        f"{first}: stray stands before the first section: write its [section] above it",
        f"{first}: [node_tracker] mutex: '0' is wrong: write a whole number of 1 or more",
        f"{first}: [node_tracker] mutx_up: no such parameter: did you mean mutex_up?",
        f"{first}: [nod_tracker]: no such section: did you mean node_tracker?",
        f"{second}: [node_tracker] max_down_hosts: '-1' is wrong: write a whole number of 0 or more",
        f"{second}: [node_tracker] loop_time: 'fast' is wrong: write a number of 0.1 or more",
        f"{second}: [api] port: '99999' is wrong: write a whole number from 1 to 65535",
    ]


@pytest.mark.parametrize(
    ("section", "line", "said"),
    [
        (
            "node_tracker",
            "max_down_hosts =",
            "max_down_hosts: empty: write a value, or delete the line for the default 0",
        ),
        ("node_tracker", "max_down_hosts = -1", "0 or more"),
        ("node_tracker", "max_down_hosts = 1.5", "whole number"),
        ("node_tracker", "loop_time = nan", "write a number"),
        ("node_tracker", "loop_time = inf", "write a number"),
        ("node_tracker", "loop_time = 0", "0.1 or more"),
        ("node_tracker", "enabled = maybe", "write True or False"),
        ("host_tasks", "recovery_priority = 11", "from 0 to 10"),
        ("extra_availability_check", "instance_rate = 101", "from 0 to 100"),
        ("DEFAULT", "log_level = LOUD", "one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("recovery", "image_backed = maybe", "one of evacuate, skip"),
        ("recovery", "microversion = 2.95", "from 2.69 to 2.94"),
        ("recovery", "microversion = 2.68", "from 2.69 to 2.94"),
        ("recovery", "retry_interval_max = 5", "retry_interval_max: shorter than retry_interval"),
        ("fencing", "timeout = 1", "timeout: shorter than off_readings x reading_interval"),
        ("executor", "max_jobs = 0", "from 1 to 64"),
        ("executor", "backend = awx", "no such parameter"),
        ("metrics", "port = 1", "[metrics]: no such section"),
        ("cloud", "region_name = $nonsense", "write $$ for a dollar sign"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_write_instead(write: Write, section: str, line: str, said: str) -> None:
    (problem,) = problems(write(f"[{section}]\n{line}\n"))
    assert said in problem
    assert f"[{section}]" in problem


@pytest.mark.parametrize(
    "url",
    [
        "mysql://aos:s3cret@db.example.org/cloud_manager",
        "postgresql://aos:s3cret@db.example.org/cloud_manager",
        "mysql+pymysql://aos:s3cret@db.example.org",
        "mysql+pymysql://aos:s3cret@db.example.org:port/cloud_manager",
        "aos:s3cret@db.example.org",
        "sqlite://",
        "sqlite:///:memory:",
        "mysql+pymysql://aos:s3cret$pam@db.example.org/cloud_manager",
        "mysql+pymysql://aos:@s3cret@db.example.org/cloud_manager",
        "mysql+pymysql://aos@db.example.org/cloud_manager?password=s3cret",
        "sqlite:///s3cret.db",
        "sqlite:////srv/store.db?cipher=s3cret",
        "",
    ],
)
def test_a_database_address_that_cannot_be_right_is_refused_without_repeating_its_password(
    write: Write, url: str
) -> None:
    (problem,) = problems(write(f"[database]\nurl = {url}\n"))
    assert "[database] url" in problem
    assert "s3cret" not in problem


@pytest.mark.parametrize("name", ["database", "nova_database"])
def test_passwords_are_values_that_do_not_show_themselves(write: Write, name: str) -> None:
    config = load([write(f"[{name}]\nurl = mysql+pymysql://aos:s3cret@db.example.org/x\n[drs]\npassword = s3cret\n")])
    assert "s3cret" not in repr(config)
    assert config.drs.password.reveal() == "s3cret"


def test_references_to_other_parameters_are_resolved_as_oslo_config_does(write: Write) -> None:
    config = load([write("[executor]\nrun_dir = ${executor.state_dir}/run\nstate_dir = /srv/$$aos\n")])
    assert config.executor.run_dir == "/srv/$aos/run"


def test_a_file_that_is_not_text_is_said_to_be_so(tmp_path: Path) -> None:
    path = tmp_path / "aos.conf"
    path.write_bytes(b"[DEFAULT]\nlog_level = \xff\n")
    assert problems(str(path)) == [f"{path}: byte 22 is not UTF-8: save the file as UTF-8 text"]


def test_a_folder_in_place_of_a_standard_file_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "aos.conf").mkdir()
    monkeypatch.setattr(loading, "DEFAULT_FILES", (str(tmp_path / "aos.conf"),))
    with pytest.raises(BadConfiguration, match="Is a directory"):
        load()


def test_a_standard_file_that_may_not_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch, write: Write) -> None:
    name = write("[DEFAULT]\n", "aos.conf")

    def refuse(*_args: object, **_more: object) -> str:
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr(Path, "read_text", refuse)
    monkeypatch.setattr(loading, "DEFAULT_FILES", (name,))
    with pytest.raises(BadConfiguration, match="Permission denied"):
        load()


def test_the_environment_does_not_configure_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_NODE_TRACKER__MUTEX", "9")
    assert load([]).node_tracker.mutex == 3


def test_parameters_without_effect_are_noticed_where_they_are_set_to_something(write: Write) -> None:
    name = write(
        "[balancing]\nenabled = true\napprox = 0.1\n[node_tracker]\nmutex = 4\n[power]\nshutdown_max_tick = 3\n"
    )
    assert load([name]).notices == (
        f"{name}: [balancing] enabled: known, but without effect in this version",
        f"{name}: [power] shutdown_max_tick: known, but without effect in this version",
    )
