# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of the passwords and what it encrypts."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cloud_manager.db import PasswordBox
from cloud_manager.db.crypto import create_key
from cloud_manager.domain.power import Secret
from cloud_manager.errors import BadInput

PASSWORD = Secret("correct horse, лошадь")


def test_what_is_encrypted_is_not_readable_and_comes_back(tmp_path: Path) -> None:
    stored = PasswordBox(tmp_path / "key", creates=True).encrypt(PASSWORD, first=True)
    assert "horse" not in stored
    assert PasswordBox(tmp_path / "key", creates=False).decrypt(stored, "bmc-1") == PASSWORD


def test_the_same_password_never_looks_the_same(tmp_path: Path) -> None:
    box = PasswordBox(tmp_path / "key", creates=True)
    assert box.encrypt(PASSWORD, first=True) != box.encrypt(PASSWORD, first=True)


def test_the_key_file_is_made_with_its_folder_for_its_owner_only_and_then_kept(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "key"
    box = PasswordBox(path, creates=True)
    stored = box.encrypt(PASSWORD, first=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    box.encrypt(PASSWORD, first=True)
    assert box.decrypt(stored, "bmc-1") == PASSWORD
    assert list(path.parent.iterdir()) == [path]


def test_where_it_may_not_be_made_a_missing_key_is_an_error_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"key is missing.*create-key"):
        PasswordBox(tmp_path / "key", creates=False).encrypt(PASSWORD, first=True)
    assert not (tmp_path / "key").exists()


def test_a_missing_key_is_never_replaced_when_something_is_to_be_decrypted(tmp_path: Path) -> None:
    box = PasswordBox(tmp_path / "key", creates=True)
    stored = box.encrypt(PASSWORD, first=True)
    (tmp_path / "key").unlink()
    with pytest.raises(BadInput, match="key is missing"):
        box.decrypt(stored, "bmc-1")


def test_a_key_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    create_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(BadInput, match="chmod 0600"):
        PasswordBox(tmp_path / "key", creates=True).encrypt(PASSWORD, first=True)


@pytest.mark.parametrize("content", [b"", b"not a key\n", b"\xff\xfe"])
def test_a_file_that_holds_no_key_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(BadInput, match="key holds no key"):
        PasswordBox(tmp_path / "key", creates=True).encrypt(PASSWORD, first=True)


def test_the_wrong_key_is_named_together_with_the_control(tmp_path: Path) -> None:
    stored = PasswordBox(tmp_path / "one", creates=True).encrypt(PASSWORD, first=True)
    create_key(tmp_path / "two")
    with pytest.raises(BadInput, match=r"bmc-1.*two") as caught:
        PasswordBox(tmp_path / "two", creates=False).decrypt(stored, "bmc-1")
    assert stored not in str(caught.value)


def test_an_existing_key_is_never_overwritten(tmp_path: Path) -> None:
    create_key(tmp_path / "key")
    before = (tmp_path / "key").read_bytes()
    with pytest.raises(BadInput, match="exists already"):
        create_key(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() == before


def test_of_many_that_make_the_key_at_once_all_use_the_same_one(tmp_path: Path) -> None:
    boxes = [PasswordBox(tmp_path / "key", creates=True) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(lambda box: box.encrypt(PASSWORD, first=True), boxes))
    assert {boxes[0].decrypt(text, "bmc-1") for text in stored} == {PASSWORD}


def test_a_key_that_cannot_be_made_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"file/key can't be made \(Not a directory\)"):
        create_key(tmp_path / "file" / "key")


def test_a_key_made_by_root_belongs_to_the_owner_of_its_folder(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    os.chown(tmp_path, 65534, 65534)
    create_key(tmp_path / "key")
    assert ((tmp_path / "key").stat().st_uid, (tmp_path / "key").stat().st_gid) == (65534, 65534)
