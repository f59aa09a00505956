# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power over MODBUS/TCP by pymodbus: the relays of an ICP DAS ET-7067 are the coils 0 to 7, outlets 1 to 8.

MODBUS application protocol 1.1b3, sections 6.1 (read coils), 6.5 (write single coil) and 7 (exception codes). It knows
no credentials. pymodbus is imported where it is used, because other protocols should not wait for it.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import importlib
import socket
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import (
    Control,
    ControlError,
    NoAnswer,
    Unresolved,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_relay import Relay, refuse_credential
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, MissingLibrary

# 3.10 reads the bits of a byte in the wrong order, earlier ones name the unit differently.
OLDEST_PYMODBUS = (3, 11)

READ_COILS = 1
WRITE_COIL = 5
LARGEST_UNIT = 255

CHECK_OUTLET = "check outlet, address and port: this device does not have that relay as a coil"
CHECK_UNIT = "check option unit_id and the line behind the gateway"
# code: what it is called, what to do, whether asking again is in vain
EXCEPTIONS = {
    1: ("illegal function", CHECK_OUTLET, True),
    2: ("illegal data address", CHECK_OUTLET, True),
    3: ("illegal data value", CHECK_OUTLET, True),
    4: ("server device failure", "restart the device; if it stays so, replace it", False),
    6: ("server device busy", "try again", False),
    10: ("gateway path unavailable", CHECK_UNIT, False),
    11: ("gateway target device failed to respond", CHECK_UNIT, False),
}


class Modbus(Relay):
    """A relay board on MODBUS/TCP."""

    default_port = 502
    option_names = ("unit_id",)

    def check(self, control: Control) -> None:
        super().check(control)
        for kind in ("username", "password"):
            refuse_credential(control, kind, "MODBUS has no credentials, whoever reaches the device switches it")
        unit_id(control)
        try:
            importlib.import_module("pymodbus.client")  # here, so that no exchange waits for it
            version = importlib.import_module("pymodbus").__version__
        except ImportError as error:
            raise MissingLibrary("pymodbus", reason=f"for protocol modbus of {control}") from error
        if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_PYMODBUS:
            raise AosError(f"{control}: pymodbus {version} is too old; install pymodbus 3.11 or later")

    def place(self, control: Control) -> str:
        unit = unit_id(control)
        return super().place(control) + ("" if unit == 1 else f" of unit {unit}")

    def energised(self, control: Control, seconds: float) -> bool:
        answer = self._exchange(control, seconds, READ_COILS)
        if not answer.bits:
            raise ControlError("sent an answer without the relay's state", "restart the device")
        return bool(answer.bits[0])

    def energise(self, control: Control, value: bool, seconds: float) -> None:
        self._exchange(control, seconds, WRITE_COIL, value)

    def _exchange(self, control: Control, seconds: float, function: int, value: bool = False) -> t.Any:
        """Connect, send one request, disconnect; return pymodbus' object of the answer."""
        from pymodbus.client import ModbusTcpClient
        from pymodbus.exceptions import ModbusException

        coil, unit = t.cast(int, control.outlet) - 1, unit_id(control)
        client = ModbusTcpClient(control.address, port=control.port, timeout=seconds, retries=0)
        try:
            # pymodbus would connect by itself and keep the reason of a failure for its log.
            client.socket = socket.create_connection((control.address, control.port), timeout=seconds)
            if function == READ_COILS:
                answer = client.read_coils(coil, count=1, device_id=unit)
            else:
                answer = client.write_coil(coil, value, device_id=unit)
        except ModbusException as error:
            raise broken(error) from error
        except OSError as error:
            raise unreachable(error) from error
        finally:
            client.close()
        if answer.isError():
            raise refused(answer.exception_code)
        if answer.function_code != function:
            raise ControlError(f"answers function {answer.function_code} to function {function}", "restart the device")
        return answer


def unit_id(control: Control) -> int:
    """Return the unit identifier of the requests, 1 where none is given; raise an AosError."""
    value = str(control.options.get("unit_id", 1))
    if not value.isdecimal() or not 1 <= int(value) <= LARGEST_UNIT:
        raise AosError(
            f"{control}: option unit_id is {value!r}; make it a number within 1..{LARGEST_UNIT}, 0 means all units"
        )
    return int(value)


def unreachable(error: OSError) -> ControlError:
    """Return the error for a connection that failed."""
    if isinstance(error, socket.gaierror):
        return Unresolved(str(error.strerror))
    if isinstance(error, TimeoutError):
        return NoAnswer()
    if isinstance(error, ConnectionRefusedError):
        return ControlError(
            "refuses the connection", "check its address and port, and that MODBUS/TCP is switched on at the device"
        )
    return ControlError(f"cannot be reached: {error.strerror or error}", "check its address and its network")


def broken(error: Exception) -> ControlError:
    """Return the error for an exchange that pymodbus gave up."""
    from pymodbus.exceptions import ConnectionException

    if isinstance(error, ConnectionException):
        return ControlError(
            "closed the connection without an answer", "try again; it may serve only a few connections at once"
        )
    if "No response" in str(error):
        return NoAnswer()
    return ControlError(f"cannot be understood: {error}", "check that address and port lead to a MODBUS/TCP device")


def refused(code: int) -> ControlError:
    """Return the error for an exception response."""
    said, remedy, final = EXCEPTIONS.get(code, ("unknown exception", "look it up in the device's manual", False))
    return ControlError(f"refuses the command (exception {code}, {said})", remedy, final=final)
