# SPDX-License-Identifier: GPL-3.0-or-later
"""What the management API's failures are called; what it does right is shown against a real broker."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import typing as t

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.rabbitmq_api import (
    ManagementApi,
    NobodyListens,
    quoted,
    reason_of,
    user_of,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

PASSWORD = "a-secret-of-the-test"


class Answering(http.server.BaseHTTPRequestHandler):
    """A server that gives every request one answer."""

    status = 200
    body = b""

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *arguments: t.Any) -> None:
        pass


@pytest.fixture
def server() -> t.Iterator[http.server.HTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Answering,), {}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def api(port: int, scheme: str = "http") -> ManagementApi:
    return ManagementApi(f"{scheme}://127.0.0.1:{port}/", "guest", PASSWORD, True, None)


@pytest.mark.parametrize(
    ("status", "body", "part"),
    [
        (401, b'{"error": "not_authorized", "reason": "Login failed"}', "Login failed; correct login_user"),
        (401, b"<html>", "no explanation"),
        (500, b'{"error": "internal", "reason": "oops"}', "oops; see RabbitMQ's log"),
        (400, b'{"error": "bad_request", "reason": "vhost_not_found"}', "HTTP 400: vhost_not_found"),
        (200, b"<html>", "something else than JSON; set api_url"),
    ],
)
def test_an_answer_that_is_no_help_says_what_to_do(
    server: http.server.HTTPServer, status: int, body: bytes, part: str
) -> None:
    handler = t.cast(type[Answering], server.RequestHandlerClass)
    handler.status, handler.body = status, body
    with pytest.raises(AosError, match=part) as raised:
        api(server.server_address[1]).read("aos", ("aos", "/"))
    assert PASSWORD not in str(raised.value)
    assert not isinstance(raised.value, NobodyListens)


def test_where_nobody_listens_another_way_may_be_tried() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(NobodyListens, match="rabbitmq-plugins enable rabbitmq_management"):
        api(port).read("aos", ("aos", "/"))


def test_a_server_without_tls_is_no_reason_to_try_another_way(server: http.server.HTTPServer) -> None:
    with pytest.raises(AosError, match="cannot be reached") as raised:
        api(server.server_address[1], "https").read("aos", ("aos", "/"))
    assert not isinstance(raised.value, NobodyListens)


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:15672", True),
        ("http://127.0.0.1:15672", True),
        ("http://[::1]:15672", True),
        ("http://controller:15672", False),
    ],
)
def test_an_address_of_this_machine_is_known(url: str, local: bool) -> None:
    assert ManagementApi(url, "guest", PASSWORD, True, None).is_local is local


def test_a_slash_in_a_name_is_no_step_in_the_path() -> None:
    assert quoted("/") == "%2F"
    assert quoted("a/b ü") == "a%2Fb%20%C3%BC"


def test_tags_are_a_list_or_joined_by_commas() -> None:
    item = {"name": "aos", "password_hash": "x", "hashing_algorithm": "y"}
    assert user_of(item | {"tags": "a,b"}).tags == user_of(item | {"tags": ["a", "b"]}).tags == {"a", "b"}
    assert user_of(item | {"tags": ""}).tags == frozenset()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (json.dumps({"reason": ["invalid_regexp", [40]]}).encode(), "invalid_regexp"),
        (b"[]", "no explanation"),
        (b'{"reason": []}', "no explanation"),
    ],
)
def test_a_reason_of_numbers_is_told_by_its_name(body: bytes, reason: str) -> None:
    assert reason_of(body) == reason
