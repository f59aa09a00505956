# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords are stored encrypted (Fernet); the key stands in a file outside the database."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from cloud_manager.db import private
from cloud_manager.domain.power import Secret
from cloud_manager.errors import BadInput


class PasswordBox:
    """Encrypts and decrypts with the key in a file, which is read at the first use.

    creates: make the file when the first password is to be encrypted and it doesn't exist; right only where no other
    controller needs the same key. Raises BadInput with the remedy.
    """

    def __init__(self, key_file: Path, creates: bool) -> None:
        self._path = key_file
        self._creates = creates

    def encrypt(self, password: Secret, first: bool) -> str:
        """first: no password was encrypted before, so no key can have been lost."""
        if self._creates and first and not self._path.exists():
            _made(self._path)
        return self._fernet().encrypt(password.reveal().encode()).decode()

    def decrypt(self, stored: str, title: str) -> Secret:
        """title: whose password it is, for the error."""
        try:
            return Secret(self._fernet().decrypt(stored.encode()).decode())
        except InvalidToken as error:
            raise BadInput(
                f"power control {title}: its password can't be decrypted with {self._path}: put back the key file that "
                "it was encrypted with"
            ) from error

    def _fernet(self) -> Fernet:
        try:
            if stat.S_IMODE(self._path.stat().st_mode) & 0o077:
                raise BadInput(f"key file {self._path} can be read by others: chmod 0600 {self._path}")
            return Fernet(self._path.read_bytes().strip())
        except FileNotFoundError as error:
            raise BadInput(
                f"key file {self._path} is missing: put it back, or copy it from another controller; for a first "
                "controller run `aos-cloud-manager db create-key` (what another key encrypted has to be given anew)"
            ) from error
        except OSError as error:
            raise BadInput(f"key file {self._path} can't be read ({error.strerror}): let this user read it") from error
        except ValueError as error:
            raise BadInput(f"key file {self._path} holds no key: put back the right file") from error


def create_key(path: Path) -> None:
    """Make a new key; never replaces one: what it has encrypted would be lost. Raises BadInput."""
    if not _made(path):
        raise BadInput(f"key file {path} exists already: delete it only if no password was encrypted with it")


def _made(path: Path) -> bool:
    """False where there is a file already. The key appears whole or not at all."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(private.create(draft), "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        # A link, not a rename: whoever comes second must not replace the first one's key.
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise BadInput(f"key file {path} can't be made ({error.strerror}): let this user write its folder") from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()
    return True
