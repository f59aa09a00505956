# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWX by its API, version 2, and what its failures mean.

PRIVATE to the collection aos.cloud_manager: may change in any release.

Source: AWX's own API reference (/api/v2/ of every AWX).
"""

from __future__ import annotations

import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, MissingLibrary

try:
    import requests

    HAS_REQUESTS = True
except ImportError:
    HAS_REQUESTS = False

Item = dict[str, t.Any]

PAGE = 200
LONGEST_EXPLANATION = 500


class AwxRefused(AosError):
    """AWX takes the request for wrong. status: the HTTP status; explanation: AWX's own words."""

    def __init__(self, message: str, status: int, explanation: str) -> None:
        super().__init__(message)
        self.status = status
        self.explanation = explanation


class Awx:
    """One AWX, as the user of the token.

    verify: whether its certificate is checked, or the file to check it with. session: a requests.Session.
    """

    def __init__(
        self, url: str, prefix: str, token: str, verify: bool | str, timeout: float, session: t.Any = None
    ) -> None:
        if not HAS_REQUESTS:
            raise MissingLibrary("requests")
        self.url = f"{url.rstrip('/')}/{prefix.strip('/')}"
        self._token = token
        self._verify = verify
        self._timeout = timeout
        self._session = session or requests.Session()

    def check_access(self) -> None:
        """Raise AosError unless this is the API and it knows the token."""
        if self.get("me") is None:
            raise AosError(f"there is no API at {self.url}; set prefix, which behind a gateway is /api/controller/v2")

    def get(self, path: str, **query: t.Any) -> Item | None:
        """The answer; None where there is no such thing."""
        try:
            return self._request("GET", path, params=query)
        except AwxRefused as error:
            if error.status == 404:
                return None
            raise

    def pages(self, path: str, **query: t.Any) -> t.Iterator[Item]:
        """Every object of a list, which AWX tells by pages."""
        number, answer = 0, {"next": path}
        while answer["next"]:
            number += 1
            answer = self._request("GET", path, params={**query, "page": number, "page_size": PAGE})
            yield from answer["results"]

    def send(self, method: str, path: str, body: Item) -> Item:
        """The answer to a request that changes something; empty where AWX has nothing to tell."""
        return self._request(method, path, json=body)

    def _request(self, method: str, path: str, **content: t.Any) -> Item:
        what = f"{method} {self.url}/{path}/"
        try:
            answer = self._session.request(
                method,
                f"{self.url}/{path}/",
                auth=self._admitted,
                verify=self._verify,
                timeout=self._timeout,
                allow_redirects=False,
                **content,
            )
        except (requests.RequestException, OSError) as error:
            raise self._unreachable(error) from error
        if answer.status_code >= 300:
            raise self._refusal(what, answer.status_code, explanation_of(answer))
        try:
            return answer.json() if answer.content else {}
        except ValueError as error:
            raise AosError(
                f"{what} is answered with something else than JSON; correct url, or set prefix to where AWX has its API"
            ) from error

    def _admitted(self, request: t.Any) -> t.Any:
        """Send the token: as the request's own login, so that none of ~/.netrc takes its place."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def _unreachable(self, error: Exception) -> AosError:
        if isinstance(error, requests.exceptions.SSLError):
            return AosError(
                f"the certificate of {self.url} is not trusted ({reason_of(error)}); set ca_cert or validate_certs"
            )
        return AosError(
            f"AWX does not answer at {self.url} ({reason_of(error)}); check url and ca_cert, and that AWX runs"
        )

    def _refusal(self, what: str, status: int, explanation: str) -> AosError:
        if status == 401:
            return AosError(
                f"AWX at {self.url} refuses the token (HTTP 401); make a new one with the scope write (your user, "
                f"Tokens), and pass it in the environment variable AOS_AWX_TOKEN"
            )
        if status == 403:
            return AosError(
                f"AWX does not allow {what} (HTTP 403): {explanation}; take a token with the scope write, of a user "
                f"who administers the organization, or all of AWX where credential types are made"
            )
        if status < 400:
            return AosError(f"{self.url} leads elsewhere (HTTP {status}); set url to the address that a browser shows")
        if status >= 500:
            return AosError(f"AWX failed at {what} (HTTP {status}): {explanation}; see AWX's log and try again")
        return AwxRefused(f"AWX refuses {what} (HTTP {status}): {explanation}", status, explanation)


def explanation_of(answer: t.Any) -> str:
    """AWX's words in an error's body, in one line: {"detail": ..}, {"FIELD": [.., ..]} or {"error": ..}."""
    try:
        said = [(name, words if isinstance(words, list) else [words]) for name, words in answer.json().items()]
    except (ValueError, AttributeError):
        return "no explanation"
    return "; ".join(f"{name}: {' '.join(map(str, words))}" for name, words in said)[:LONGEST_EXPLANATION]


def reason_of(error: BaseException) -> str:
    """The innermost cause: what requests and urllib3 wrap around it names objects, not reasons."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return str(error)
