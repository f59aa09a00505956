# SPDX-License-Identifier: GPL-3.0-or-later
"""Power controls and their links to hosts (SPEC S10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cloud_manager.domain.facts import Power

Option = str | int | float | bool
IDENTITY_LENGTH = 255


class ControlType(StrEnum):
    """What a power control is: a controller built into one host, a board of relays, a hypervisor of virtual hosts."""

    BMC = "bmc"
    RELAY = "relay"
    VIRTUAL = "virtual"


class Need(StrEnum):
    REQUIRED = "required"
    OPTIONAL = "optional"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Protocol:
    """What all controls of a protocol have in common; the control's type follows from it.

    port: where such devices listen. tells_identity: they can be asked who they are. selector: the option of a link
    that says which of the machines behind the control the host is; a control of type BMC has but one unless it is
    given. outlets: the largest outlet of such a device, 0 where it has none. options: their names.
    """

    type: ControlType
    port: int
    username: Need = Need.REQUIRED
    password: Need = Need.REQUIRED
    selector: str = ""
    tells_identity: bool = False
    outlets: int = 0
    options: tuple[str, ...] = ()


TLS = ("ca_cert", "scheme", "verify")
SEPARATOR = "password_separator"
SNMP = ("version", "board_port", SEPARATOR, "auth_protocol", "priv_protocol", "inverted")
SSH = ("domain", "known_hosts", "private_key", "uri")

# What the collection's drivers take: they refuse a host all of whose controls they can't make sense of.
PROTOCOLS: Mapping[str, Protocol] = {
    "ipmi": Protocol(ControlType.BMC, 623, tells_identity=True, options=(SEPARATOR,)),
    "redfish": Protocol(ControlType.BMC, 443, selector="system", tells_identity=True, options=(*TLS, "system")),
    "amt": Protocol(ControlType.BMC, 16992, tells_identity=True, options=TLS),
    "snmp": Protocol(ControlType.RELAY, 161, username=Need.OPTIONAL, outlets=8, options=SNMP),
    "modbus": Protocol(
        ControlType.RELAY, 502, username=Need.NONE, password=Need.NONE, outlets=8, options=("unit_id", "inverted")
    ),
    "ssh": Protocol(
        ControlType.VIRTUAL, 22, password=Need.OPTIONAL, selector="domain", tells_identity=True, options=SSH
    ),
}


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A string that shows itself only when asked to."""

    _value: str

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class PowerControl:
    """Device that switches hosts. title is unique; protocol is one of PROTOCOLS and stays; port is UDP/TCP.

    outlets: how many ports it switches: 1 for a BMC, 0 for a hypervisor, whose machines have names. options: settings
    of the protocol. id: the store's number, 0 before it is stored.
    """

    title: str
    protocol: str
    address: str
    port: int
    username: str
    password: Secret
    outlets: int = 1
    options: Mapping[str, Option] = field(default_factory=dict, hash=False)
    id: int = field(default=0, compare=False)

    @property
    def type(self) -> ControlType:
        return PROTOCOLS[self.protocol].type


@dataclass(frozen=True, slots=True)
class ControlChange:
    """New values of a power control; None leaves the old one. An option that is None is taken away."""

    title: str | None = None
    address: str | None = None
    port: int | None = None
    username: str | None = None
    password: Secret | None = None
    outlets: int | None = None
    options: Mapping[str, Option | None] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Check:
    """What the last reading of a link gave. at: s since epoch. message says why the state is UNKNOWN."""

    at: float
    state: Power
    message: str = ""


@dataclass(frozen=True, slots=True)
class PowerLink:
    """Host on an outlet of a control. outlet: 1-65535, None for a BMC or a hypervisor.

    options: settings of this link alone, before those of its control. identity: serial number or UUID that the control
    told when it was initialised, "" where it tells none. verified_at: last successful reading by an operator,
    initialised_at: last successful initialisation, s since epoch. Several links of a host to one control are its
    several supplies, and all of them are its default or none is.
    """

    host: str
    control: PowerControl
    outlet: int | None = None
    default: bool = True
    verified_at: float | None = None
    options: Mapping[str, Option] = field(default_factory=dict, hash=False)
    identity: str = ""
    initialised_at: float | None = None
    check: Check | None = None

    @property
    def settings(self) -> dict[str, Option]:
        """The options that count for this host."""
        return {**self.control.options, **self.options}

    @property
    def place(self) -> str:
        """What the host is behind its control, in words: "outlet 3", "domain vm-1", or ""."""
        if self.outlet is not None:
            return f"outlet {self.outlet}"
        selector = PROTOCOLS[self.control.protocol].selector
        return f"{selector} {self.options[selector]}" if selector in self.options else ""

    @property
    def failing(self) -> bool:
        return self.check is not None and self.check.state is Power.UNKNOWN


def kept_identity(told: str) -> str:
    """What is recorded of an identity that a device tells: one line of printable characters."""
    printable = "".join(character if character.isprintable() else " " for character in told)
    return " ".join(printable.split())[:IDENTITY_LENGTH].rstrip()


def identity_key(identity: str) -> str:
    """Equal for what tells the same device. The collection's power_process compares by the same rule."""
    return kept_identity(identity).casefold()
