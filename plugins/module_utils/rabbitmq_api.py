# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RabbitMQ by the HTTP API of its management plugin.

PRIVATE to the collection aos.cloud_manager: may change in any release.

Source: the plugin's own API reference (/api/index.html of every broker that has it).
"""

from __future__ import annotations

import http.client
import json
import typing as t
import urllib.error
import urllib.parse

from ansible.module_utils import urls

from ansible_collections.aos.cloud_manager.plugins.module_utils.rabbitmq import Definitions, Holdings, User
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

TIMEOUT = 30.0
GRANTS = ("configure", "write", "read")


class NobodyListens(AosError):
    """There is no API at this address."""


class ManagementApi:
    """A broker by its management plugin, as one of its administrators. Implements Broker."""

    via = "api"

    def __init__(self, url: str, user: str, password: str, validate_certs: bool, ca_cert: str | None) -> None:
        self._url = url.rstrip("/")
        self._user = user
        self._password = password
        self._trust = {"validate_certs": validate_certs, "ca_path": ca_cert}

    @property
    def is_local(self) -> bool:
        """Whether the API is one of this machine, as rabbitmqctl's broker is."""
        host = urllib.parse.urlsplit(self._url).hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.")

    def read(self, user: str, vhosts: t.Sequence[str]) -> Holdings:
        """As Broker.read."""
        account = self._request("GET", f"/users/{quoted(user)}")
        found = {vhost: self._request("GET", f"/vhosts/{quoted(vhost)}") for vhost in vhosts}
        granted = self._request("GET", f"/users/{quoted(user)}/permissions") or []
        return Holdings(
            account and user_of(account),
            {vhost: frozenset(answer.get("tags") or []) for vhost, answer in found.items() if answer},
            {item["vhost"]: {kind: item[kind] for kind in GRANTS} for item in granted if item["vhost"] in vhosts},
        )

    def put(self, definitions: Definitions) -> None:
        """As Broker.put."""
        for vhost in definitions["vhosts"]:
            self._request("PUT", f"/vhosts/{quoted(vhost['name'])}", without(vhost, "name"))
            # the API lets whoever makes a vhost use it, unasked
            self._request("DELETE", f"/permissions/{quoted(vhost['name'])}/{quoted(self._user)}")
        for user in definitions["users"]:
            self._request("PUT", f"/users/{quoted(user['name'])}", without(user, "name"))
        for granted in definitions["permissions"]:
            path = f"/permissions/{quoted(granted['vhost'])}/{quoted(granted['user'])}"
            self._request("PUT", path, without(granted, "vhost", "user"))

    def remove(self, kind: str, name: str) -> None:
        """As Broker.remove."""
        self._request("DELETE", f"/{kind}/{quoted(name)}")

    def _request(self, method: str, path: str, body: dict[str, t.Any] | None = None) -> t.Any:
        """The decoded answer; None if there is no such thing, or nothing to tell."""
        what = f"{method} /api{path}"
        try:
            answer = urls.open_url(
                f"{self._url}/api{path}",
                method=method,
                data=None if body is None else json.dumps(body),
                headers={"Content-Type": "application/json"},
                url_username=self._user,
                url_password=self._password,
                force_basic_auth=True,
                use_proxy=False,
                use_netrc=False,
                timeout=TIMEOUT,
                **self._trust,
            )
            text = answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 404 and method != "PUT":
                return None
            raise AosError(self._refusal(what, error.code, reason_of(error.read()))) from error
        except (OSError, http.client.HTTPException, urls.ConnectionError) as error:
            raise self._unreachable(what, error) from error
        try:
            return json.loads(text) if text else None
        except ValueError as error:
            raise AosError(
                f"{self._url} answered {what} with something else than JSON; set api_url to RabbitMQ's management API"
            ) from error

    def _refusal(self, what: str, status: int, reason: str) -> str:
        if status in (401, 403):
            return (
                f"RabbitMQ at {self._url} refuses user {self._user}: {reason}; correct login_user and login_password, "
                f"who needs the tag administrator, and is not guest unless the API is on the same machine"
            )
        if status >= 500:
            return f"RabbitMQ at {self._url} failed: HTTP {status} to {what}: {reason}; see RabbitMQ's log"
        return f"RabbitMQ at {self._url} refused {what}: HTTP {status}: {reason}; correct the option that it names"

    def _unreachable(self, what: str, error: Exception) -> AosError:
        cause = getattr(error, "reason", error)
        if "CERTIFICATE" in str(cause):
            return AosError(f"the certificate of {self._url} is not trusted: {cause}; set ca_cert or validate_certs")
        sentence = (
            f"RabbitMQ's management API cannot be reached at {self._url} for {what}: {cause}; correct api_url, enable "
            f"the plugin (rabbitmq-plugins enable rabbitmq_management), or set via=rabbitmqctl where the broker runs"
        )
        return NobodyListens(sentence) if isinstance(cause, ConnectionRefusedError) else AosError(sentence)


def user_of(item: dict[str, t.Any]) -> User:
    """A user as the API and exported definitions describe it; older brokers join the tags by commas."""
    tags = item["tags"]
    names = tags.split(",") if isinstance(tags, str) else tags
    login = {"password_hash": item.get("password_hash", ""), "hashing_algorithm": item["hashing_algorithm"]}
    return User(item["name"], frozenset(name for name in names if name), login)


def quoted(name: str) -> str:
    """A name as one part of a path: the vhost / is %2F."""
    return urllib.parse.quote(name, safe="")


def without(definition: dict[str, t.Any], *fields: str) -> dict[str, t.Any]:
    """The body of a request whose path says the rest."""
    return {field: value for field, value in definition.items() if field not in fields}


def reason_of(body: bytes) -> str:
    """What RabbitMQ says in an error's body: {"error": .., "reason": ..}; a reason may be a list of numbers."""
    try:
        answer = json.loads(body)
        reason = answer["reason"]
        return reason if isinstance(reason, str) else str(reason[0])
    except (ValueError, TypeError, KeyError, IndexError):
        return "no explanation"
