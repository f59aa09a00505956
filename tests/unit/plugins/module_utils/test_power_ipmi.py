# SPDX-License-Identifier: GPL-3.0-or-later
"""What a controller's words mean. The protocol itself is tested against ipmi_sim, in tests/integration/power."""

from __future__ import annotations

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils import power_ipmi
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import Control, ControlError, NoAnswer
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_ipmi import Ipmi, translated
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import MissingLibrary

CONTROL = Control("c1", "bmc", "ipmi", "192.0.2.11", 623, username="admin", password="secret")


class Controller:
    """In the place of pyghmi's Command: gives one answer to every command."""

    def __init__(self, answer: dict[str, object]) -> None:
        self.answer = answer
        self.commands: list[dict[str, object]] = []
        self.logins: list[dict[str, object]] = []
        self.logouts = 0
        self.ipmi_session = self

    def __call__(self, **login: object) -> Controller:
        self.logins.append(login)
        return self

    def raw_command(self, **command: object) -> dict[str, object]:
        self.commands.append(command)
        return self.answer

    def logout(self) -> None:
        self.logouts += 1


@pytest.fixture
def controller(monkeypatch: pytest.MonkeyPatch) -> Controller:
    controller = Controller({"netfn": 1, "command": 1, "code": 0, "data": bytearray(b"\x01\x00\x00")})
    monkeypatch.setattr(power_ipmi, "Command", controller)
    monkeypatch.setattr(power_ipmi, "_wait_in_short_steps", lambda: None)
    return controller


@pytest.mark.parametrize(
    ("said", "reason", "final"),
    [
        ("Incorrect password provided", "refuses the login", True),
        ("Unauthorized name in RAKP2", "refuses the login", True),
        ("Invalid role in RAKP2", "refuses the login", True),
        ("Invalid integrity check value reported in RAKP4", "refuses the login", True),
        ("Invalid RAKP4 integrity code (wrong Kg?)", "refuses the login", True),
        ("No Cipher suite match with proposed security algorithms", "has no cipher suite in common", True),
        ("Insufficient resources to create new session", "answers: Insufficient resources", False),
        ("Node Busy", "answers: Node Busy", False),
        ("timeout", "does not answer", False),
        ("Session no longer connected", "does not answer", False),
        ("None", "does not answer", False),
    ],
)
def test_every_answer_has_a_reason_and_a_remedy(said: str, reason: str, final: bool) -> None:
    error = translated(said)
    assert error.reason.startswith(reason)
    assert error.remedy
    assert error.final is final


def test_silence_is_one_kind_of_error_whoever_noticed_it() -> None:
    assert isinstance(translated("timeout"), NoAnswer)


def test_a_user_without_the_right_to_switch_is_final() -> None:
    error = translated("Insufficient privilege level", 0xD4)
    assert error.final
    assert "operator" in error.remedy


@pytest.mark.parametrize(("status", "state"), [(0x01, "on"), (0x61, "on"), (0x00, "off"), (0x60, "off")])
def test_the_power_state_is_the_lowest_bit_of_the_status(controller: Controller, status: int, state: str) -> None:
    controller.answer["data"] = bytearray([status, 0, 0])
    assert Ipmi().read(CONTROL, 5) == state
    assert controller.logouts == 1


def test_a_status_without_content_is_an_error(controller: Controller) -> None:
    controller.answer["data"] = bytearray()
    with pytest.raises(ControlError, match="without content"):
        Ipmi().read(CONTROL, 5)


def test_an_error_that_pyghmi_returns_is_raised(controller: Controller) -> None:
    controller.answer |= {"code": 0xC0, "error": "Node Busy"}
    with pytest.raises(ControlError, match="Node Busy"):
        Ipmi().read(CONTROL, 5)
    assert controller.logouts == 1


def test_a_busy_controller_has_not_lost_its_identity(controller: Controller) -> None:
    """The serial number would differ from the GUID that was recorded."""
    controller.answer |= {"code": 0xC0, "error": "Node Busy"}
    with pytest.raises(ControlError, match="Node Busy"):
        Ipmi().identity(CONTROL, 5)
    assert len(controller.commands) == controller.logouts == 1


def test_credentials_are_bytes(controller: Controller) -> None:
    Ipmi().read(CONTROL, 5)
    login = {"bmc": "192.0.2.11", "port": 623, "userid": b"admin", "password": b"secret", "kg": None}
    assert controller.logins == [login]


@pytest.mark.parametrize(
    ("action", "number"), [("off", 0), ("on", 1), ("cycle", 2), ("reset", 3), ("soft_off", 5)]
)  # IPMI specification 2.0, table 28-4
def test_every_action_is_a_chassis_control(controller: Controller, action: str, number: int) -> None:
    Ipmi().send(CONTROL, action, 10)
    (command,) = controller.commands
    assert (command["netfn"], command["command"], command["data"]) == (0, 2, (number,))


@pytest.mark.parametrize("action", ["cycle", "reset", "soft_off"])
def test_what_must_not_happen_twice_is_transmitted_once(controller: Controller, action: str) -> None:
    Ipmi().send(CONTROL, action, 10)
    assert controller.commands[0]["timeout"] > 10


@pytest.mark.parametrize("action", ["on", "off"])
def test_a_state_the_host_already_has_may_be_refused(controller: Controller, action: str) -> None:
    controller.answer |= {"code": 0xD5, "error": "Command not supported in present state"}
    with pytest.raises(ControlError, match="not supported in present state") as caught:
        Ipmi().send(CONTROL, action, 10)
    assert caught.value.refused
    assert not caught.value.final


@pytest.mark.parametrize("action", ["cycle", "reset", "soft_off"])
def test_a_restart_of_a_host_that_is_off_is_an_error(controller: Controller, action: str) -> None:
    controller.answer |= {"code": 0xD5, "error": "Command not supported in present state"}
    with pytest.raises(ControlError, match="not supported in present state"):
        Ipmi().send(CONTROL, action, 10)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power_ipmi, "HAS_PYGHMI", False)
    with pytest.raises(MissingLibrary, match="pyghmi"):
        Ipmi().check(CONTROL)


def test_pyghmis_wait_is_there_to_be_shortened() -> None:
    """Where pyghmi renames it, exchanges still work but one in eight takes a second longer."""
    assert callable(power_ipmi.pyghmi_session._io_wait)
