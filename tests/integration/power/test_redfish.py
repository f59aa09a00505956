# SPDX-License-Identifier: GPL-3.0-or-later
"""Redfish against sushy-tools' emulator over TLS: the contract of every protocol, and what a real service shows."""

from __future__ import annotations

import socket
import ssl
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import ControlError
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_redfish import Redfish
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_switch import Limits, NeverReached, Switching
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.power_contract import (
    PowerControlContract,
    switched,
)
from tests.integration.power.conftest import HOST
from tests.integration.power.redfish_bmc import ADDRESS, OTHER_SYSTEM, SYSTEM, RedfishBmc, free_port, write_certificate

RESET = f"/redfish/v1/Systems/{SYSTEM}/Actions/ComputerSystem.Reset"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedfishBmc]:
    bmc = RedfishBmc(tmp_path_factory.mktemp("redfish"), HOST)
    yield bmc
    bmc.close()


@pytest.fixture
def bench(emulator: RedfishBmc) -> Iterator[RedfishBmc]:
    yield emulator
    emulator.fault("none")
    emulator.reset()


class TestRedfish(PowerControlContract):
    """The emulator knows no PowerCycle: it refuses, and our front stands in for a device that allows it."""

    @pytest.mark.parametrize("action", ["reset", "cycle"])
    def test_a_restarted_host_is_on_again_in_the_end(self, bench: RedfishBmc, action: str) -> None:
        if action == "cycle":
            bench.fault("cycling")
        super().test_a_restarted_host_is_on_again_in_the_end(bench, action)


def switch(bench: RedfishBmc, state: str, timeout: float = 10.0, **fields: object) -> dict[str, t.Any]:
    return switched(bench.device_with(**fields), state, Limits(timeout, 2, 0.3))


def resets(bench: RedfishBmc) -> list[str]:
    """Return the reset types that our front was sent."""
    posts = [request.split() for request in bench.requests() if request.startswith("POST")]
    assert {path for _method, path, _type in posts} <= {RESET}
    return [reset_type for _method, _path, reset_type in posts]


def options(bench: RedfishBmc, **more: object) -> dict[str, object]:
    return {"ca_cert": bench.ca_cert} | more


def test_an_off_is_confirmed_and_on_comes_back(bench: RedfishBmc) -> None:
    bench.host_is("on")
    assert switch(bench, "off")["result"] == "OFF_CONFIRMED"
    assert bench.host_state == "off"
    assert switch(bench, "on")["result"] == "ON_CONFIRMED"
    assert bench.host_state == "on"


def test_a_host_that_comes_on_after_an_off_reading_is_switched_again(bench: RedfishBmc) -> None:
    """The emulator keeps a pending `on` when it gets an off for a host that still reads off."""
    bench.host_is("off")
    device = bench.device
    switching = Switching(device, "off", Limits(20, 2, 0.3))
    switching.look()
    read = device.read
    readings: list[str] = []

    def come_on_after_one(seconds: float) -> str:
        readings.append(read(seconds))
        if len(readings) == 1:
            bench.host_will_be("On", 0)
        return readings[-1]

    device.read = come_on_after_one
    power = switching.apply()
    assert readings[:2] == ["off", "on"]
    assert readings[-2:] == ["off", "off"]
    assert power["result"] == "OFF_CONFIRMED"
    assert bench.host_state == "off"


@pytest.mark.parametrize("state", ["PoweringOff", "PoweringOn", "Paused", "Unheard", ""])
def test_a_state_between_on_and_off_is_neither(bench: RedfishBmc, state: str) -> None:
    bench.host_is(state)
    with pytest.raises(ControlError, match="neither on nor off") as caught:
        bench.device.read(5)
    assert not caught.value.final
    assert state in str(caught.value)


def test_a_host_that_never_leaves_powering_off_is_unknown(bench: RedfishBmc) -> None:
    bench.host_is("PoweringOff")
    bench.fault("stuck")
    assert switch(bench, "off", timeout=2)["result"] == "UNKNOWN"


def test_a_stuck_device_is_still_on(bench: RedfishBmc) -> None:
    bench.host_is("on")
    bench.fault("stuck")
    power = switch(bench, "off", timeout=2)
    assert power["result"] == "STILL_ON"
    assert resets(bench) == ["ForceOff"]


@pytest.mark.parametrize(
    ("action", "reset_type"),
    [
        ("on", "On"),
        ("off", "ForceOff"),
        ("soft_off", "GracefulShutdown"),
        ("reset", "ForceRestart"),
        ("cycle", "PowerCycle"),
    ],
)  # ComputerSystem schema, ResetType
def test_every_action_is_one_reset(bench: RedfishBmc, action: str, reset_type: str) -> None:
    bench.host_is("on")
    bench.fault("cycling")
    bench.device.send(action, 5)
    assert resets(bench) == [reset_type]


def test_a_cycle_is_refused_with_what_the_device_allows(bench: RedfishBmc) -> None:
    bench.host_is("on")
    with pytest.raises(ControlError, match=r"cannot cycle: .* not allow PowerCycle, only ForceOff, .*On") as caught:
        bench.device.send("cycle", 5)
    assert caught.value.final
    assert bench.device.read(5) == "on"


@pytest.mark.parametrize("action", ["off", "on"])
def test_a_conflict_with_the_present_state_is_a_refusal(bench: RedfishBmc, action: str) -> None:
    bench.host_is(action)
    bench.fault("conflict")
    with pytest.raises(ControlError, match="answers HTTP 409") as caught:
        bench.device.send(action, 5)
    assert caught.value.refused
    assert resets(bench) == [{"on": "On", "off": "ForceOff"}[action]]


def test_an_off_that_conflicts_with_off_is_confirmed_once_the_host_stayed_off(bench: RedfishBmc) -> None:
    bench.host_is("off")
    bench.fault("conflict")
    power = switch(bench, "off", timeout=15)
    assert power["result"] == "OFF_CONFIRMED"
    assert len(resets(bench)) > 5
    assert power["duration"] > 5


@pytest.mark.parametrize("before", ["on", "PoweringOff"])
def test_an_off_that_conflicts_with_anything_else_is_unknown(bench: RedfishBmc, before: str) -> None:
    bench.host_is(before)
    bench.fault("conflict")
    power = switch(bench, "off", timeout=3)
    assert power["result"] == "UNKNOWN"
    assert "answers HTTP 409" in power["message"]


@pytest.mark.parametrize("action", ["reset", "soft_off"])
def test_what_must_not_happen_twice_is_transmitted_once(bench: RedfishBmc, action: str) -> None:
    """sushy alone sends a request up to three times when the connection breaks."""
    bench.host_is("on")
    bench.fault("hang_up")
    with pytest.raises(ControlError, match="breaks the connection off"):
        bench.device.send(action, 8)
    assert len(resets(bench)) == 1


def test_no_redfish_session_is_left_behind(bench: RedfishBmc) -> None:
    """Nothing but a reading's three requests: service root, systems, the system."""
    bench.fault("watched")
    assert bench.device.read(5) == "off"
    assert bench.requests() == [f"GET /redfish/v1{path}" for path in ("/", "/Systems", f"/Systems/{SYSTEM}")]


def test_the_same_driver_reads_anew_each_time(bench: RedfishBmc) -> None:
    """Also within one process, without a child for each exchange."""
    driver, control = Redfish(), bench.device.control
    for state in ("on", "off", "on"):
        bench.host_is(state)
        assert driver.read(control, 5) == state


def test_the_environment_diverts_nothing(bench: RedfishBmc, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bench.ca_cert)
    assert bench.device.read(5) == "off"
    with pytest.raises(ControlError, match="not trusted"):
        bench.device_with(options={}).read(5)


def test_a_certificate_of_nobodys_is_not_trusted(bench: RedfishBmc) -> None:
    bench.host_is("on")
    power = switch(bench, "off", options={})
    assert power["result"] == "UNKNOWN"
    assert power["duration"] < 3
    assert "shows a certificate that is not trusted" in power["message"]
    assert "ca_cert" in power["message"]
    assert bench.host_state == "on"


def test_a_certificate_of_another_ca_is_not_trusted(bench: RedfishBmc, tmp_path: Path) -> None:
    write_certificate(tmp_path, "bmc.test", ADDRESS)
    with pytest.raises(ControlError, match="not trusted") as caught:
        bench.device_with(options={"ca_cert": str(tmp_path / "cert.pem")}).read(5)
    assert caught.value.final


def test_a_certificate_for_another_address_is_not_trusted(bench: RedfishBmc, tmp_path: Path) -> None:
    write_certificate(tmp_path, "bmc.test", "192.0.2.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with socket.create_server((ADDRESS, 0)) as listener:
        device = bench.device_with(port=listener.getsockname()[1], options={"ca_cert": str(tmp_path / "cert.pem")})
        reading = device.start_reading(5)
        connection, _client = listener.accept()
        with pytest.raises(ssl.SSLError), connection:
            context.wrap_socket(connection, server_side=True).recv(1)
        with pytest.raises(ControlError, match=r"not trusted .*IP address mismatch"):
            reading.result()


@pytest.mark.parametrize(
    ("chosen", "first", "said"),
    [({}, b"\x16\x03", "TLS handshake"), ({"scheme": "http"}, b"GET /redfish/v1/ HTTP/1.1", "HTTP 400")],
)
def test_plain_http_is_spoken_by_name_only(bench: RedfishBmc, chosen: dict[str, str], first: bytes, said: str) -> None:
    with socket.create_server((ADDRESS, 0)) as listener:
        reading = bench.device_with(port=listener.getsockname()[1], options=chosen).start_reading(5)
        connection, _client = listener.accept()
        with connection:
            assert connection.recv(4096).startswith(first)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        with pytest.raises(ControlError, match=said):
            reading.result()


def test_verification_is_switched_off_by_name_only(bench: RedfishBmc) -> None:
    assert bench.device_with(options={"verify": False}).read(5) == "off"
    with pytest.raises(ControlError, match="not trusted"):
        bench.device_with(options={"verify": True}).read(5)


def test_the_system_of_several_must_be_named(bench: RedfishBmc) -> None:
    bench.add_system()
    with pytest.raises(ControlError, match=f"has several systems: {SYSTEM}, {OTHER_SYSTEM}; name") as caught:
        bench.device.read(5)
    assert caught.value.final
    assert bench.device_with(options=options(bench, system=SYSTEM)).read(5) == "off"
    assert bench.device_with(options=options(bench, system=OTHER_SYSTEM)).read(5) == "on"


def test_a_named_system_that_is_not_there_is_said(bench: RedfishBmc) -> None:
    with pytest.raises(ControlError, match=f"has no system 7, it has: {SYSTEM}") as caught:
        bench.device_with(options=options(bench, system=7)).read(5)
    assert caught.value.final


def test_a_device_without_systems_may_be_starting(bench: RedfishBmc) -> None:
    bench.remove_systems()
    with pytest.raises(ControlError, match="lists no system") as caught:
        bench.device.read(5)
    assert not caught.value.final


@pytest.mark.parametrize(
    ("fault", "said", "final"),
    [
        ("forbidden", r"refuses the request \(HTTP 403\); .*Operator", True),
        ("babble", "answers something that is not Redfish", False),
        ("broken", "answers HTTP 503", False),
    ],
)
def test_a_refusal_is_translated(bench: RedfishBmc, fault: str, said: str, final: bool) -> None:
    bench.host_is("on")
    bench.fault(fault)
    started = time.monotonic()
    with pytest.raises(ControlError, match=said) as caught:
        bench.device.send("off", 5)
    assert time.monotonic() - started < 2
    assert caught.value.final is final


def test_an_unknown_user_is_refused_at_once(bench: RedfishBmc) -> None:
    power = switch(bench, "off", username="nobody")
    assert power["result"] == "UNKNOWN"
    assert power["duration"] < 2
    assert "refuses the login (HTTP 401" in power["message"]


def test_a_closed_port_is_said_at_once(bench: RedfishBmc) -> None:
    started = time.monotonic()
    with pytest.raises(ControlError, match="refuses connections to port") as caught:
        bench.device_with(port=free_port(ADDRESS)).read(8)
    assert time.monotonic() - started < 2
    assert not caught.value.final


def test_an_address_that_does_not_resolve_is_said(bench: RedfishBmc) -> None:
    with pytest.raises(ControlError, match="does not resolve"):
        bench.device_with(address="bmc.invalid").read(8)


def test_the_identity_is_the_uuid_of_the_system(bench: RedfishBmc) -> None:
    assert Redfish().identity(bench.device.control, 5) == SYSTEM


def test_a_healthy_host_shuts_down_softly(bench: RedfishBmc) -> None:
    bench.host_is("on")
    assert switch(bench, "soft_off")["result"] == "OFF_CONFIRMED"


def test_a_device_frozen_after_the_command_is_unknown_in_time(bench: RedfishBmc) -> None:
    bench.host_is("on")
    device = bench.device
    switching = Switching(device, "off", Limits(4, 2, 0.5))
    switching.look()
    bench.fault("silent")
    started = time.monotonic()
    with pytest.raises(NeverReached, match="answer"):
        switching.apply()
    assert time.monotonic() - started < 5
