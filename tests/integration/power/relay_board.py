# SPDX-License-Identifier: GPL-3.0-or-later
"""Boards whose relays are files, one process each, and what every relay board does beside the contract of all."""

from __future__ import annotations

import abc
import signal
import socket
import subprocess
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_controls import devices
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import ControlError
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.power_contract import (
    SECONDS,
    PowerControlContract,
    switch,
)
from tests.integration.power.conftest import HOST

OUTLET = 3


class Board(abc.ABC):
    """A running board. A subclass names its relays and its process. It is ended by close(), even when stopped."""

    protocol: t.ClassVar[str]
    kind: t.ClassVar[socket.SocketKind]
    device: Device
    imposter: Device

    def __init__(self, folder: Path, address: str) -> None:
        self.folder = folder
        self.address = address
        with socket.socket(socket.AF_INET, self.kind) as probe:
            probe.bind((address, 0))
            self.port = int(probe.getsockname()[1])
        self._was_silent = False
        self.all_off()
        (folder / "commands").touch()
        self.device = self.device_with()
        with (folder / "log").open("w") as log:
            self._process = subprocess.Popen(
                self.command(), cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._wait_until_it_answers()

    @abc.abstractmethod
    def command(self) -> list[str]:
        """Return the program that serves the board, with its arguments."""

    @abc.abstractmethod
    def relay(self, outlet: int) -> str:
        """Return the name of the file of an outlet's relay."""

    def item(self) -> dict[str, t.Any]:
        """Return the item of `power_controls` for this board."""
        control = {"title": "board", "protocol": self.protocol, "address": self.address, "port": self.port}
        return control | {"outlet": OUTLET, "username": "", "password": "", "default": False, "options": {}}

    def device_with(self, **fields: t.Any) -> Device:
        return devices(HOST, [self.item() | fields])[0]

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def host_is(self, state: str, outlet: int = OUTLET) -> None:
        (self.folder / self.relay(outlet)).write_text("1" if state == "on" else "0")

    def energised(self, outlet: int = OUTLET) -> bool:
        return (self.folder / self.relay(outlet)).read_text().strip() == "1"

    def fault(self, name: str) -> None:
        """Set `stuck` or `silent`; `none` ends them all."""
        if name == "silent":
            self._was_silent = True
            self._process.send_signal(signal.SIGSTOP)
        elif name == "stuck":
            self.stick(OUTLET)
        else:
            self._process.send_signal(signal.SIGCONT)
            (self.folder / "stuck").unlink(missing_ok=True)

    def reset(self) -> None:
        """End every fault and let all hosts be off. The readings come after what still waits for a silent board."""
        self.fault("none")
        for name in ("answers", "failing", "exception"):
            (self.folder / name).unlink(missing_ok=True)
        self.all_off()
        if self._was_silent:
            self.device_with().read(5.0)
            self.device_with().read(5.0)
            self._was_silent = False
            self.all_off()
        (self.folder / "commands").write_text("")

    def all_off(self) -> None:
        for outlet in range(1, 9):
            self.host_is("off", outlet)

    def stick(self, *outlets: int) -> None:
        (self.folder / "stuck").write_text("".join(f"{self.relay(outlet)}\n" for outlet in outlets))

    def answers(self, *states: str) -> None:
        """Let the next readings show these states."""
        (self.folder / "answers").write_text("".join("1\n" if state == "on" else "0\n" for state in states))

    def commands(self) -> list[str]:
        return (self.folder / "commands").read_text().splitlines()

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + 20
        while True:
            try:
                self.device.read(1.0)
                return
            except ControlError as error:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    said = (self.folder / "log").read_text()
                    self.close()
                    raise RuntimeError(f"nothing serves {self.address}:{self.port}: {error}; {said}") from error
                time.sleep(0.05)


class TwoSupplies:
    """A host with two supplies at two outlets of a board: the bench of SeveralOutletsContract."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._numbers = (OUTLET, OUTLET + 1)
        self.outlets = [board.device_with(outlet=number) for number in self._numbers]

    def host_is(self, state: str) -> None:
        for number in self._numbers:
            self._board.host_is(state, number)

    def fault(self, name: str, outlet: int | None = None) -> None:
        if outlet is None:
            self._board.fault(name)
        else:
            self._board.stick(outlet)


class BoardContract(PowerControlContract):
    """The contract of every protocol, with what no relay can do refused."""

    def test_a_soft_off_is_obeyed_by_a_healthy_host(self, bench: Board) -> None:
        """A relay cannot ask an operating system: it says so at once and switches nothing."""
        self.refused(bench, "soft_off", "or send off")

    @pytest.mark.parametrize("action", ["reset", "cycle"])
    def test_a_restarted_host_is_on_again_in_the_end(self, bench: Board, action: str) -> None:
        """A relay cannot restart a host in one command: off is to be confirmed before on."""
        self.refused(bench, action, "when off is confirmed, on")

    def refused(self, bench: Board, action: str, remedy: str) -> None:
        bench.host_is("on")
        with pytest.raises(ControlError, match=f"cannot {action}.*{remedy}") as caught:
            bench.device.send(action, SECONDS)
        assert caught.value.final
        assert bench.commands() == []
        power = switch(bench.device, action)
        assert power["result"] == "UNKNOWN"
        assert power["duration"] < 3.0
        assert bench.energised()


class RelayContract(BoardContract):
    """The contract and what is special about relays."""

    def test_off_and_on_are_confirmed(self, bench: Board) -> None:
        bench.host_is("on")
        assert switch(bench.device, "off")["result"] == "OFF_CONFIRMED"
        assert not bench.energised()
        assert switch(bench.device, "on")["result"] == "ON_CONFIRMED"
        assert bench.energised()

    def test_an_off_is_sent_to_a_host_that_reads_off(self, bench: Board) -> None:
        bench.host_is("off")
        assert switch(bench.device, "off")["result"] == "OFF_CONFIRMED"
        assert bench.commands() == [f"{bench.relay(OUTLET)} 0"]

    @pytest.mark.parametrize("outlet", [1, 2, 8])
    def test_an_outlet_is_read_and_switched_alone(self, bench: Board, outlet: int) -> None:
        for other in range(1, 9):
            bench.host_is("off" if other == outlet else "on", other)
        device = bench.device_with(outlet=outlet)
        assert device.read(SECONDS) == "off"
        device.send("on", SECONDS)
        for other in range(1, 9):
            bench.host_is("on", other)
        device.send("off", SECONDS)
        assert [other for other in range(1, 9) if not bench.energised(other)] == [outlet]

    def test_where_half_of_the_outlets_are_stuck_each_tells_the_truth(self, bench: Board) -> None:
        for outlet in range(1, 9):
            bench.host_is("on", outlet)
        bench.stick(1, 3, 5, 7)
        by_outlet = [bench.device_with(outlet=outlet) for outlet in range(1, 9)]
        for device in by_outlet:
            device.send("off", SECONDS)
        assert [device.read(SECONDS) for device in by_outlet] == ["on", "off"] * 4
        assert [bench.energised(outlet) for outlet in range(1, 9)] == [True, False] * 4
        assert switch(by_outlet[6], "off", timeout=4.0)["result"] == "STILL_ON"
        assert switch(by_outlet[7], "off")["result"] == "OFF_CONFIRMED"

    def test_a_board_that_answers_off_and_then_on_proves_nothing_until_off_stays(self, bench: Board) -> None:
        bench.host_is("on")
        bench.answers("on", "off", "on")
        power = switch(bench.device, "off")
        assert [reading["state"] for reading in power["readings"]] == ["on", "off", "on", "off", "off"]
        assert power["result"] == "OFF_CONFIRMED"

    def test_a_board_that_goes_on_answering_both_is_unknown_or_on(self, bench: Board) -> None:
        bench.host_is("on")
        bench.stick(OUTLET)
        bench.answers(*("off", "on") * 50)
        assert switch(bench.device, "off", timeout=2.0)["result"] in ("UNKNOWN", "STILL_ON")

    def test_a_silent_board_is_unknown_in_time(self, bench: Board) -> None:
        bench.host_is("on")
        bench.fault("silent")
        power = switch(bench.device, "off", timeout=2.0)
        assert (power["result"], power["state"]) == ("UNKNOWN", "unknown")
        assert power["duration"] < 3.0
        assert "check its address" in power["message"]

    def test_an_inverted_host_is_off_while_its_relay_is_energised(self, bench: Board) -> None:
        device = bench.device_with(options=bench.item()["options"] | {"inverted": True})
        bench.host_is("off")
        assert device.read(SECONDS) == "on"
        assert switch(device, "off")["result"] == "OFF_CONFIRMED"
        assert bench.energised()
        assert switch(device, "on")["result"] == "ON_CONFIRMED"
        assert not bench.energised()

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"outlet": None}, "has no outlet"),
            ({"outlet": 9}, r"outlet 9 is not within 1\.\.8"),
            ({"options": {"speed": 1}}, "remove: speed"),
            ({"options": {"inverted": "perhaps"}}, "option inverted is 'perhaps'"),
        ],
    )
    def test_wrong_fields_are_named(self, bench: Board, fields: dict[str, t.Any], said: str) -> None:
        options = bench.item()["options"] | fields.get("options", {})
        with pytest.raises(AosError, match=f"host {HOST}: power control board.*{said}"):
            bench.device_with(**fields | {"options": options})

    def test_an_address_that_does_not_resolve_is_said(self, bench: Board) -> None:
        with pytest.raises(ControlError, match="does not resolve"):
            bench.device_with(address="board.invalid").read(SECONDS)
