# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Redfish service's words mean. The protocol itself is tested against an emulator (tests/integration/power)."""

from __future__ import annotations

import dataclasses
import importlib
import socket
import ssl
import typing as t
from pathlib import Path

import pytest
import requests
import sushy

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import Control, ControlError, NoAnswer
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_redfish import (
    Redfish,
    base_url,
    chosen_system,
    power_state,
    real_uuid,
    translated,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, MissingLibrary

CONTROL = Control("c1", "bmc", "redfish", "192.0.2.11", 443, username="admin", password="secret")


def control(**fields: t.Any) -> Control:
    return dataclasses.replace(CONTROL, **fields)


class System:
    """In the place of sushy's System: shows one PowerState after the other, a new one at each refresh."""

    def __init__(self, *states: object) -> None:
        self._states = list(states)
        self.json = {"PowerState": self._states.pop(0)}

    def refresh(self, force: bool = False) -> None:
        assert force
        self.json = {"PowerState": self._states.pop(0)}


def refusal(status: int, body: str = "") -> sushy.exceptions.HTTPError:
    """Return what sushy raises for an answer of this status."""
    response = requests.Response()
    response.status_code = status
    response._content = body.encode()
    with pytest.raises(sushy.exceptions.HTTPError) as caught:
        sushy.exceptions.raise_for_response("GET", "https://192.0.2.11/", response)
    return caught.value


def broken_connection(cause: Exception) -> sushy.exceptions.ConnectionError:
    """Return what sushy raises where requests failed for this cause."""
    try:
        try:
            raise requests.exceptions.ConnectionError(requests.exceptions.RetryError(cause))
        except requests.exceptions.RequestException as error:
            raise sushy.exceptions.ConnectionError(url="https://192.0.2.11/", error=error)  # noqa: B904 - as sushy does
    except sushy.exceptions.ConnectionError as error:
        return error


@pytest.mark.parametrize(
    ("status", "reason", "final"),
    [
        (401, "refuses the login (HTTP 401)", True),
        (403, "refuses the request (HTTP 403)", True),
        (404, "has no Redfish service", False),
        (400, "answers HTTP 400", False),
        (409, "answers HTTP 409", False),
        (500, "answers HTTP 500", False),
        (503, "answers HTTP 503", False),
    ],
)
def test_every_refusal_has_a_reason_and_a_remedy(status: int, reason: str, final: bool) -> None:
    error = translated(refusal(status), CONTROL)
    assert error.reason.startswith(reason)
    assert error.remedy
    assert error.final is final


def test_a_refusal_quotes_what_the_device_says_on_one_bounded_line() -> None:
    said = '{"error": {"code": "x", "message": "The host\\n is %s off"}}' % ("very " * 100)
    reason = translated(refusal(400, said), CONTROL).reason
    assert reason.startswith("answers HTTP 400: The host is very very")
    assert len(reason) < 230


@pytest.mark.parametrize(
    ("cause", "reason", "final"),
    [
        (socket.gaierror(-2, "Name or service not known"), "has an address that does not resolve: Name", False),
        (ConnectionRefusedError(111, "Connection refused"), "refuses connections to port 443", False),
        (ssl.SSLError(1, "wrong version number"), "does not complete the TLS handshake", False),
        (TimeoutError("timed out"), "does not answer", False),
        (ConnectionResetError(104, "reset"), "breaks the connection off", False),
    ],
)
def test_every_broken_connection_has_a_reason(cause: Exception, reason: str, final: bool) -> None:
    error = translated(broken_connection(cause), CONTROL)
    assert error.reason.startswith(reason)
    assert error.remedy
    assert error.final is final


def test_an_untrusted_certificate_is_final_and_names_the_remedy() -> None:
    cause = ssl.SSLCertVerificationError(1, "self-signed certificate")
    cause.verify_message = "self-signed certificate"
    error = translated(broken_connection(cause), CONTROL)
    assert error.final
    assert "not trusted (self-signed certificate)" in error.reason
    assert "ca_cert" in error.remedy


def test_silence_is_one_kind_of_error_whoever_noticed_it() -> None:
    assert isinstance(translated(broken_connection(TimeoutError()), CONTROL), NoAnswer)


def test_what_is_no_redfish_is_said() -> None:
    assert "not Redfish" in translated(ValueError("no JSON"), CONTROL).reason
    missing = sushy.exceptions.MissingAttributeError(attribute="Systems", resource="/redfish/v1/")
    assert "Systems is missing" in translated(missing, CONTROL).reason


@pytest.mark.parametrize(("said", "state"), [("On", "on"), ("Off", "off")])
def test_on_and_off_are_read(said: str, state: str) -> None:
    assert power_state(System(said)) == state


@pytest.mark.parametrize("said", ["PoweringOn", "PoweringOff", "Paused", "off", "", None, 0, False])
def test_every_other_state_is_never_read_as_off(said: object) -> None:
    with pytest.raises(ControlError, match="neither on nor off") as caught:
        power_state(System(said))
    assert not caught.value.final


@pytest.mark.parametrize(
    ("paths", "options", "chosen"),
    [
        (["/redfish/v1/Systems/1"], {}, "/redfish/v1/Systems/1"),
        (["/redfish/v1/Systems/1/"], {"system": 1}, "/redfish/v1/Systems/1/"),
        (["/r/A", "/r/B"], {"system": "B"}, "/r/B"),
    ],
)
def test_a_system_is_the_only_one_or_the_named_one(paths: list[str], options: dict[str, t.Any], chosen: str) -> None:
    assert chosen_system(paths, options) == chosen


@pytest.mark.parametrize(
    ("paths", "options", "said", "final"),
    [
        (["/r/A", "/r/B"], {}, "has several systems: A, B", True),
        (["/r/A", "/r/B"], {"system": "C"}, "has no system C, it has: A, B", True),
        (["/r/A"], {"system": "a"}, "has no system a, it has: A", True),
        ([], {}, "lists no system", False),
        ([], {"system": "A"}, "lists no system", False),
    ],
)
def test_a_system_is_never_guessed(paths: list[str], options: dict[str, t.Any], said: str, final: bool) -> None:
    with pytest.raises(ControlError, match=said) as caught:
        chosen_system(paths, options)
    assert caught.value.final is final


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "https://192.0.2.11:443"),
        ({"address": "2001:db8::1", "port": 8443}, "https://[2001:db8::1]:8443"),
        ({"options": {"scheme": "http"}, "port": 80}, "http://192.0.2.11:80"),
    ],
)
def test_the_url_is_https_unless_http_is_named(fields: dict[str, t.Any], url: str) -> None:
    assert base_url(control(**fields)) == url


@pytest.mark.parametrize(
    ("said", "uuid"),
    [
        ("4C4C4544-0042", "4c4c4544-0042"),
        (" 4c4c4544-0042 ", "4c4c4544-0042"),
        ("00000000-0000-0000-0000-000000000000", ""),
        ("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_uuid_that_the_maker_left_blank_is_none(said: str | None, uuid: str) -> None:
    assert real_uuid(said) == uuid


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"username": ""}, "has no username; set it in power_controls or in AOS_BMC_USERNAME"),
        ({"password": ""}, "has no password; set it in power_controls or in AOS_BMC_PASSWORD"),
        ({"username": "a:b"}, "username contains a colon"),
        ({"outlet": 1}, "redfish has no outlets; remove outlet"),
        ({"options": {"verfy": False}}, "has no option verfy; it has ca_cert, scheme, system, verify"),
        ({"options": {"scheme": "ftp"}}, "option scheme is 'ftp', it must be https or http"),
        ({"options": {"verify": "false"}}, "option verify is 'false', it must be true or false"),
        ({"options": {"verify": 0}}, "option verify is 0, it must be true or false"),
        ({"options": {"system": " "}}, "option system is no system id"),
        ({"options": {"system": None}}, "option system is no system id"),
        ({"options": {"system": True}}, "option system is no system id"),
        ({"options": {"scheme": "http", "verify": False}}, "option verify has no meaning with scheme http"),
        ({"options": {"ca_cert": "/x", "verify": False}}, "option ca_cert has no meaning with verify false"),
        ({"options": {"ca_cert": "/nowhere/ca.pem"}}, "'/nowhere/ca.pem', which is no file on this machine"),
        ({"options": {"ca_cert": ""}}, "option ca_cert is '', which is no file"),
        ({"options": {"ca_cert": None}}, "option ca_cert is None, which is no file"),
    ],
)
def test_a_wrong_control_is_named_with_its_remedy(fields: dict[str, t.Any], said: str) -> None:
    with pytest.raises(AosError) as caught:
        Redfish().check(control(**fields))
    assert said in str(caught.value)
    assert "host c1: power control bmc" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_without_a_certificate_is_no_ca(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(AosError, match="holds no certificate in PEM"):
        Redfish().check(control(options={"ca_cert": str(tmp_path / "ca.pem")}))


@pytest.mark.parametrize("options", [{}, {"verify": False}, {"verify": True, "system": 1}, {"scheme": "http"}])
def test_a_right_control_is_accepted(options: dict[str, t.Any]) -> None:
    Redfish().check(control(options=options))


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> t.Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingLibrary, match=r"sushy.*for protocol redfish of host c1"):
        Redfish().check(CONTROL)


def test_sushys_session_is_there_to_be_kept_from_the_environment() -> None:
    """Where sushy renames it, every exchange fails; a proxy of the environment is never used unseen."""
    assert sushy.connector.Connector("https://192.0.2.11")._session.trust_env is True
