# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How MariaDB and MySQL store a password, so that the clear text never has to be sent to them.

PRIVATE to the collection aos.cloud_manager: may change in any release.

Sources: MariaDB's mysql_native_password; MySQL's caching_sha2_password, which is SHA-crypt with a longer salt.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import typing as t

NATIVE, CACHING_SHA2 = "mysql_native_password", "caching_sha2_password"
# $A$, thousands of rounds in hexadecimal, $, salt, digest.
CACHING_SHA2_FORM = re.compile(r"\$A\$([0-9A-F]{3})\$(.{20})(.{43})", re.DOTALL)
SALT_LETTERS = string.ascii_letters + string.digits
DIGITS = "./" + string.digits + string.ascii_uppercase + string.ascii_lowercase


class Stored(t.NamedTuple):
    """What the server keeps of a password: the plugin that compares it, and its text."""

    plugin: str
    text: str

    def answers(self, password: str) -> bool | None:
        """Whether it was made of this password; None where that can't be told."""
        if self.plugin == NATIVE:
            return self.text.upper() == native(password)
        found = CACHING_SHA2_FORM.fullmatch(self.text) if self.plugin == CACHING_SHA2 else None
        return self.text == caching_sha2(password, found[2], int(found[1], 16)) if found else None


def stored(password: str, mariadb: bool) -> Stored:
    """The password as the server's own default plugin stores it."""
    if mariadb:
        return Stored(NATIVE, native(password))
    salt = "".join(secrets.choice(SALT_LETTERS) for _letter in range(20))
    return Stored(CACHING_SHA2, caching_sha2(password, salt))


def native(password: str) -> str:
    """SHA-1 of SHA-1."""
    return "*" + hashlib.sha1(hashlib.sha1(password.encode()).digest()).hexdigest().upper()


def caching_sha2(password: str, salt: str, thousands: int = 5) -> str:
    """SHA-crypt in MySQL's form."""
    return f"$A${thousands:03X}${salt}{sha256_crypt(password.encode(), salt.encode(), thousands * 1000)}"


def sha256_crypt(password: bytes, salt: bytes, rounds: int) -> str:
    """The 43 characters of SHA-crypt's digest; its specification's limit on the salt's length is the caller's."""
    digest = _first_digest(password, salt)
    long_password = _stretched(_sha256(password * len(password)), len(password))
    long_salt = _stretched(_sha256(salt * (16 + digest[0])), len(salt))
    for turn in range(rounds):
        odd = turn % 2
        digest = _sha256(
            (long_password if odd else digest)
            + (long_salt if turn % 3 else b"")
            + (long_password if turn % 7 else b"")
            + (digest if odd else long_password)
        )
    return _encoded(digest)


def _first_digest(password: bytes, salt: bytes) -> bytes:
    mixed = _sha256(password + salt + password)
    text = password + salt + _stretched(mixed, len(password))
    length = len(password)
    while length:
        text += mixed if length % 2 else password
        length //= 2
    return _sha256(text)


def _sha256(text: bytes) -> bytes:
    return hashlib.sha256(text).digest()


def _stretched(digest: bytes, length: int) -> bytes:
    return (digest * (length // len(digest) + 1))[:length]


def _encoded(digest: bytes) -> str:
    """Three bytes make four characters, in SHA-crypt's own order of the bytes."""
    text, (first, second, third) = "", (0, 10, 20)
    for _group in range(10):
        text += _characters(digest[first] << 16 | digest[second] << 8 | digest[third], 4)
        first, second, third = third + 1, first + 1, second + 1
    return text + _characters(digest[31] << 8 | digest[30], 3)


def _characters(number: int, count: int) -> str:
    return "".join(DIGITS[number >> 6 * place & 63] for place in range(count))
