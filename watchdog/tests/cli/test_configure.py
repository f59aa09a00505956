# SPDX-License-Identifier: GPL-3.0-or-later
"""`aos-cloud-manager configure` writes samples, again without effect, and nothing that is in force."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from cloud_manager import cli
from cloud_manager.config.samples import samples


def configure(folder: Path, *options: str) -> int:
    return cli.main([*options, "configure", "--folder", str(folder)])


def test_it_writes_the_samples_for_everybody_to_read_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mask = os.umask(0o077)
    try:
        assert configure(tmp_path / "aos") == 0
    finally:
        os.umask(mask)
    files = {file.name: file for file in (tmp_path / "aos").iterdir()}
    assert {name: file.read_text(encoding="utf-8") for name, file in files.items()} == samples()
    assert {stat.S_IMODE(file.stat().st_mode) for file in files.values()} == {0o644}
    assert capsys.readouterr().out.splitlines() == [f"{tmp_path}/aos/{name} written" for name in samples()]


def test_a_second_time_it_writes_what_differs_only_and_leaves_the_configuration_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(tmp_path)
    (tmp_path / "aos.conf.example").write_text("of an older version")
    (tmp_path / "aos.conf").write_text("in force")
    untouched = (tmp_path / "cloud_manager.conf.example").stat().st_mtime_ns
    capsys.readouterr()
    assert configure(tmp_path) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path}/aos.conf.example written",
        f"{tmp_path}/cloud_manager.conf.example is up to date",
    ]
    assert (tmp_path / "cloud_manager.conf.example").stat().st_mtime_ns == untouched
    assert (tmp_path / "aos.conf").read_text() == "in force"


def test_a_configuration_that_is_wrong_does_not_keep_the_samples_away(tmp_path: Path) -> None:
    wrong = tmp_path / "aos.conf"
    wrong.write_text("[nonsense]\na = b\n")
    assert configure(tmp_path, "--config-file", str(wrong)) == 0


def test_a_folder_that_cannot_be_written_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert configure(tmp_path / "file" / "aos") == 2
    assert "give a folder that this user may write" in capsys.readouterr().err
