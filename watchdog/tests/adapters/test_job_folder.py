# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of a running job: private, gone afterwards, and YAML in which nothing is evaluated."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cloud_manager.adapters.job_folder import JobFolders, inventory, unsafe_yaml, write_private
from cloud_manager.domain.power import PowerControl, PowerLink, Secret


class UnsafeLoader(yaml.SafeLoader):
    """Reads !unsafe as the text that it marks."""


UnsafeLoader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


@given(st.text())
def test_every_text_survives_the_writing(text: str) -> None:
    written = unsafe_yaml({"value": [text], "keys": {text: 1}})
    assert yaml.load(written, UnsafeLoader) == {"value": [text], "keys": {text: 1}}


def test_numbers_flags_lists_and_nothing_survive_too() -> None:
    value = {"a": 1, "b": 2.5, "c": True, "d": None, "e": ["x", {"f": "y"}], "g": False}
    assert yaml.load(unsafe_yaml(value), UnsafeLoader) == value


def test_every_text_is_marked_as_no_template() -> None:
    assert unsafe_yaml(["{{ x }}"]) == '[!unsafe "{{ x }}"]'


def test_a_type_that_yaml_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError):
        unsafe_yaml({"x": object()})


def test_a_jobs_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    folders = JobFolders(tmp_path / "run")
    with folders.job("1-read-1") as files:
        write_private(files.inventory, "secret")
        assert stat.S_IMODE(files.folder.stat().st_mode) == 0o700
        assert stat.S_IMODE(files.inventory.stat().st_mode) == 0o600
    assert not files.folder.exists()


def test_the_folder_goes_even_when_the_job_breaks(tmp_path: Path) -> None:
    def broken() -> None:
        with JobFolders(tmp_path / "run").job("1-read-1") as files:
            write_private(files.inventory, "secret")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    assert not list(tmp_path.rglob("inventory.yml"))


def test_folders_of_the_living_are_left_alone_and_those_of_the_dead_removed(tmp_path: Path) -> None:
    base = tmp_path / "run"
    program = (
        "import os, sys; from pathlib import Path; from cloud_manager.adapters.job_folder import JobFolders\n"
        f"with JobFolders(Path({str(base)!r})).job('1-recover-1') as files:\n"
        "    print(files.folder, flush=True); os._exit(0)"
    )
    environment = {"PYTHONPATH": ":".join(sys.path)}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    assert Path(ran.stdout.strip()).exists()
    living = JobFolders(base)
    assert not Path(ran.stdout.strip()).exists()
    with living.job("2-recover-1") as files:
        JobFolders(base)
        assert files.folder.exists()
    assert len(list(base.glob("lock-*"))) == 1


BOARD = PowerControl(
    "board", "snmp", "192.0.2.2", 161, "", Secret("private"), outlets=8, options={"board_port": 5, "version": "v1"}
)


def test_a_host_has_every_outlet_with_its_own_options_before_those_of_the_control() -> None:
    links = [PowerLink("c1", BOARD, 3, True), PowerLink("c1", BOARD, 4, True, options={"board_port": 6})]
    (three, four) = inventory({"c1": links}, "python")["all"]["hosts"]["c1"]["power_controls"]
    assert three == {
        "title": "board",
        "protocol": "snmp",
        "address": "192.0.2.2",
        "port": 161,
        "outlet": 3,
        "username": "",
        "password": "private",
        "default": True,
        "options": {"board_port": 5, "version": "v1"},
    }
    assert (four["outlet"], four["options"]) == (4, {"board_port": 6, "version": "v1"})


def test_an_identity_is_handed_over_where_one_was_recorded() -> None:
    links = [PowerLink("c1", BOARD, 3), PowerLink("c1", BOARD, 4, identity="SERIAL-1")]
    three, four = inventory({"c1": links}, "python")["all"]["hosts"]["c1"]["power_controls"]
    assert "identity" not in three
    assert four["identity"] == "SERIAL-1"
