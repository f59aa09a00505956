# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One login for several tasks: a keystone token kept in a folder that only its owner can look into.

PRIVATE to the collection aos.cloud_manager: may change in any release.

Keystone hashes the password anew for every login, which takes a third of a second.
"""

from __future__ import annotations

import contextlib
import contextvars
import hashlib
import os
import typing as t

FOLDER: contextvars.ContextVar[str | None] = contextvars.ContextVar("FOLDER", default=None)


@contextlib.contextmanager
def tokens_in(folder: str) -> t.Iterator[None]:
    """Clouds that are connected to in this context share their tokens with others in the same folder."""
    before = FOLDER.set(folder)
    try:
        yield
    finally:
        FOLDER.reset(before)


class SharedToken:
    """The token of one keystoneauth plugin and its file, whose name tells the credentials apart by their digest."""

    def __init__(self, auth: t.Any) -> None:
        folder, credentials = FOLDER.get(), auth.get_cache_id()
        self._auth = auth
        self._file: str | None = None
        if folder and credentials:
            self._file = os.path.join(folder, f"token-{hashlib.sha256(credentials.encode()).hexdigest()}")
        self._known: str | None = None

    def take(self) -> None:
        """Use the token of an earlier login. A session renews one that has expired or is refused."""
        if self._file is None:
            return
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            with open(self._file, encoding="utf-8") as file:
                state = file.read()
            self._auth.set_auth_state(state)
            self._known = state

    def keep(self) -> None:
        """Leave a token that is new to later logins. What fails here costs a login, nothing else."""
        state = self._auth.get_auth_state() if self._file else None
        if state is None or state == self._known:
            return
        self._known = state
        fresh = f"{self._file}.{os.getpid()}"
        with contextlib.suppress(OSError):
            with open(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(state)
            os.replace(fresh, t.cast(str, self._file))
