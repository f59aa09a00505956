# SPDX-License-Identifier: GPL-3.0-or-later
"""MODBUS/TCP against pymodbus' own server in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_controls import devices
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import ControlError
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.power_contract import (
    SECONDS,
    SeveralOutletsContract,
    switch,
)
from tests.integration.power.relay_board import Board, RelayContract, TwoSupplies

DEVICE = Path(__file__).with_name("modbus_device.py")
UNIT = 7


class ModbusBoard(Board):
    """An ET-7067 with the unit identifier 7, so that a request with the usual 1 is noticed."""

    protocol = "modbus"
    kind = socket.SOCK_STREAM

    def command(self) -> list[str]:
        return [sys.executable, str(DEVICE), str(self.folder), self.address, str(self.port), str(UNIT)]

    def relay(self, outlet: int) -> str:
        return str(outlet - 1)

    def item(self) -> dict[str, t.Any]:
        return super().item() | {"options": {"unit_id": UNIT}}

    def exception(self, code: int) -> None:
        (self.folder / "exception").write_text(str(code))


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModbusBoard]:
    board = ModbusBoard(tmp_path_factory.mktemp("board"), "127.0.42.1")
    yield board
    board.close()


@pytest.fixture
def bench(board: ModbusBoard) -> Iterator[ModbusBoard]:
    board.reset()
    yield board
    board.fault("none")


class TestModbus(RelayContract):
    @pytest.mark.parametrize("act", ["read", "send"])
    def test_a_wrong_password_is_said_at_once_and_is_final(self, bench: Board, act: str) -> None:
        """MODBUS has no credentials, so none can be wrong: given ones are refused before anything is sent."""
        kind = {"read": "username", "send": "password"}[act]
        with pytest.raises(AosError, match=f"MODBUS has no credentials.*remove its {kind}") as caught:
            bench.device_with(**{kind: "hunter2"})
        assert "hunter2" not in str(caught.value)
        assert bench.commands() == []


class TestModbusSupplies(SeveralOutletsContract):
    patience = 10.0

    @pytest.fixture
    def bench(self, bench: ModbusBoard) -> TwoSupplies:
        return TwoSupplies(bench)


def test_credentials_that_the_environment_offers_to_every_control_are_not_refused(
    bench: ModbusBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AOS_BMC_USERNAME", "admin")
    monkeypatch.setenv("AOS_BMC_PASSWORD", "secret")
    assert bench.device_with(username="admin", password="secret").read(SECONDS) == "off"


def test_a_refused_connection_is_said_at_once() -> None:
    with socket.create_server(("127.0.42.4", 0)) as nobody:
        address, port = nobody.getsockname()
    device = a_device({"title": "board", "protocol": "modbus", "address": address, "port": port, "outlet": 1})
    started = time.monotonic()
    for act in (lambda: device.read(SECONDS), lambda: device.send("off", SECONDS)):
        with pytest.raises(ControlError, match="refuses the connection; check its address and port") as caught:
            act()
        assert not caught.value.final
    assert time.monotonic() - started < 2.0


def test_a_device_that_takes_no_connection_is_silent() -> None:
    """Its queue of connections is full, so that the next one is not answered at all."""
    with socket.create_server(("127.0.42.2", 0), backlog=0) as full:
        address, port = full.getsockname()
        waiting = [socket.socket() for _number in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex((address, port))
        control = {"title": "board", "protocol": "modbus", "address": address, "port": port, "outlet": 1}
        device = a_device(control)
        started = time.monotonic()
        with pytest.raises(ControlError, match=r"answer.*check its address"):
            device.read(1.0)
        assert time.monotonic() - started < 2.0
        for client in waiting:
            client.close()


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"", "closed the connection without an answer"), (b"SSH-2.0-OpenSSH_9.2\r\n", "answer|cannot be understood")],
)
def test_what_is_no_modbus_device_is_said(answer: bytes, said: str) -> None:
    with socket.create_server(("127.0.42.3", 0)) as server:
        address, port = server.getsockname()
        pid = os.fork()
        if pid == 0:
            try:
                connection = server.accept()[0]
                connection.recv(100)
                connection.sendall(answer)
                connection.close()
            finally:
                os._exit(0)
        device = a_device({"title": "board", "protocol": "modbus", "address": address, "port": port, "outlet": 1})
        try:
            with pytest.raises(ControlError, match=said):
                device.read(2.0)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


@pytest.mark.parametrize(
    ("code", "said", "final"),
    [
        (1, "illegal function", True),
        (2, "illegal data address.*check outlet", True),
        (4, "server device failure", False),
        (6, "server device busy.*try again", False),
        (11, "gateway target.*unit_id", False),
    ],
)
def test_an_exception_response_is_translated(bench: ModbusBoard, code: int, said: str, final: bool) -> None:
    bench.host_is("on")
    bench.exception(code)
    for act in (lambda: bench.device.read(SECONDS), lambda: bench.device.send("off", SECONDS)):
        with pytest.raises(ControlError, match=f"exception {code}, {said}") as caught:
            act()
        assert caught.value.final is final
    power = switch(bench.device, "off", timeout=1.5)
    assert power["result"] == "UNKNOWN"
    assert bench.energised()


def test_another_unit_is_not_switched(bench: ModbusBoard) -> None:
    bench.host_is("on")
    with pytest.raises(ControlError, match="refuses the command"):
        bench.device_with(options={"unit_id": 1}).send("off", SECONDS)
    assert bench.energised()


@pytest.mark.parametrize("unit", [256, -1, "x", True, 1.5])
def test_a_wrong_unit_id_is_named(bench: ModbusBoard, unit: object) -> None:
    with pytest.raises(AosError, match="option unit_id"):
        bench.device_with(options={"unit_id": unit})


def a_device(control: dict[str, t.Any]) -> Device:
    complete = {"username": "", "password": "", "default": False, "options": {}} | control
    return devices("c1", [complete])[0]
