# SPDX-License-Identifier: GPL-3.0-or-later
"""What an AMT control may look like. The protocol itself is tested against a simulator, in tests/integration/power."""

from __future__ import annotations

import socket
import threading
import typing as t

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils import power_amt
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_amt import Amt
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import Control, ControlError
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, MissingLibrary


def a_control(**fields: t.Any) -> Control:
    given: dict[str, t.Any] = {"username": "admin", "password": "secret", **fields}
    address, port = given.pop("address", "192.0.2.1"), given.pop("port", 16992)
    return Control("c1", "amt", "amt", address, port, **given)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"outlet": 1}, "protocol amt has no outlets; remove outlet"),
        ({"username": ""}, "has no username; set it in power_controls or in AOS_BMC_USERNAME"),
        ({"password": ""}, "has no password; set it in power_controls or in AOS_BMC_PASSWORD"),
        ({"address": "http://192.0.2.1"}, "its address must be a name or an IP address"),
        ({"address": "user@192.0.2.1"}, "its address must be a name or an IP address"),
        ({"options": {"tls": True, "cert": 1}}, "protocol amt has no option cert, tls; there are ca_cert, scheme, ver"),
        ({"port": 8080}, "give the option scheme, http or https, which port 8080 does not tell"),
        ({"options": {"scheme": "ftp"}}, "give the option scheme, http or https"),
        ({"options": {"scheme": "https"}}, "AMT does not speak https on port 16992"),
        ({"port": 16993, "options": {"scheme": "http"}}, "AMT does not speak http on port 16993"),
        ({"port": 16993, "options": {"verify": "no"}}, "option verify is 'no', it must be true or false"),
        ({"options": {"verify": False}}, "ca_cert and verify are for https; set port 16993"),
        ({"port": 16993, "options": {"ca_cert": "/nowhere"}}, "ca_cert /nowhere is no file here"),
        ({"port": 16993, "options": {"ca_cert": "/", "verify": False}}, "remove one of them"),
    ],
)
def test_what_makes_no_sense_is_named(fields: dict[str, t.Any], said: str) -> None:
    with pytest.raises(AosError, match=said):
        Amt().check(a_control(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"port": 16993},
        {"port": 16993, "options": {"verify": False}},
        {"port": 16993, "options": {"ca_cert": __file__}},
        {"port": 8080, "options": {"scheme": "https"}},
        {"address": "2001:db8::1"},
    ],
)
def test_a_whole_control_is_accepted(fields: dict[str, t.Any]) -> None:
    Amt().check(a_control(**fields))


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power_amt, "HAS_REQUESTS", False)
    with pytest.raises(MissingLibrary, match="requests"):
        Amt().check(a_control())


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n<x>",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["cut", "gzip", "chunk"],
)
def test_an_answer_that_breaks_off_is_said(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=answer_once, args=(server, answer)).start()
        control = Control(
            "c1", "amt", "amt", *server.getsockname(), username="u", password="p", options={"scheme": "http"}
        )
        with pytest.raises(ControlError, match=r"breaks off|no WS-Management"):
            Amt().read(control, 5)


def answer_once(server: socket.socket, answer: bytes) -> None:
    connection, _peer = server.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(answer)
