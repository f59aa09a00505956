# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power over SNMP v1, v2c and v3 by pysnmp: the relays of a DAEnetIP2 board.

A pin of the board is the INTEGER 1.3.6.1.4.1.19865.1.2.<block>.<pin>.0, 1 while its relay is energised; block 1 is the
board's port 3, block 2 port 5 (where boards have their eight relays), block 3 port 6. Error states: RFC 1157 (v1) and
RFC 3416; reports of v3: RFC 3414. pysnmp is imported where it is used, because other protocols should not wait for it.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import importlib
import socket
import typing as t
from dataclasses import dataclass

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import (
    SPARE_SECONDS,
    Control,
    ControlError,
    Unresolved,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_relay import Relay, choice, refuse_credential
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_secrets import SEPARATOR, two_secrets
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, MissingLibrary

BASE = "1.3.6.1.4.1.19865.1.2"
BLOCKS = {"3": 1, "5": 2, "6": 3}
DEFAULT_BOARD_PORT = "5"
# SNMP version: pysnmp's number of the message processing model
COMMUNITY_MODELS = {"v1": 0, "v2c": 1}
# option: the name of pysnmp's protocol
AUTH_PROTOCOLS = {
    "md5": "usmHMACMD5AuthProtocol",
    "sha": "usmHMACSHAAuthProtocol",
    "sha224": "usmHMAC128SHA224AuthProtocol",
    "sha256": "usmHMAC192SHA256AuthProtocol",
    "sha384": "usmHMAC256SHA384AuthProtocol",
    "sha512": "usmHMAC384SHA512AuthProtocol",
}
PRIV_PROTOCOLS = {
    "none": "usmNoPrivProtocol",
    "des": "usmDESPrivProtocol",
    "aes128": "usmAesCfb128Protocol",
    "aes192": "usmAesBlumenthalCfb192Protocol",
    "aes256": "usmAesBlumenthalCfb256Protocol",
}
SHORTEST_PASSPHRASE = 8  # RFC 3414, section 11.2
LONGEST_USERNAME = 32  # RFC 3414, section 5

# Each transmission has a number of its own in pysnmp, so that an answer after this time counts for nothing.
RETRANSMIT_SECONDS = 3.0

LOGIN_REFUSALS = ("WrongDigest", "UnknownUserName", "UnknownSecurityName", "DecryptionError", "AuthenticationFailure")
ACCESS_REFUSALS = ("noSuchName", "readOnly", "noAccess", "notWritable", "authorizationError")


@dataclass(frozen=True, slots=True)
class Access:
    """The parsed options and secrets. second: the read community (v1, v2c) or the privacy passphrase (v3)."""

    version: str
    block: int
    auth: str
    priv: str
    first: str
    second: str

    @property
    def may_ignore(self) -> bool:
        """Whether a wrong secret may be met with silence."""
        return self.version != "v3" or self.priv != "none"


class Snmp(Relay):
    """A relay board that speaks SNMP."""

    default_port = 161
    option_names = ("version", "board_port", SEPARATOR, "auth_protocol", "priv_protocol")

    def check(self, control: Control) -> None:
        super().check(control)
        parsed = access(control)
        for library, module in (("cryptography", "cryptography"), ("pysnmp", "pysnmp.hlapi.v3arch.asyncio")):
            if library == "cryptography" and parsed.priv == "none":
                continue
            try:
                importlib.import_module(module)  # here, so that no exchange waits for it
            except ImportError as error:
                raise MissingLibrary(library, reason=f"for protocol snmp of {control}") from error

    def place(self, control: Control) -> str:
        port = choice(control, "board_port", BLOCKS, DEFAULT_BOARD_PORT)
        return super().place(control) + ("" if port == DEFAULT_BOARD_PORT else f" of board port {port}")

    def energised(self, control: Control, seconds: float) -> bool:
        value = _run(control, None, seconds)
        if value not in ("0", "1"):
            raise ControlError(
                f"shows no state for its relay {control.outlet} ({value})",
                "check outlet and option board_port, and that address and port lead to a DAEnetIP2 board",
            )
        return value == "1"

    def energise(self, control: Control, value: bool, seconds: float) -> None:
        _run(control, value, seconds)


def access(control: Control) -> Access:
    """Return what the control's options and secrets mean; raise an AosError."""
    version = choice(control, "version", (*COMMUNITY_MODELS, "v3"), "v1")
    block = BLOCKS[choice(control, "board_port", BLOCKS, DEFAULT_BOARD_PORT)]
    if not control.password:
        what = "authentication passphrase" if version == "v3" else "write community"
        raise AosError(f"{control} has no password ({what}); set it in power_controls or in AOS_BMC_PASSWORD")
    first, second = two_secrets(control)
    second = second or first
    if version != "v3":
        refuse_credential(control, "username", f"SNMP {version} has no users")
        foreign = ", ".join(name for name in ("auth_protocol", "priv_protocol") if name in control.options)
        if foreign:
            raise AosError(f"{control}: SNMP {version} has no {foreign}; remove it or set version to v3")
        return Access(version, block, "", "none", first, second)
    if not 1 <= len(control.username.encode()) <= LONGEST_USERNAME:
        raise AosError(f"{control}: SNMP v3 needs a username of 1..{LONGEST_USERNAME} bytes; set it")
    if min(len(first.encode()), len(second.encode())) < SHORTEST_PASSPHRASE:
        raise AosError(
            f"{control}: a passphrase of SNMP v3 has at least {SHORTEST_PASSPHRASE} bytes; give a longer password"
        )
    auth = choice(control, "auth_protocol", AUTH_PROTOCOLS, "sha")
    return Access(version, block, auth, choice(control, "priv_protocol", PRIV_PROTOCOLS, "aes128"), first, second)


def _run(control: Control, value: bool | None, seconds: float) -> str:
    """Set the pin, or get it where value is None; return its value as text."""
    import asyncio

    from pysnmp.error import PySnmpError

    budget = max(seconds - SPARE_SECONDS, seconds / 2)
    parsed = access(control)
    try:
        return asyncio.run(asyncio.wait_for(_exchange(control, parsed, value, seconds), budget))
    except TimeoutError as error:
        raise silent(parsed, budget) from error
    except socket.gaierror as error:
        raise Unresolved(str(error.strerror)) from error
    except PySnmpError as error:  # its text may hold a secret
        raise ControlError(
            f"could not be asked: {type(error).__name__} in pysnmp", "check the fields of this power control"
        ) from None


async def _exchange(control: Control, parsed: Access, value: bool | None, seconds: float) -> str:
    import asyncio

    from pysnmp.hlapi.v3arch import asyncio as snmp

    found = await asyncio.get_running_loop().getaddrinfo(control.address, control.port, type=socket.SOCK_DGRAM)
    transport = snmp.Udp6TransportTarget if found[0][0] == socket.AF_INET6 else snmp.UdpTransportTarget
    target = await transport.create(
        found[0][4][:2], timeout=RETRANSMIT_SECONDS, retries=int(seconds / RETRANSMIT_SECONDS)
    )
    oid = f"{BASE}.{parsed.block}.{control.outlet}.0"
    name = snmp.ObjectIdentity(oid)
    engine = snmp.SnmpEngine()
    who = _credentials(snmp, control, parsed, writes=value is not None)
    try:
        if value is None:
            answer = await snmp.get_cmd(engine, who, target, snmp.ContextData(), snmp.ObjectType(name), lookupMib=False)
        else:
            pin = snmp.ObjectType(name, snmp.Integer32(int(value)))
            answer = await snmp.set_cmd(engine, who, target, snmp.ContextData(), pin, lookupMib=False)
    finally:
        engine.close_dispatcher()
    failure, status, _index, pins = answer
    if failure:
        raise failed(type(failure).__name__, str(failure), parsed)
    if status:
        raise refused(status.prettyPrint(), writes=value is not None)
    told = [str(name) for name, _value in pins]
    if told != [oid]:
        raise ControlError(
            f"answers for {', '.join(told) or 'nothing'}, asked was {oid}",
            "check that address and port lead to a DAEnetIP2 board, and update it",
        )
    return str(pins[0][1].prettyPrint())


def _credentials(snmp: t.Any, control: Control, parsed: Access, *, writes: bool) -> t.Any:
    if parsed.version in COMMUNITY_MODELS:
        community = parsed.first if writes else parsed.second
        return snmp.CommunityData("relay", community, mpModel=COMMUNITY_MODELS[parsed.version])
    return snmp.UsmUserData(
        control.username,
        parsed.first,
        parsed.second if parsed.priv != "none" else None,
        authProtocol=getattr(snmp, AUTH_PROTOCOLS[parsed.auth]),
        privProtocol=getattr(snmp, PRIV_PROTOCOLS[parsed.priv]),
    )


def silent(parsed: Access, seconds: float) -> ControlError:
    """Return the error for silence, which has one cause more where the board ignores what it cannot check or read."""
    secret = "privacy passphrase" if parsed.version == "v3" else "community"
    wrong = f"; with SNMP {parsed.version} a board is also silent when the {secret} (in the password) is wrong"
    return ControlError(
        f"gave no answer within {seconds:.1f} s",
        "check its address and port, its network and its power" + (wrong if parsed.may_ignore else ""),
        silent=True,
    )


def failed(kind: str, said: str, parsed: Access) -> ControlError:
    """Return the error for pysnmp's error indication. kind: the name of its class."""
    if kind == "RequestTimedOut":
        return silent(parsed, RETRANSMIT_SECONDS)
    if kind in LOGIN_REFUSALS:
        return ControlError(
            f"refuses the login ({said})", "correct the username, the password or the protocols of SNMP v3", final=True
        )
    if kind == "UnsupportedSecurityLevel":
        return ControlError(
            f"does not have this security level for the user ({said})", "correct option priv_protocol", final=True
        )
    return ControlError(f"answers: {said}", "try again; if it stays so, restart the board")


def refused(status: str, *, writes: bool) -> ControlError:
    """Return the error for an error state of the answer (RFC 3416, section 3)."""
    if writes and status in ACCESS_REFUSALS:
        return ControlError(
            f"refuses the command ({status})",
            "give a community or user that may write, and check outlet and option board_port",
            final=True,
        )
    if status in ACCESS_REFUSALS:
        return ControlError(
            f"shows no such relay ({status})", "check outlet and option board_port, and what the community may read"
        )
    return ControlError(f"refuses the command ({status})", "try again; if it stays so, restart the board")
