# SPDX-License-Identifier: GPL-3.0-or-later
"""pxe_host on a real folder: what it writes, what it refuses, and that it is all or nothing."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.aos.cloud_manager.plugins.module_utils import file_slot
from ansible_collections.aos.cloud_manager.plugins.module_utils.pxe_config import GRUB, PXELINUX, Boot, content
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from ansible_collections.aos.cloud_manager.plugins.modules import pxe_host

Outcome = dict[str, t.Any]
Run = t.Callable[..., Outcome]
MAC = "52:54:00:AA:BB:01"
NAME = "pxelinux.cfg/01-52-54-00-aa-bb-01"
INSTALL = {"state": "install", "kernel": "debian/linux", "initrd": ["debian/initrd.gz"]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "tftp"
    for folder in ("pxelinux.cfg", "grub", "debian"):
        (root / folder).mkdir(parents=True)
    (root / "debian/linux").write_text("kernel")
    (root / "debian/initrd.gz").write_text("initrd")
    return root


@pytest.fixture
def run(root: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(**options: t.Any) -> Outcome:
        given = {"name": "compute-01", "mac": MAC, "state": "local", "root": str(root)} | options
        with patch_module_args(given), pytest.raises(SystemExit):
            pxe_host.main()
        return t.cast(Outcome, json.loads(capsys.readouterr().out))

    return call


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_an_installation_is_written_for_pxelinux(run: Run, root: Path) -> None:
    outcome = run(**INSTALL, append="auto=true url=http://192.0.2.1/c.cfg")
    assert outcome["changed"]
    assert (root / NAME).read_text() == (
        "# aos.cloud_manager.pxe_host: compute-01: install\nDEFAULT aos\nPROMPT 0\nLABEL aos\n"
        "  KERNEL /debian/linux\n  INITRD /debian/initrd.gz\n  APPEND auto=true url=http://192.0.2.1/c.cfg\n"
    )
    assert outcome["pxe"]["path"] == str(root / NAME)
    assert outcome["pxe"]["content"] == (root / NAME).read_text()
    assert outcome["diff"]["after"] == (root / NAME).read_text()
    assert outcome["diff"]["before"] == ""
    assert stat.S_IMODE((root / NAME).stat().st_mode) == 0o644
    assert not run(**INSTALL, append="auto=true url=http://192.0.2.1/c.cfg")["changed"]


def test_an_installation_is_written_for_grub(run: Run, root: Path) -> None:
    run(**INSTALL, loader="grub", append="console=ttyS0,115200 opt=$x;y #z")
    text = (root / "grub/grub.cfg-01-52-54-00-aa-bb-01").read_text()
    assert text.splitlines()[1:] == [
        "linux /debian/linux console=ttyS0,115200 'opt=$x;y' '#z'",
        "initrd /debian/initrd.gz",
        "boot",
    ]


@pytest.mark.parametrize("loader", ["pxelinux", "grub"])
def test_every_state_follows_every_other_and_repeats_without_a_change(run: Run, root: Path, loader: str) -> None:
    before = files(root)
    for options in ({"state": "local"}, INSTALL, {"state": "custom", "kernel": "debian/linux"}, {"state": "absent"}):
        check = run(loader=loader, **options, _ansible_check_mode=True)
        first = run(loader=loader, **options)
        second = run(loader=loader, **options)
        assert (check["changed"], first["changed"], second["changed"]) == (True, True, False)
        assert check["diff"] == first["diff"]
        assert check["pxe"] == first["pxe"]
    assert files(root) == before


def test_check_mode_writes_and_removes_nothing(run: Run, root: Path) -> None:
    assert run(_ansible_check_mode=True)["changed"]
    assert not (root / NAME).exists()
    run()
    assert run(state="absent", _ansible_check_mode=True)["changed"]
    assert (root / NAME).exists()


def test_a_mode_alone_is_a_change_and_is_shown(run: Run, root: Path) -> None:
    run()
    outcome = run(mode="0640")
    assert (outcome["changed"], outcome["diff"]["before"], outcome["diff"]["after"]) == (
        True,
        "mode 0644\n",
        "mode 0640\n",
    )
    assert stat.S_IMODE((root / NAME).stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mac": "52:54:00:aa:bb"}, "is no MAC address; write it as"),
        ({"mac": "52:54:00:aa:bb:0g"}, "is no MAC address"),
        ({"mac": "52:54:00:aa:bb:01\n"}, "is no MAC address"),
        ({"mac": "52:54:00-aa-bb-01"}, "is no MAC address"),
        ({"mac": "../../../etc/cron.d"}, "is no MAC address"),
        ({"mac": "01:00:5e:00:00:01"}, "no address of a network card"),
        ({"mac": "ff:ff:ff:ff:ff:ff"}, "no address of a network card"),
        ({"mac": "00:00:00:00:00:00"}, "no address of a network card"),
        ({"name": "c1\nDEFAULT evil"}, "name contains the character '\\n'"),
        (INSTALL | {"append": "quiet\nLABEL evil"}, "append contains the character '\\n'"),
        (INSTALL | {"append": "quiet\r"}, "append contains the character '\\r'"),
        (INSTALL | {"append": "caf\xe9"}, "append contains the character"),
        (INSTALL | {"append": "x" * 2048}, "append has 2048 characters"),
        (INSTALL | {"append": "a='b c'", "loader": "grub"}, "append contains ', which GRUB changes"),
        (INSTALL | {"kernel": "debian/linux\n  APPEND evil"}, "has characters"),
        (INSTALL | {"kernel": "debian/li nux"}, "has characters"),
        (INSTALL | {"initrd": ["debian/initrd.gz,evil"]}, "has characters"),
        (INSTALL | {"kernel": "../outside"}, "climbs out"),
        (INSTALL | {"kernel": "debian/../debian/linux"}, "climbs out"),
        (INSTALL | {"initrd": ["/../../etc/passwd"]}, "climbs out"),
        (INSTALL | {"kernel": "debian/none"}, "debian/none does not exist below the TFTP root"),
        (INSTALL | {"kernel": "debian"}, "does not exist below the TFTP root"),
        (INSTALL | {"kernel": "link"}, "leads out of the TFTP root"),
        (INSTALL | {"initrd": ["away/secret"]}, "leads out of the TFTP root"),
        (INSTALL | {"initrd": []}, "state install needs an initrd"),
        ({"state": "custom"}, "state custom needs a kernel"),
        ({"state": "local", "kernel": "debian/linux"}, "boots nothing from the network; remove kernel"),
        ({"state": "absent", "append": "quiet"}, "boots nothing from the network; remove append"),
        ({"config_dir": "away"}, "leads out of the TFTP root"),
        ({"config_dir": "../"}, "climbs out"),
        ({"config_dir": "none"}, "folder none does not exist below"),
        ({"root": "/nowhere/at/all"}, "TFTP root /nowhere/at/all is no folder"),
        ({"root": "tftp"}, "TFTP root tftp is no folder"),
        ({"root": "/tftp\0"}, "'/tftp\\x00' cannot be a path"),
        ({"config_dir": "grub\0"}, "climbs out of its folder"),
        ({"mac": 41145843956}, "is no MAC address; write it as 52:54:00:aa:bb:01, in quotes"),
        ({"mode": 0o644}, "mode '420' is no octal number such as 0644; correct it, in quotes"),
        ({"mode": "644"}, "mode '644' is no octal number"),
        ({"mode": "rw"}, "mode 'rw' is no octal number"),
        ({"mode": "4755"}, "mode '4755' is no octal number"),
    ],
)
def test_what_is_refused_is_named_and_nothing_is_written(
    run: Run, root: Path, tmp_path: Path, options: dict[str, t.Any], said: str
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (root / "link").symlink_to(outside / "secret")
    (root / "away").symlink_to(outside)
    before = files(root)
    outcome = run(**options)
    assert outcome["failed"]
    if "root" not in options or options["root"].startswith("/"):
        assert said in outcome["msg"]
    assert outcome["msg"].startswith("host ")
    assert files(root) == before
    assert files(outside) == ["secret"]


def test_a_symbolic_link_that_stays_below_the_root_is_followed(run: Run, root: Path) -> None:
    (root / "current").symlink_to("debian")
    assert run(state="custom", kernel="/current/linux")["changed"]
    assert "KERNEL /current/linux" in (root / NAME).read_text()


@pytest.mark.parametrize("make", ["link", "folder", "pipe", "large"])
def test_what_is_no_boot_loaders_file_is_left_alone(run: Run, root: Path, tmp_path: Path, make: str) -> None:
    path = root / NAME
    secret = tmp_path / "secret"
    secret.write_text("secret words")
    {
        "link": lambda: path.symlink_to(secret),
        "folder": path.mkdir,
        "pipe": lambda: os.mkfifo(path),
        "large": lambda: path.write_text("#" * 70000),
    }[make]()
    before = path.lstat()
    for options in ({"state": "local"}, {"state": "absent"}):
        outcome = run(**options)
        assert outcome["failed"]
        assert str(path) in outcome["msg"]
        assert "secret words" not in json.dumps(outcome)
    assert path.lstat() == before


def test_a_read_only_file_system_is_named(run: Run, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There the removal of the file that could not be made is refused as well."""
    opened = os.open

    def refuse(*_arguments: object, **_options: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    def read_only(path: str, flags: int, *arguments: t.Any, **options: t.Any) -> int:
        return (refuse if flags & os.O_CREAT else opened)(path, flags, *arguments, **options)

    monkeypatch.setattr(file_slot.os, "open", read_only)
    monkeypatch.setattr(file_slot.os, "unlink", refuse)
    outcome = run()
    assert f"{root / NAME} cannot be written: Read-only file system; correct" in outcome["msg"]


def test_a_failed_write_leaves_the_old_file_whole_and_no_rest(
    run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run()
    before, there = (root / NAME).read_text(), files(root)

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(file_slot.os, "fsync", full)
    outcome = run(**INSTALL)
    assert outcome["failed"]
    assert "No space left on device" in outcome["msg"]
    assert ((root / NAME).read_text(), files(root)) == (before, there)


def test_a_reader_sees_the_old_file_or_the_new_one(run: Run, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a host gets that boots at the worst moment: after each step of the write."""
    run()
    seen = {(root / NAME).read_text()}
    for step in ("fsync", "rename", "fchmod"):
        call = getattr(os, step)

        def and_look(*arguments: t.Any, _call: t.Any = call, **options: t.Any) -> None:
            _call(*arguments, **options)
            seen.add((root / NAME).read_text())

        monkeypatch.setattr(file_slot.os, step, and_look)
    run(**INSTALL)
    assert len(seen) == 2


lines = st.text(st.characters(min_codepoint=1, max_codepoint=300), max_size=30)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines, lines, st.sampled_from([PXELINUX, GRUB]))
def test_no_text_adds_a_line_to_the_file(name: str, append: str, loader: str) -> None:
    plain = content(loader, Boot("c", "custom", "k", ("i",), "a"))
    try:
        text = content(loader, Boot(name, "custom", "k", ("i",), append))
    except AosError:
        return
    assert text.isascii()
    assert len(text.splitlines()) == len(plain.splitlines()) - (loader == PXELINUX and not append)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=8), max_size=5))
def test_a_shell_like_reader_finds_the_words_of_append_in_grubs_file(words: list[str]) -> None:
    """GRUB quotes like a POSIX shell does with single quotes."""
    try:
        text = content(GRUB, Boot("c", "custom", "k", (), " ".join(words)))
    except AosError:
        return
    line = text.splitlines()[1].removeprefix("linux /k")
    done = subprocess.run(["/bin/sh", "-c", f"printf '%s\\n' {line}"], capture_output=True, text=True, check=True)
    assert done.stdout.split() == words


def test_temporary_files_have_no_name_that_a_loader_asks_for(
    run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []
    rename = os.rename
    monkeypatch.setattr(
        file_slot.os, "rename", lambda old, new, **options: (names.append(old), rename(old, new, **options))
    )
    run()
    assert len(names) == 1
    assert names[0].startswith(".aos-")
    shutil.rmtree(root)
