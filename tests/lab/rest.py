# SPDX-License-Identifier: GPL-3.0-or-later
"""A keystone session in a page: stdlib only, thread-safe."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from typing import Any


class RestError(Exception):
    """An answer of 400 or above, or none (`status` 0)."""

    def __init__(self, method: str, url: str, status: int, text: str) -> None:
        super().__init__(f"{method} {url}: {status or 'no answer'} {text[:500]}")
        self.status = status


def call(
    method: str, url: str, body: Any = None, headers: dict[str, str] | None = None, timeout: float = 60
) -> tuple[Any, dict[str, str]]:
    """(decoded JSON or None, headers of the answer); `body` is JSON unless it is bytes."""
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            text = answer.read()
            return (json.loads(text) if text else None), dict(answer.headers)
    except urllib.error.HTTPError as exc:
        if exc.code == 300:
            return None, {}
        raise RestError(method, url, exc.code, exc.read().decode(errors="replace")) from exc
    except OSError as exc:
        raise RestError(method, url, 0, str(exc)) from exc


class Session:
    """Requests as the admin of one keystone."""

    def __init__(self, keystone: str, password: str) -> None:
        self._keystone = keystone
        self._password = password
        self._lock = threading.Lock()
        self._token = ""
        self._expires = 0.0

    def request(self, method: str, url: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        return call(method, url, body, {"X-Auth-Token": self.token(), **(headers or {})})[0]

    def token(self) -> str:
        with self._lock:
            if time.time() > self._expires:
                domain = {"domain": {"id": "default"}}
                user = {"name": "admin", "password": self._password, **domain}
                identity = {"methods": ["password"], "password": {"user": user}}
                body = {"auth": {"identity": identity, "scope": {"project": {"name": "admin", **domain}}}}
                _, headers = call("POST", f"{self._keystone}/v3/auth/tokens", body)
                # Keystone's tokens live a day.
                self._token, self._expires = headers["X-Subject-Token"], time.time() + 3600
            return self._token
