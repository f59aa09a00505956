# SPDX-License-Identifier: GPL-3.0-or-later
"""The plugin of the OpenStack client, run by the real client without a cloud."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cloud_manager.db import schema

Ran = subprocess.CompletedProcess[str]


@pytest.fixture
def aos(tmp_path: Path) -> Callable[..., Ran]:
    """Run `openstack aos WORDS` with a configuration of an embedded database."""
    config = tmp_path / "cloud_manager.conf"
    config.write_text(f"[database]\nurl = sqlite:///{tmp_path}/store.db\n[executor]\nstate_dir = {tmp_path}/state\n")

    def run(*words: str) -> Ran:
        command = [Path(sys.executable).with_name("openstack"), "aos", *words]
        if words[0] == "db":
            command += ["--config-file", str(config)]
        environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
        assert "Traceback" not in done.stderr
        return done

    return run


def test_migrations_are_listed_and_gone_up_and_down(aos: Callable[..., Ran]) -> None:
    listed = aos("db", "list", "-n", "cloud_manager", "-f", "json")
    assert json.loads(listed.stdout) == [
        {"Migration": number, "Applied": False, "Description": text} for number, text in schema.known().items()
    ]
    assert f"has migration {schema.newest()}" in aos("db", "migrate", "-n", "cloud_manager").stdout
    assert "has migration 1" in aos("db", "migrate", "-n", "cloud_manager", "--migration", "1").stdout
    applied = json.loads(aos("db", "list", "-n", "cloud_manager", "-f", "json").stdout)
    assert [step["Applied"] for step in applied[:2]] == [True, False]


def test_the_samples_are_written(aos: Callable[..., Ran], tmp_path: Path) -> None:
    done = aos("configure", "-n", "cloud_manager", "--folder", str(tmp_path / "aos"))
    assert done.returncode == 0
    assert {file.name for file in (tmp_path / "aos").iterdir()} == {"aos.conf.example", "cloud_manager.conf.example"}


@pytest.mark.parametrize("words", [("configure",), ("db", "list"), ("db", "migrate")])
def test_another_module_is_refused_by_name(aos: Callable[..., Ran], words: tuple[str, ...]) -> None:
    done = aos(*words, "-n", "hosting")
    assert done.returncode == 1
    assert "module hosting is unknown: the only one installed here is cloud_manager" in done.stderr


def test_what_is_wrong_is_said_in_one_line(aos: Callable[..., Ran]) -> None:
    done = aos("db", "migrate", "-n", "cloud_manager", "--migration", "99")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.strip() == f"migration 99 is unknown: give a number from 0 to {schema.newest()}"
