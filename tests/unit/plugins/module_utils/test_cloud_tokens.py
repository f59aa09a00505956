# SPDX-License-Identifier: GPL-3.0-or-later
"""Real keystoneauth against a small identity and compute service."""

from __future__ import annotations

import http.server
import json
import stat
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud import connect
from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud_tokens import tokens_in

PARAMS: dict[str, t.Any] = {"cloud": "example", "api_timeout": 5.0, "api_patience": 0.0}


class Services(http.server.ThreadingHTTPServer):
    """logins: how many tokens it gave. revoked: tokens that it takes no longer. lifetime: year in which tokens end."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.logins = 0
        self.revoked: set[str | None] = set()
        self.lifetime = 2999


class Handler(http.server.BaseHTTPRequestHandler):
    server: Services

    def do_GET(self) -> None:
        if self.path.startswith("/v3"):
            link = {"rel": "self", "href": f"{self.server.url}/v3/"}
            self._answer(200, {"version": {"id": "v3.14", "status": "stable", "links": [link]}})
        elif self.headers["X-Auth-Token"] in self.server.revoked:
            self._answer(401, {})
        else:
            self._answer(200, {"services": []})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.logins += 1
        endpoint = {"id": "e", "interface": "public", "region": "one", "region_id": "one", "url": self.server.url}
        catalog = [{"id": "c", "type": "compute", "name": "nova", "endpoints": [endpoint]}]
        times = {"issued_at": "2026-01-01T00:00:00Z", "expires_at": f"{self.server.lifetime}-01-01T00:00:00Z"}
        token = {"methods": ["password"], "user": {"id": "u", "name": "admin"}, "catalog": catalog, **times}
        self._answer(201, {"token": token}, {"X-Subject-Token": f"token-{self.server.logins}"})

    def _answer(self, status: int, body: dict[str, t.Any], headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *arguments: t.Any) -> None:
        pass


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Iterator[Services]:
    """The services, and a clouds.yaml that leads to them."""
    server = Services()
    auth = {"auth_url": f"{server.url}/v3", "username": "admin", "password": "a-secret", "project_name": "admin"}
    auth |= {"user_domain_id": "default", "project_domain_id": "default"}
    place = tmp_path / "clouds.yaml"
    other = {"auth": auth | {"username": "somebody-else"}, "region_name": "one"}
    place.write_text(json.dumps({"clouds": {"example": {"auth": auth, "region_name": "one"}, "other": other}}))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(place))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "private"
    made.mkdir()
    return made


def ask(folder: Path, cloud: str = "example") -> None:
    with tokens_in(str(folder)):
        assert connect(PARAMS | {"cloud": cloud}, "2.79").get("/os-services") == {"services": []}


def test_one_login_is_enough_for_all_who_share_a_folder(services: Services, folder: Path) -> None:
    for _task in range(3):
        ask(folder)
    assert services.logins == 1


def test_without_a_folder_everybody_logs_in_and_nothing_is_kept(services: Services, folder: Path) -> None:
    for _task in range(2):
        connect(PARAMS, "2.79").get("/os-services")
    assert services.logins == 2
    assert list(folder.iterdir()) == []


def test_other_credentials_use_another_token(services: Services, folder: Path) -> None:
    ask(folder)
    ask(folder, "other")
    assert services.logins == 2


def test_a_token_that_is_refused_is_replaced_for_the_next_ones_too(services: Services, folder: Path) -> None:
    ask(folder)
    services.revoked = {"token-1"}
    ask(folder)
    ask(folder)
    assert services.logins == 2


def test_a_token_that_has_expired_is_replaced(services: Services, folder: Path) -> None:
    services.lifetime = 2026
    ask(folder)
    services.lifetime, before = 2999, services.logins
    ask(folder)
    ask(folder)
    assert services.logins == before + 1


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"auth_token": "x"}'])
def test_a_file_that_makes_no_sense_costs_a_login_only(services: Services, folder: Path, text: str) -> None:
    ask(folder)
    (kept,) = folder.iterdir()
    kept.write_text(text)
    ask(folder)
    assert services.logins == 2


def test_only_the_owner_can_read_the_token_and_the_password_is_not_in_it(services: Services, folder: Path) -> None:
    ask(folder)
    (kept,) = folder.iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert "a-secret" not in kept.read_text() + kept.name


def test_a_folder_that_is_gone_is_no_obstacle(services: Services, tmp_path: Path) -> None:
    ask(tmp_path / "nowhere")
    ask(tmp_path / "nowhere")
    assert services.logins == 2
