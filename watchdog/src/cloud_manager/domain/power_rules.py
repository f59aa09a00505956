# SPDX-License-Identifier: GPL-3.0-or-later
"""What a power control and its links must be like. Everything here raises BadInput that names what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import ip_address

from cloud_manager.domain.power import PROTOCOLS, ControlChange, ControlType, Need, Option, PowerControl
from cloud_manager.errors import BadInput

LONGEST = 255
MOST_OPTIONS = 50
NO_OUTLET = 0
# Outlet and machine, by which a control tells its hosts apart; 0 and "" where there is but one.
Place = tuple[int, str]
OPTION_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
# An unknown name that ends in one of these words would carry a secret; options are stored in clear, and shown.
SECRET_WORDS = ("community", "kg", "passphrase", "passwd", "password", "pwd", "secret", "token")
SECRET_NAMES = ("auth_key", "priv_key", "private_key")


def check(control: PowerControl) -> None:
    subject = f"power control {control.title!r}"
    for name in ("title", "address"):
        _check_length(subject, name, getattr(control, name))
    subject = f"power control {control.title}"
    if control.protocol not in PROTOCOLS:
        raise BadInput(f"{subject}: no protocol {control.protocol!r}: give {' or '.join(PROTOCOLS)}")
    facts = PROTOCOLS[control.protocol]
    _check_credential(control, "username", facts.username, control.username)
    _check_credential(control, "password", facts.password, control.password.reveal())
    if not 1 <= control.port <= 65535:
        raise BadInput(f"{subject}: port {control.port} is out of range: give one from 1 to 65535")
    _check_outlets(control)
    check_options(subject, control.protocol, control.options)
    if facts.selector in control.options:
        raise BadInput(f"{subject}: option {facts.selector} names one machine: give it to `power-control link`")


def settled(control: PowerControl) -> PowerControl:
    """The control with its address as stored, so that two that are one are written alike."""
    return replace(control, address=_settled(control.address))


def _settled(address: str) -> str:
    name = address.strip().lower()
    try:
        return str(ip_address(name))
    except ValueError:
        return name


def same_address(one: PowerControl, other: PowerControl) -> bool:
    return _settled(one.address) == _settled(other.address)


def changed(control: PowerControl, change: ControlChange) -> PowerControl:
    """The control after the change."""
    plain = {
        name: value
        for name in ("title", "address", "port", "username", "password", "outlets")
        if (value := getattr(change, name)) is not None
    }
    if missing := sorted(
        name for name, value in change.options.items() if value is None and name not in control.options
    ):
        raise BadInput(f"power control {control.title} has no option {', '.join(missing)}")
    options = {name: value for name, value in {**control.options, **change.options}.items() if value is not None}
    return settled(replace(control, **plain, options=options))


def check_outlet(control: PowerControl, outlet: int | None) -> int:
    """The outlet's number as stored."""
    subject = f"power control {control.title}"
    if control.type is not ControlType.RELAY:
        if outlet is not None:
            raise BadInput(f"{subject} speaks {control.protocol}, which has no outlets: leave the outlet out")
        return NO_OUTLET
    if outlet is None:
        raise BadInput(f"{subject} has {control.outlets} outlets: say by --outlet N which one")
    most = min(control.outlets, PROTOCOLS[control.protocol].outlets)
    if not 1 <= outlet <= most:
        raise BadInput(f"{subject}: outlet {outlet} is out of range: give one from 1 to {most}")
    return outlet


def check_host(host: str) -> None:
    if not 0 < len(host) <= LONGEST:
        raise BadInput(f"host name {host!r} must have 1 to {LONGEST} characters")


def machine(control: PowerControl, options: Mapping[str, Option]) -> str:
    """Which of the machines behind the control these options of a link name, "" for the only one."""
    selector = PROTOCOLS[control.protocol].selector
    name = str(options.get(selector, "")) if selector else ""
    if not name and control.type is ControlType.VIRTUAL:
        raise BadInput(
            f"power control {control.title} switches virtual machines: "
            f"say by --option {selector}=NAME which one the host is"
        )
    if len(name) > LONGEST:
        raise BadInput(f"power control {control.title}: option {selector} must have at most {LONGEST} characters")
    return name


def check_options(subject: str, protocol: str, options: Mapping[str, Option]) -> None:
    if len(options) > MOST_OPTIONS:
        raise BadInput(f"{subject}: {len(options)} options: give at most {MOST_OPTIONS}")
    for name, value in options.items():
        if not OPTION_NAME.fullmatch(name):
            raise BadInput(f"{subject}: option {name!r}: a name has letters a-z, digits and _, at most 64")
        known = PROTOCOLS[protocol].options
        if name not in known and (name in SECRET_NAMES or name.rsplit("_", 1)[-1] in SECRET_WORDS):
            raise BadInput(
                f"{subject}: option {name} looks like a secret, and options are stored in clear: "
                "give it as the password, or its file"
            )
        if name not in known:
            choice = f"it has {', '.join(known)}" if known else "it has none"
            raise BadInput(f"{subject}: protocol {protocol} has no option {name}: {choice}")
        if not 0 < len(str(value)) <= LONGEST or not str(value).isprintable():
            raise BadInput(f"{subject}: option {name}: a value has 1 to {LONGEST} printable characters")


def require_free(control: PowerControl, host: str, taken: Iterable[tuple[str, int, str]], wanted: Place) -> None:
    """taken: (host, outlet, machine) of every link of the control. wanted: (outlet, machine) for `host`."""
    outlet, name = wanted
    for other, other_outlet, other_name in taken:
        if other == host:
            if control.type is not ControlType.RELAY and other_name != name:
                known = other_name or "its only machine"
                raise BadInput(
                    f"host {host} is linked to power control {control.title} already, as {known}: unlink it first"
                )
        elif other_outlet == outlet and (other_name == name or not other_name or not name):
            place = f", outlet {outlet}," if outlet else f", machine {name}," if name and other_name else ""
            raise BadInput(
                f"power control {control.title}{place} switches host {other} already: it can't switch host {host} too"
            )


def require_own_device(
    control: PowerControl, host: str, wanted: Place, others: Iterable[tuple[str, PowerControl, Place]]
) -> None:
    """Refuse what is one device under two titles. others: host, control and place of every link of other controls."""
    for other_host, other, place in others:
        if other_host != host and _is_one(control, wanted, other, place):
            raise BadInput(
                f"power control {control.title} is at {control.address} as power control {other.title} is, which "
                f"switches host {other_host}: it can't switch host {host} too; correct the address, or the link"
            )


def _is_one(one: PowerControl, place: Place, other: PowerControl, other_place: Place) -> bool:
    """A BMC answers at one address by several protocols and ports.

    Not where both are at ports that some gateway forwards, as a virtual BMC for each of several machines is.
    """
    if one.type is not other.type or not same_address(one, other):
        return False
    if one.port != other.port and all(control.port != PROTOCOLS[control.protocol].port for control in (one, other)):
        return False
    (outlet, name), (other_outlet, other_name) = place, other_place
    if one.type is ControlType.RELAY:
        return one.protocol != other.protocol and outlet == other_outlet
    return name == other_name or not name or not other_name


def _check_length(subject: str, name: str, value: str) -> None:
    if not 0 < len(value) <= LONGEST or not value.strip():
        raise BadInput(f"{subject}: {name} must have 1 to {LONGEST} characters")


def _check_credential(control: PowerControl, name: str, need: Need, value: str) -> None:
    subject = f"power control {control.title}"
    if need is Need.NONE and value:
        raise BadInput(f"{subject} speaks {control.protocol}, which has no {name}: leave it out")
    if (need is Need.REQUIRED and not value) or len(value) > LONGEST:
        least = 1 if need is Need.REQUIRED else 0
        raise BadInput(f"{subject}: {name} must have {least} to {LONGEST} characters")


def _check_outlets(control: PowerControl) -> None:
    subject, wanted = f"power control {control.title}", {ControlType.BMC: 1, ControlType.VIRTUAL: 0}.get(control.type)
    if wanted is not None and control.outlets != wanted:
        raise BadInput(f"{subject} speaks {control.protocol}, which has no outlets: leave their number out")
    most = PROTOCOLS[control.protocol].outlets
    if wanted is None and not 1 <= control.outlets <= most:
        raise BadInput(
            f"{subject}: {control.outlets} outlets: boards that speak {control.protocol} have {most} at most"
        )


def require_whole(host: str, title: str, gone: Iterable[int], kept: Iterable[int]) -> None:
    """A host that keeps a supply nobody knows of is called off while it runs.

    gone, kept: the outlets of one control that are taken from the host, and that stay with it.
    """
    stays = ", ".join(f"outlet {outlet}" for outlet in kept)
    if stays:
        gone_words = ", ".join(f"outlet {outlet}" for outlet in gone)
        raise BadInput(
            f"host {host} stays linked to {stays} of power control {title}: if {gone_words} still feeds it, fencing "
            f"would call it off while it runs: pull that cable and give --force, or unlink without --outlet"
        )
