# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power over IPMI 2.0 (IPMI specification 2.0, sections 28.2 and 28.3: Get Chassis Status, Chassis Control), by pyghmi.

Chassis commands are sent raw: pyghmi's own set_power() asks first and keeps silent when the host already reads as
wanted, while a fence must send off to a host that reads off.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import contextlib
import socket
import typing as t
import uuid

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import (
    OFF,
    ON,
    Control,
    ControlError,
    Driver,
    NoAnswer,
    Unresolved,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_secrets import SEPARATOR, two_secrets
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, MissingLibrary

try:
    from pyghmi.exceptions import BmcErrorException, IpmiException
    from pyghmi.ipmi.command import Command
    from pyghmi.ipmi.fru import FRU
    from pyghmi.ipmi.private import session as pyghmi_session

    HAS_PYGHMI = True
except ImportError:
    HAS_PYGHMI = False

NETFN_CHASSIS = 0x00
GET_CHASSIS_STATUS = 0x01
CHASSIS_CONTROL = 0x02
NETFN_APPLICATION = 0x06
GET_SYSTEM_GUID = 0x37
GUID_LENGTH = 16
NETFN_STORAGE = 0x0A
GET_FRU_INVENTORY_AREA_INFO = 0x10
READ_FRU_DATA = 0x11
FRU_PIECE = 16
LARGEST_FRU = 2048
ACTIONS = {"off": 0, "on": 1, "cycle": 2, "reset": 3, "soft_off": 5}
REPEATABLE = ("on", "off")

# pyghmi transmits again after half a second, which multiplies the work of a controller that is only slow.
RETRANSMIT_SECONDS = 5.0

# How long pyghmi may wait before it looks again whether an answer has come.
LONGEST_WAIT_SECONDS = 0.01

INSUFFICIENT_PRIVILEGE = 0xD4
NOT_IN_PRESENT_STATE = 0xD5
# IPMI specification 2.0, table 5-2: invalid command, invalid for this LUN, data not present, invalid field.
ABSENT = (0xC1, 0xC2, 0xCB, 0xCC)

# IPMI specification 2.0, section 22.30 and table 13-11: longer ones cannot be set at a controller.
LONGEST_USERNAME = 16
LONGEST_PASSWORD = 20
LONGEST_KEY = 20

LOGIN_REFUSALS = (
    "Incorrect password",
    "Unauthorized name",
    "Invalid integrity check value",
    "Invalid RAKP4 integrity code",
    "Invalid role",
    "Unauthorized role",
)
CIPHER_REFUSALS = ("cipher suite", "integrity payload", "algorithm")


class Ipmi(Driver):
    """A baseboard management controller that switches its one host."""

    default_port = 623

    def check(self, control: Control) -> None:
        if not HAS_PYGHMI:
            raise MissingLibrary("pyghmi", reason=f"for protocol ipmi of {control}")
        unknown = ", ".join(sorted(str(name) for name in control.options if name != SEPARATOR))
        if unknown:
            raise AosError(f"{control}: protocol ipmi has the option {SEPARATOR} only, remove: {unknown}")
        password, key = two_secrets(control)
        for kind, value in (("username", control.username), ("password", password)):
            if not value:
                raise AosError(f"{control} has no {kind}; set it in power_controls or in AOS_BMC_{kind.upper()}")
        for kind, value, longest in (
            ("username", control.username, LONGEST_USERNAME),
            ("password", password, LONGEST_PASSWORD),
            ("Kg key", key, LONGEST_KEY),
        ):
            if len(value.encode()) > longest:
                raise AosError(f"{control}: its {kind} is longer than the {longest} bytes that IPMI allows; correct it")
        if control.outlet is not None:
            raise AosError(f"{control}: protocol ipmi has no outlets, remove outlet {control.outlet}")

    def read(self, control: Control, seconds: float) -> str:
        data = self._chassis(control, GET_CHASSIS_STATUS, (), RETRANSMIT_SECONDS)
        if not data:
            raise ControlError("sent a chassis status without content", "update or restart the controller")
        return ON if data[0] & 1 else OFF

    def send(self, control: Control, action: str, seconds: float) -> None:
        # With the whole time as the first retransmission's delay the packet leaves once.
        retransmit = RETRANSMIT_SECONDS if action in REPEATABLE else seconds + RETRANSMIT_SECONDS
        self._chassis(control, CHASSIS_CONTROL, (ACTIONS[action],), retransmit)

    def identity(self, control: Control, seconds: float) -> str:
        """Return the system GUID as a UUID, or, where the controller has none, the serial number of its first FRU.

        IPMI specification 2.0, section 22.14: a GUID that is all zeros or ones is none. Its bytes are taken in the
        order of SMBIOS, as most controllers send them; what counts is that they are always taken alike.
        """
        with logged_in(control) as session:
            answer = session.raw_command(netfn=NETFN_APPLICATION, command=GET_SYSTEM_GUID, timeout=RETRANSMIT_SECONDS)
            data = _data_unless_absent(answer)
            if len(data) == GUID_LENGTH and data.strip(b"\0") and data.strip(b"\xff"):
                return str(uuid.UUID(bytes_le=data))
            return _fru_serial(session)

    def _chassis(self, control: Control, command: int, data: tuple[int, ...], retransmit: float) -> bytes:
        """Log in, send one chassis command, log out; return the data of the answer."""
        with logged_in(control) as session:
            answer = session.raw_command(netfn=NETFN_CHASSIS, command=command, data=data, timeout=retransmit)
            if answer.get("error"):
                raise translated(str(answer["error"]), answer.get("code"))
            return bytes(answer["data"])


@contextlib.contextmanager
def logged_in(control: Control) -> t.Iterator[Command]:
    """Log in, and out again at the end; errors of pyghmi inside become a ControlError."""
    _wait_in_short_steps()
    password, key = two_secrets(control)
    try:
        session = Command(
            bmc=control.address,
            port=control.port,
            # A second session with text credentials never returns: pyghmi compares them with its own bytes.
            userid=control.username.encode(),
            password=password.encode(),
            # The key of the controller (Kg); without one the password serves, IPMI specification 2.0, section 13.31.
            kg=key.encode() or None,
        )
        try:
            yield session
        except IpmiException:  # it is gone
            raise
        except ControlError:
            _log_out(session)
            raise
        _log_out(session)
    except IpmiException as error:
        raise translated(str(error)) from error
    except socket.gaierror as error:
        raise Unresolved(str(error.strerror)) from error


def _log_out(session: Command) -> None:
    with contextlib.suppress(IpmiException):  # what was asked is answered already
        session.ipmi_session.logout()


def _data_unless_absent(answer: dict[str, t.Any]) -> bytes:
    """Return the data of an answer, b"" where the controller does not know what was asked for."""
    if answer.get("code") in ABSENT:
        return b""
    if answer.get("error"):
        raise translated(str(answer["error"]), answer.get("code"))
    return bytes(answer["data"])


def _fru_serial(session: Command) -> str:
    """Return the serial number of the product, else of the board or the chassis, "" where FRU 0 has none."""
    try:
        found = FRU(rawdata=_fru_content(session)).info or {}
    except (BmcErrorException, IndexError):  # empty, or its content is broken
        return ""
    values = (found.get(name) or "" for name in ("Serial Number", "Board serial number", "Chassis serial number"))
    texts = (bytes(value).hex() if isinstance(value, bytearray) else str(value).strip() for value in values)
    return next(filter(None, texts), "")


def _fru_content(session: Command) -> bytes:
    """Read FRU 0 in pieces that every controller can send (IPMI specification 2.0, sections 34.1 and 34.2)."""

    def asked(command: int, *data: int) -> bytes:
        return _data_unless_absent(
            session.raw_command(netfn=NETFN_STORAGE, command=command, data=data, timeout=RETRANSMIT_SECONDS)
        )

    size = min(int.from_bytes(asked(GET_FRU_INVENTORY_AREA_INFO, 0)[:2], "little"), LARGEST_FRU)
    content = b""
    while len(content) < size:
        piece = asked(READ_FRU_DATA, 0, *len(content).to_bytes(2, "little"), min(FRU_PIECE, size - len(content)))[1:]
        if not piece:
            break
        content += piece
    return content


def _wait_in_short_steps() -> None:
    """Keep pyghmi from sleeping over an answer that is there already.

    Its reader thread may take a packet between the other thread's look at the queue and its wait, which then lasts
    until the retransmission: one exchange in eight lost half a second or more. Every caller of this wait looks again
    in a loop.
    """
    wait = getattr(pyghmi_session, "_io_wait", None)
    if wait is not None:
        pyghmi_session._io_wait = lambda timeout, *rest: wait(min(timeout, LONGEST_WAIT_SECONDS), *rest)


def translated(said: str, code: int | None = None) -> ControlError:
    """Return the error for what pyghmi or the controller said. code: the IPMI completion code, table 5-2."""
    if code == INSUFFICIENT_PRIVILEGE:
        return ControlError(
            f"refuses the command ({said})", "give its user the privilege level operator or higher", final=True
        )
    if code == NOT_IN_PRESENT_STATE:
        return ControlError(
            f"refuses the command ({said})", "read the host's state, then choose another command", refused=True
        )
    if any(refusal in said for refusal in LOGIN_REFUSALS):
        return ControlError(
            f"refuses the login ({said})", "correct the username, password or Kg key of this power control", final=True
        )
    if any(refusal in said.lower() for refusal in CIPHER_REFUSALS):
        return ControlError(
            f"has no cipher suite in common ({said})", "enable cipher suite 17 or 3 at the controller", final=True
        )
    if said.lower() in ("timeout", "none", "session no longer connected"):
        return NoAnswer()
    return ControlError(f"answers: {said}", "try again; if it stays so, restart the controller")
