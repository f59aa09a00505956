# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.mariadb_passwords import (
    CACHING_SHA2,
    NATIVE,
    Stored,
    caching_sha2,
    sha256_crypt,
    stored,
)

# What a MySQL 8 server stored for "hashcat": the example of hashcat's mode 7401.
SALT = bytes.fromhex("F9CC98CE08892924F50A213B6BC571A2C11778C5")
DIGEST = "bTy95Y99eAME1dwEkHOA1ndHGBWz.1bxSSRkuTXFGV/"
# What MariaDB's PASSWORD() makes of "x".
NATIVE_X = "*B69027D44F6E5EDC07F1AEAD1477967B16F28227"


@pytest.mark.parametrize(
    ("password", "salt", "rounds", "digest"),
    [  # the first of a MySQL server, the others of glibc's crypt()
        (b"hashcat", SALT, 5000, DIGEST),
        (b"Hello world!", b"saltstring", 5000, "5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
        (b"Hello world!", b"saltstringsaltst", 10000, "3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA"),
        (b"", b"x", 1000, "kIBhdUvT3pHpfTjzR8s1XJu3y/HRJeFxMSffBtF8jx9"),
        (b"a" * 70, b"saltstringsaltst", 1400, "B7FRk/lDT8zQ31t9.mB.8htN1Im9d6fdsRW9SLY7A/C"),
    ],
)
def test_the_digest_is_that_of_other_programs(password: bytes, salt: bytes, rounds: int, digest: str) -> None:
    assert sha256_crypt(password, salt, rounds) == digest


def test_what_a_server_stored_tells_whether_the_password_is_right() -> None:
    assert Stored(NATIVE, NATIVE_X).answers("x") is True
    assert Stored(NATIVE, NATIVE_X.lower()).answers("x") is True
    assert Stored(NATIVE, NATIVE_X).answers("y") is False
    assert Stored(NATIVE, "").answers("x") is False
    text = caching_sha2("hashcat", "twenty letters of it", thousands=10)
    assert text.startswith("$A$00A$twenty letters of it")
    assert Stored(CACHING_SHA2, text).answers("hashcat") is True
    assert Stored(CACHING_SHA2, text).answers("Hashcat") is False


@pytest.mark.parametrize("plugin", ["", "ed25519", "unix_socket", CACHING_SHA2])
def test_what_is_not_understood_tells_nothing(plugin: str) -> None:
    assert Stored(plugin, "x").answers("x") is None


@pytest.mark.parametrize(("mariadb", "plugin", "length"), [(True, NATIVE, 41), (False, CACHING_SHA2, 70)])
def test_a_new_password_is_stored_as_the_server_does_by_default(mariadb: bool, plugin: str, length: int) -> None:
    new = stored("pässword", mariadb)
    assert (new.plugin, len(new.text)) == (plugin, length)
    assert new.answers("pässword") is True
    assert new.answers("password") is False
    assert (stored("pässword", mariadb) == new) is mariadb
