# SPDX-License-Identifier: GPL-3.0-or-later
"""Keystone and Nova as a script: real sockets on 127.0.0.1, answers that a test wrote."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

PASSWORD = "correct-horse-battery"


@dataclass
class Answer:
    """status 0: close the connection without a word. silent: don't answer until the server is closed."""

    body: Any = None
    status: int = 200
    silent: bool = False

    def text(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Query = dict[str, str]
Script = Callable[[str, Query], Answer]


@dataclass
class Request:
    path: str
    query: Query
    token: str
    microversion: str


@dataclass
class OpenStackApi:
    """script: path below the compute endpoint and query -> answer. tokens: keystone's answers, the last for ever."""

    script: Script
    tokens: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    logins: int = 0
    valid_tokens: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def revoke(self) -> None:
        self.valid_tokens.clear()

    def clouds_yaml(self, folder: Path) -> Path:
        auth = {
            "auth_url": f"{self.url}/v3",
            "username": "admin",
            "password": PASSWORD,
            "project_name": "admin",
            "user_domain_id": "default",
            "project_domain_id": "default",
        }
        path = folder / "clouds.yaml"
        cloud = {"auth": auth, "region_name": "RegionOne", "identity_api_version": "3"}
        path.write_text(json.dumps({"clouds": {"scripted": cloud}}))
        return path

    def login(self) -> tuple[str, Answer]:
        self.logins += 1
        if self.tokens:
            answer = self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]
            if answer.status != 201:
                return "", answer
        token = f"token-{self.logins}"
        self.valid_tokens.add(token)
        endpoints = [{"id": "e", "interface": "public", "region": "RegionOne", "url": f"{self.url}/compute/v2.1"}]
        catalog = [{"type": "compute", "name": "nova", "id": "s", "endpoints": endpoints}]
        body = {"methods": ["password"], "expires_at": "2999-01-01T00:00:00.000000Z", "catalog": catalog}
        body |= {"user": {"id": "u", "name": "admin", "domain": {"id": "default", "name": "Default"}}}
        body |= {"project": {"id": "p", "name": "admin", "domain": {"id": "default", "name": "Default"}}}
        return token, Answer({"token": {**body, "issued_at": "2020-01-01T00:00:00.000000Z"}}, 201)

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        if request.token not in self.valid_tokens:
            return Answer({"error": {"message": "token is not valid", "code": 401}}, 401)
        return self.script(request.path, request.query)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if not parts.path.startswith("/compute/v2.1"):
                    self._send(Answer(self._versions(), 200), {})
                    return
                query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
                token = self.headers.get("X-Auth-Token", "")
                microversion = self.headers.get("OpenStack-API-Version", "")
                path = parts.path.removeprefix("/compute/v2.1")
                self._send(api.answer(Request(path, query, token, microversion)), {})

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                token, answer = api.login()
                self._send(answer, {"X-Subject-Token": token} if token else {})

            def _versions(self) -> dict[str, Any]:
                links = [{"rel": "self", "href": f"{api.url}/v3/"}]
                return {"version": {"id": "v3.14", "status": "stable", "links": links}}

            def _send(self, answer: Answer, headers: dict[str, str]) -> None:
                if answer.silent:
                    api._closing.wait(30)
                if answer.silent or not answer.status or api._closing.is_set():
                    self.close_connection = True
                    return
                body = answer.text()
                self.send_response(answer.status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: Any) -> None:
                """Silence: requests are in api.requests."""

        return Handler
