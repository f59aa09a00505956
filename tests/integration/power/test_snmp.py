# SPDX-License-Identifier: GPL-3.0-or-later
"""SNMP v1, v2c and v3 against net-snmp's snmpd, whose extension script is the DAEnetIP2 board."""

from __future__ import annotations

import socket
import threading
import time
import typing as t
from collections.abc import Callable, Iterator

import pytest
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto import api

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import Control, ControlError
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_snmp import BASE, Snmp
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.power_contract import (
    SECONDS,
    SeveralOutletsContract,
    switch,
)
from tests.integration.power.conftest import HOST
from tests.integration.power.relay_board import OUTLET, BoardContract, RelayContract, TwoSupplies
from tests.integration.power.snmp_board import AUTH, PRIV, PROTOCOLS, READ, WRITE, SnmpBoard, user_of

MakeBoard = Callable[[str], SnmpBoard]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SnmpBoard]:
    board = SnmpBoard(tmp_path_factory.mktemp("board"), "127.0.41.1")
    yield board
    board.close()


@pytest.fixture
def make_board(board: SnmpBoard) -> Iterator[MakeBoard]:
    def make(version: str) -> SnmpBoard:
        board.speak(version)
        board.reset()
        return board

    yield make
    board.fault("none")


@pytest.fixture
def bench(make_board: MakeBoard) -> SnmpBoard:
    return make_board("v1")


class Community(BoardContract):
    @pytest.mark.parametrize("act", ["read", "send"])
    def test_a_wrong_password_is_said_at_once_and_is_final(self, bench: SnmpBoard, act: str) -> None:
        """An agent ignores a wrong community (RFC 1157, section 4.1): only silence is seen, and the remedy says so."""
        bench.host_is("on")
        remedy = "answer.*; check its address.*silent when the community"
        with pytest.raises(ControlError, match=remedy) as caught:
            bench.imposter.read(1.0) if act == "read" else bench.imposter.send("off", 1.0)
        assert not caught.value.final
        assert bench.imposter.control.password not in str(caught.value)
        assert bench.device.read(SECONDS) == "on"


class TestSnmpV1(Community, RelayContract):
    """The fixture `bench` speaks v1."""


class TestSnmpSupplies(SeveralOutletsContract):
    patience = 10.0

    @pytest.fixture
    def bench(self, bench: SnmpBoard) -> TwoSupplies:
        return TwoSupplies(bench)


class TestSnmpV2c(Community):
    @pytest.fixture
    def bench(self, make_board: MakeBoard) -> SnmpBoard:
        return make_board("v2c")


class TestSnmpV3(BoardContract):
    @pytest.fixture
    def bench(self, make_board: MakeBoard) -> SnmpBoard:
        return make_board("v3")


@pytest.mark.parametrize(("version", "state"), [("v1", "noSuchName"), ("v2c", "noAccess")])
def test_a_community_that_may_only_read_is_refused_at_once(bench: SnmpBoard, version: str, state: str) -> None:
    bench.host_is("on")
    device = bench.other_version(version, password=READ, options={"version": version})
    assert device.read(SECONDS) == "on"
    with pytest.raises(ControlError, match=rf"refuses the command \({state}\); give a community") as caught:
        device.send("off", SECONDS)
    assert caught.value.final
    assert switch(device, "off")["result"] == "UNKNOWN"
    assert bench.energised()


def test_readings_use_the_read_community_and_commands_the_write_community(bench: SnmpBoard) -> None:
    reads_only = bench.device_with(password=f"wrong/{READ}")
    assert reads_only.read(SECONDS) == "off"
    with pytest.raises(ControlError, match="answer"):
        reads_only.send("on", 1.0)
    writes_only = bench.device_with(password=f"{WRITE}/wrong")
    writes_only.send("on", SECONDS)
    assert bench.energised()
    with pytest.raises(ControlError, match="answer"):
        writes_only.read(1.0)


@pytest.mark.parametrize(("auth", "priv"), PROTOCOLS)
def test_every_protocol_of_v3_is_understood(bench: SnmpBoard, auth: str, priv: str) -> None:
    options = {"version": "v3", "auth_protocol": auth, "priv_protocol": priv, "password_separator": "/"}
    device = bench.other_version("v3", username=user_of(auth, priv), options=options)
    device.send("on", SECONDS)
    assert device.read(SECONDS) == "on"
    assert bench.energised()


def test_a_wrong_privacy_passphrase_is_silence_and_the_remedy_says_so(bench: SnmpBoard) -> None:
    """net-snmp cannot read the request and drops it."""
    bench.host_is("on")
    device = bench.other_version("v3", password=f"{AUTH}/wrong-passphrase")
    for act in (lambda: device.read(1.0), lambda: device.send("off", 1.0)):
        with pytest.raises(ControlError, match=r"answer.*; check.*privacy passphrase.*is wrong") as caught:
            act()
        assert not any(secret in str(caught.value) for secret in (AUTH, PRIV, "wrong-passphrase"))
    assert bench.energised()


@pytest.mark.parametrize("fields", [{"username": "nobody"}, {"password": f"wrong-passphrase/{PRIV}"}])
def test_wrong_credentials_of_v3_are_refused_at_once(bench: SnmpBoard, fields: dict[str, str]) -> None:
    bench.host_is("on")
    device = bench.other_version("v3", **fields)
    started = time.monotonic()
    for act in (lambda: device.read(SECONDS), lambda: device.send("off", SECONDS)):
        with pytest.raises(ControlError, match="refuses the login") as caught:
            act()
        assert caught.value.final
        assert not any(secret in str(caught.value) for secret in (AUTH, PRIV, "wrong-passphrase"))
    assert time.monotonic() - started < 3.0
    assert bench.energised()


def test_a_user_of_v3_that_may_only_read_is_refused_at_once(bench: SnmpBoard) -> None:
    device = bench.other_version("v3", username="reader")
    assert device.read(SECONDS) == "off"
    with pytest.raises(ControlError, match="give a community or user that may write") as caught:
        device.send("on", SECONDS)
    assert caught.value.final


def test_a_user_without_privacy_is_told_which_option_is_wrong(bench: SnmpBoard) -> None:
    options = {"version": "v3", "auth_protocol": "sha256", "password_separator": "/"}
    device = bench.other_version("v3", username=user_of("sha256", "none"), options=options)
    with pytest.raises(ControlError, match=r"security level.*priv_protocol") as caught:
        device.read(SECONDS)
    assert caught.value.final


@pytest.mark.parametrize(("port", "block"), [(3, 1), ("5", 2), (6, 3)])
def test_every_port_of_the_board_has_relays_of_its_own(bench: SnmpBoard, port: object, block: int) -> None:
    device = bench.device_with(options=bench.item()["options"] | {"board_port": port})
    device.send("on", SECONDS)
    energised = [number for number in (1, 2, 3) if (bench.folder / f"{number}.{OUTLET}").read_text().strip() == "1"]
    assert energised == [block]
    assert device.read(SECONDS) == "on"


@pytest.mark.parametrize("version", ["v1", "v2c", "v3"])
def test_a_relay_that_is_not_there_is_no_reading(make_board: MakeBoard, version: str) -> None:
    bench = make_board(version)
    (bench.folder / "failing").touch()
    with pytest.raises(ControlError, match=r"shows no .*check outlet and option board_port"):
        bench.device.read(SECONDS)


@pytest.mark.parametrize("value", [2, -1, 255])
def test_a_number_that_is_no_state_is_no_reading(bench: SnmpBoard, value: int) -> None:
    (bench.folder / bench.relay(OUTLET)).write_text(str(value))
    with pytest.raises(ControlError, match=rf"shows no state for its relay {OUTLET} \({value}\)"):
        bench.device.read(SECONDS)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"password": ""}, "has no password"),
        ({"username": "admin"}, "SNMP v1 has no users; remove its username"),
        ({"options": {"version": "v4"}}, "option version is 'v4'; make it one of v1, v2c, v3"),
        ({"options": {"board_port": 4}}, "option board_port is '4'; make it one of 3, 5, 6"),
        ({"options": {"priv_protocol": "none"}}, "SNMP v1 has no priv_protocol"),
        ({"options": {"password_separator": "//"}}, "password_separator is not one character"),
        ({"options": {"password_separator": "!"}}, "not two secrets"),
        ({"options": {"version": "v3"}}, "needs a username"),
        ({"username": "u", "password": "short", "options": {"version": "v3"}}, "at least 8 bytes"),
        ({"username": "u", "options": {"version": "v3", "auth_protocol": "none"}}, "option auth_protocol"),
        ({"username": "u", "options": {"version": "v3", "priv_protocol": "rot13"}}, "option priv_protocol"),
    ],
)
def test_wrong_fields_of_snmp_are_named(bench: SnmpBoard, fields: dict[str, t.Any], said: str) -> None:
    with pytest.raises(AosError, match=said) as caught:
        bench.device_with(**fields)
    assert WRITE not in str(caught.value)


def test_the_answer_for_another_relay_is_no_reading() -> None:
    """An agent that answers every question with the state of pin 7, as a proxy that mixes up its cache might."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
        agent.bind(("127.0.41.1", 0))
        threading.Thread(target=answer_for_pin_7, args=(agent,)).start()
        control = Control(HOST, "board", "snmp", *agent.getsockname(), outlet=1, password=READ)
        with pytest.raises(ControlError, match=r"answers for 1\.3\..*\.2\.7\.0, asked was 1\.3\..*\.2\.1\.0"):
            Device(control, Snmp()).read(SECONDS)


def answer_for_pin_7(agent: socket.socket) -> None:
    request, peer = agent.recvfrom(4096)
    v1 = api.PROTOCOL_MODULES[api.SNMP_VERSION_1]
    message, _rest = decoder.decode(request, asn1Spec=v1.Message())
    answer = v1.apiMessage.get_response(message)
    pin = tuple(int(part) for part in f"{BASE}.2.7.0".split("."))
    v1.apiPDU.set_varbinds(v1.apiMessage.get_pdu(answer), [(pin, v1.Integer(0))])
    agent.sendto(encoder.encode(answer), peer)
