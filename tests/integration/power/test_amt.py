# SPDX-License-Identifier: GPL-3.0-or-later
"""Intel AMT against this project's own simulator (amt_simulator.py says what it was written from)."""

from __future__ import annotations

import secrets
import signal
import subprocess
import sys
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_amt import Amt
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_controls import devices
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.power_contract import (
    SECONDS,
    PowerControlContract,
    refusal,
    switch,
)
from tests.integration.power.conftest import HOST

SIMULATOR = Path(__file__).with_name("amt_simulator.py")


class Engine:
    """A running simulator. tls: it serves https with a certificate of its own for 127.0.0.1."""

    def __init__(self, folder: Path, tls: bool = False) -> None:
        self.folder = folder
        self.scheme = "https" if tls else "http"
        self.password = secrets.token_hex(8)
        (folder / "password").write_text(self.password)
        (folder / "requests").touch()
        self.shows(8)
        if tls:
            self._make_certificate()
        command = [sys.executable, str(SIMULATOR), str(folder), "0"]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while not (text := (folder / "port").read_text() if (folder / "port").exists() else ""):
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError("the AMT simulator does not start")
            time.sleep(0.02)
        self.port = int(text)
        self.device = self.device_with()
        self.imposter = self.device_with(password=secrets.token_hex(8))

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def control(self, **fields: t.Any) -> dict[str, t.Any]:
        options = {"scheme": self.scheme} | fields.pop("options", {})
        control = {"title": "amt", "protocol": "amt", "address": "127.0.0.1", "port": self.port, "outlet": None}
        return control | {"username": "admin", "password": self.password, "default": False, "options": options} | fields

    def device_with(self, **fields: t.Any) -> Device:
        return devices(HOST, [self.control(**fields)])[0]

    def host_is(self, state: str) -> None:
        self.shows({"on": 2, "off": 8}[state])

    def shows(self, number: int) -> None:
        (self.folder / "power").write_text(str(number))

    def answers(self, *numbers: int) -> None:
        (self.folder / "answers").write_text(" ".join(map(str, numbers)))

    def replies(self, status: int, text: str) -> None:
        (self.folder / "reply").write_text(f"{status}\n{text}")

    def changes(self) -> list[str]:
        return [line for line in (self.folder / "requests").read_text().splitlines() if line != "get"]

    def fault(self, name: str) -> None:
        if name == "silent":
            self._process.send_signal(signal.SIGSTOP)
        elif name == "none":
            self._process.send_signal(signal.SIGCONT)
            for fault in ("stuck", "deaf", "no_lms", "answers", "reply"):
                (self.folder / fault).unlink(missing_ok=True)
        else:
            (self.folder / name).touch()

    @property
    def certificate(self) -> str:
        return str(self.folder / "certificate.pem")

    def _make_certificate(self) -> None:
        request = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=amt -addext subjectAltName=IP:127.0.0.1"
        files = ["-keyout", str(self.folder / "key.pem"), "-out", self.certificate]
        subprocess.run([*request.split(), *files], check=True, capture_output=True)
        both = Path(self.certificate).read_text() + (self.folder / "key.pem").read_text()
        (self.folder / "tls.pem").write_text(both)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    running = Engine(tmp_path_factory.mktemp("amt"))
    yield running
    running.close()


@pytest.fixture
def bench(engine: Engine) -> Iterator[Engine]:
    engine.host_is("off")
    (engine.folder / "requests").write_text("")
    yield engine
    engine.fault("none")


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine(tmp_path, tls=True)
    yield engine
    engine.close()


class TestAmt(PowerControlContract):
    """The fixture `bench` is the one above."""


@pytest.mark.parametrize(
    ("number", "state"), [(2, "on"), (3, "on"), (4, "on"), (7, "on"), (6, "off"), (8, "off")]
)  # CIM schema, CIM_AssociatedPowerManagementService.PowerState
def test_a_sleeping_host_is_on_and_both_kinds_of_off_are_off(bench: Engine, number: int, state: str) -> None:
    bench.shows(number)
    assert bench.device.read(SECONDS) == state


@pytest.mark.parametrize("number", [0, 1, 5, 9, 10, 11, 12, 13, 14, 15, 16, 32768])
def test_a_state_between_on_and_off_is_neither(bench: Engine, number: int) -> None:
    bench.shows(number)
    assert f"reports power state {number}" in str(refusal(bench.device))


def test_every_action_is_sent_once_and_by_its_number(bench: Engine) -> None:
    for action in ("on", "off", "soft_off", "reset", "cycle"):
        bench.host_is("off" if action == "on" else "on")
        bench.device.send(action, SECONDS)
    assert bench.changes() == ["change 2", "change 8", "change 12", "change 10", "change 5"]


def test_an_off_is_confirmed(bench: Engine) -> None:
    bench.host_is("on")
    assert switch(bench.device, "off")["result"] == "OFF_CONFIRMED"


def test_a_stuck_engine_is_still_on(bench: Engine) -> None:
    bench.host_is("on")
    bench.fault("stuck")
    assert switch(bench.device, "off", timeout=4)["result"] == "STILL_ON"


def test_an_off_reading_before_an_on_reading_is_no_proof(bench: Engine) -> None:
    bench.host_is("on")
    bench.answers(2, 8, 2)
    power = switch(bench.device, "off")
    assert [reading["state"] for reading in power["readings"]] == ["on", "off", "on", "off", "off"]
    assert power["result"] == "OFF_CONFIRMED"


def test_a_refused_off_of_a_host_that_is_on_is_an_error(bench: Engine) -> None:
    """So does AMT while it is redirected. Here a host that is off reads on all the time."""
    bench.host_is("off")
    bench.answers(*[2] * 99)
    power = switch(bench.device, "off", timeout=3)
    assert power["result"] == "UNKNOWN"
    assert "refuses off (ReturnValue 2" in power["message"]


def test_a_soft_off_without_the_service_in_the_operating_system_is_refused(bench: Engine) -> None:
    bench.host_is("on")
    bench.fault("no_lms")
    error = refusal(bench.device, "soft_off")
    assert error.final
    assert "cannot soft_off this host now (ReturnValue 2" in str(error)


def test_an_operating_system_that_ignores_a_soft_off_is_still_on(bench: Engine) -> None:
    bench.host_is("on")
    bench.fault("deaf")
    assert switch(bench.device, "soft_off", timeout=4)["result"] == "STILL_ON"
    assert bench.changes() == ["change 12"]


@pytest.mark.parametrize("action", ["reset", "cycle"])
def test_a_restart_of_a_host_that_is_off_is_refused(bench: Engine, action: str) -> None:
    assert f"refuses {action} (ReturnValue 2" in str(refusal(bench.device, action))


def test_the_identity_is_the_uuid_as_the_host_itself_prints_it(bench: Engine) -> None:
    control = bench.device.control
    assert Amt().identity(control, SECONDS) == "5b4ba3ad-8d2e-4d3c-9f0e-0c8f54a1d2e3"


FAULT = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value>'
    "<s:Subcode><s:Value>x:{code}</s:Value></s:Subcode></s:Code><s:Reason><s:Text>Because.</s:Text></s:Reason>"
    "</s:Fault></s:Body></s:Envelope>"
)
STATE = (
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><g:CIM_AssociatedPowerManagementService '
    'xmlns:g="http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_AssociatedPowerManagementService">{inside}'
    "</g:CIM_AssociatedPowerManagementService></s:Body></s:Envelope>"
)
BOMB = '<!DOCTYPE x [<!ENTITY a "8"><!ENTITY b "&a;">]>'


@pytest.mark.parametrize(
    ("status", "text", "said", "final"),
    [
        (400, FAULT.format(code="AccessDenied"), "refuses the command (AccessDenied: Because.)", True),
        (500, FAULT.format(code="InternalError"), "answers: InternalError: Because.", False),
        (200, FAULT.format(code="InternalError"), "answers: InternalError: Because.", False),
        (403, "", "refuses the command; give its user the realm Remote Control", True),
        (503, "", "answers with HTTP status 503 and no WS-Management", False),
        (302, "", "answers with HTTP status 302", False),
        (503, STATE.format(inside="<g:PowerState>8</g:PowerState>"), "answers with HTTP status 503", False),
        (200, "<html><p>Hello</html>", "no WS-Management", False),
        (200, "", "no WS-Management", False),
        (200, STATE.format(inside=""), "sent 0 values of PowerState, not one", False),
        (200, STATE.format(inside="<g:PowerState>8</g:PowerState>" * 2), "sent 2 values of PowerState", False),
        (200, STATE.format(inside="<g:PowerState>off</g:PowerState>"), "sent PowerState 'off', which is no num", False),
        (200, STATE.format(inside="<PowerState>8</PowerState>"), "sent 0 values", False),
        (200, BOMB + STATE.format(inside="<g:PowerState>&b;</g:PowerState>"), "a document type declaration", False),
        (200, STATE.format(inside=" " * (1 << 20)), "more than 1048576 bytes", False),
    ],
)
def test_every_strange_answer_is_an_error(bench: Engine, status: int, text: str, said: str, final: bool) -> None:
    bench.replies(status, text)
    error = refusal(bench.device)
    assert said in str(error)
    assert error.final is final


def test_a_change_without_a_return_value_is_no_acceptance(bench: Engine) -> None:
    bench.host_is("on")
    bench.replies(200, STATE.format(inside=""))
    assert "sent 0 values of ReturnValue" in str(refusal(bench.device, "off"))


def test_an_unknown_user_is_refused(bench: Engine) -> None:
    error = refusal(bench.device_with(username="nobody"))
    assert error.final
    assert "refuses the login" in str(error)


def test_a_certificate_is_verified(secure: Engine) -> None:
    error = refusal(secure.device)
    assert error.final
    assert "has no trusted TLS" in str(error)
    assert "certificate verify failed" in str(error)
    assert secure.device_with(options={"ca_cert": secure.certificate}).read(SECONDS) == "off"
    assert secure.device_with(options={"verify": False}).read(SECONDS) == "off"


def test_the_users_proxy_and_netrc_are_not_used(bench: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = bench.folder / "netrc"
    netrc.write_text("machine 127.0.0.1 login nobody password wrong\n")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("NETRC", str(netrc))
    assert bench.device.read(SECONDS) == "off"


def test_a_port_where_nobody_listens_is_said(bench: Engine) -> None:
    error = refusal(bench.device_with(port=1))
    assert "takes no connection" in str(error)
    assert "refused" in str(error)
    assert "object at 0x" not in str(error)


def test_an_address_that_does_not_resolve_is_said(bench: Engine) -> None:
    assert "has an address that does not resolve" in str(refusal(bench.device_with(address="amt.invalid")))
