# SPDX-License-Identifier: GPL-3.0-or-later
"""Which cloud is meant, and how a playbook is told the same one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from cloud_manager.adapters.cloud_access import open_access
from cloud_manager.config.own import Cloud as CloudOptions
from cloud_manager.errors import BadInput

AUTH = {"auth_url": "http://192.0.2.1/v3", "username": "u", "password": "hush", "project_name": "p"}


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No cloud of this machine is found by chance."""
    for name in ("OS_CLOUD", "OS_CLIENT_CONFIG_FILE", "OS_AUTH_URL", "OS_PASSWORD", "OS_USERNAME", "OS_PROJECT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def write(path: Path, *names: str) -> Path:
    path.write_text(yaml.safe_dump({"clouds": {name: {"auth": AUTH, "region_name": "R"} for name in names}}))
    return path


def test_a_playbook_is_told_name_and_absolute_path(tmp_path: Path) -> None:
    write(tmp_path / "clouds.yaml", "one", "two")
    access = open_access(CloudOptions(cloud="two", clouds_yaml="clouds.yaml"), "2.79")
    assert access.environment == {"OS_CLOUD": "two", "OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml")}
    assert (access.label, access.clouds_yaml) == ("two", "")


def test_the_configured_file_wins_over_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(write(tmp_path / "other.yaml", "one")))
    mine = write(tmp_path / "mine.yaml", "one")
    access = open_access(CloudOptions(cloud="one", clouds_yaml=str(mine)), "2.79")
    assert access.environment["OS_CLIENT_CONFIG_FILE"] == str(mine)


def test_a_cloud_of_variables_only_is_handed_on_as_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in AUTH.items():
        monkeypatch.setenv(f"OS_{name.upper()}", value)
    access = open_access(CloudOptions(), "2.79")
    name = access.environment["OS_CLOUD"]
    assert yaml.safe_load(access.clouds_yaml)["clouds"][name]["auth"]["password"] == "hush"
    assert "hush" not in str(access.environment)
    assert "hush" not in repr(access)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (CloudOptions(), "no cloud|can't be used"),
        (CloudOptions(cloud="nowhere"), "cloud nowhere"),
        (CloudOptions(cloud="nowhere", clouds_yaml="clouds.yaml"), "cloud nowhere"),
        (CloudOptions(cloud="one", clouds_yaml="/does/not/exist.yaml"), "/does/not/exist.yaml does not exist"),
        (CloudOptions(cloud="one", clouds_yaml="clouds.yaml", region_name="Mars"), "Mars"),
    ],
)
def test_a_cloud_that_is_not_there_is_named(tmp_path: Path, options: CloudOptions, words: str) -> None:
    if options.cloud:
        write(tmp_path / "clouds.yaml", "one")
    with pytest.raises(BadInput, match=words):
        open_access(options, "2.79")


@pytest.mark.parametrize("text", ["clouds: [", "[]", "clouds: 7", "clouds: {one: 3}", "clouds: {one: {}}", "\x00"])
def test_a_file_of_garbage_is_an_error_not_a_traceback(tmp_path: Path, text: str) -> None:
    (tmp_path / "clouds.yaml").write_text(text)
    with pytest.raises(BadInput, match="cloud one"):
        open_access(CloudOptions(cloud="one", clouds_yaml="clouds.yaml"), "2.79")
