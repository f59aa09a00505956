# SPDX-License-Identifier: GPL-3.0-or-later
"""What relay boards' words mean. The protocols themselves are tested in tests/integration/power."""

from __future__ import annotations

import sys
import types

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils import power_modbus, power_snmp
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_controls import DRIVERS
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import Control, NoAnswer
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, MissingLibrary

MODBUS = Control("c1", "board", "modbus", "192.0.2.22", 502, outlet=1)
SNMP = Control("c1", "board", "snmp", "192.0.2.21", 161, outlet=1, password="private")
SNMP_V3 = Control(
    "c1", "board", "snmp", "h", 161, outlet=1, username="u", password="passphrase", options={"version": "v3"}
)


@pytest.mark.parametrize(
    ("control", "library"), [(MODBUS, "pymodbus"), (SNMP, "pysnmp"), (SNMP_V3, "cryptography")], ids=str
)
def test_a_missing_library_is_named(control: Control, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    DRIVERS[control.protocol]().check(control)
    for name in [name for name in sys.modules if name.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingLibrary, match=library):
        DRIVERS[control.protocol]().check(control)


def test_a_pymodbus_that_reads_bits_in_the_wrong_order_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymodbus", types.SimpleNamespace(__version__="3.10.0"))
    monkeypatch.setitem(sys.modules, "pymodbus.client", types.SimpleNamespace())
    with pytest.raises(AosError, match=r"pymodbus 3\.10\.0 is too old"):
        DRIVERS["modbus"]().check(MODBUS)


@pytest.mark.parametrize(
    ("kind", "reason", "final"),
    [
        ("RequestTimedOut", "gave no answer", False),
        ("WrongDigest", "refuses the login", True),
        ("UnknownUserName", "refuses the login", True),
        ("DecryptionError", "refuses the login", True),
        ("UnsupportedSecurityLevel", "does not have this security level", True),
        ("NotInTimeWindow", "answers", False),
    ],
)
def test_every_report_of_snmp_has_a_reason_and_a_remedy(kind: str, reason: str, final: bool) -> None:
    error = power_snmp.failed(kind, "said", power_snmp.access(SNMP_V3))
    assert error.reason.startswith(reason)
    assert error.remedy
    assert error.final is final


@pytest.mark.parametrize(("status", "final"), [("noSuchName", True), ("noAccess", True), ("genErr", False)])
def test_a_command_without_the_right_to_write_is_final(status: str, final: bool) -> None:
    assert power_snmp.refused(status, writes=True).final is final
    assert not power_snmp.refused(status, writes=False).final


def test_without_privacy_v3_tells_a_wrong_secret_and_silence_has_no_cause_more() -> None:
    access = power_snmp.Access("v3", 2, "sha", "none", "passphrase", "passphrase")
    assert "wrong" not in power_snmp.silent(access, 1.0).remedy
    assert "privacy passphrase" in power_snmp.silent(power_snmp.access(SNMP_V3), 1.0).remedy
    assert "community" in power_snmp.silent(power_snmp.access(SNMP), 1.0).remedy


def test_an_exception_that_nobody_knows_is_an_error_too() -> None:
    assert "exception 99, unknown" in power_modbus.refused(99).reason


def test_a_connection_that_takes_too_long_is_silence() -> None:
    assert isinstance(power_modbus.unreachable(TimeoutError()), NoAnswer)


@pytest.mark.parametrize(("value", "inverted"), [(True, True), ("yes", True), ("false", False), (0, False)])
def test_a_text_is_no_true_by_accident(value: object, inverted: bool) -> None:
    control = Control("c1", "board", "modbus", "192.0.2.22", 502, outlet=1, options={"inverted": value})
    assert DRIVERS["modbus"]().check(control) is None
    assert power_modbus.Modbus.read(Fixed(), control, 1.0) == ("on" if inverted else "off")


class Fixed(power_modbus.Modbus):
    """A relay that is not energised."""

    def energised(self, control: Control, seconds: float) -> bool:
        return False
