# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The schema of `power_controls`, the protocols there are, and which control a host is switched by.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import dataclasses
import typing as t
from types import MappingProxyType

from ansible.module_utils.basic import env_fallback

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_amt import Amt
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import Control, ControlError, Driver
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_gang import Gang
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_ipmi import Ipmi
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_modbus import Modbus
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_redfish import Redfish
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_snmp import Snmp
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_ssh import Ssh
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_switch import Reachable
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

DRIVERS: dict[str, type[Driver]] = {
    "ipmi": Ipmi,
    "redfish": Redfish,
    "snmp": Snmp,
    "modbus": Modbus,
    "amt": Amt,
    "ssh": Ssh,
}

HOST_ARGUMENTS: dict[str, t.Any] = {
    "name": {"type": "str", "required": True},
    "controls": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "title": {"type": "str", "required": True},
            "protocol": {"type": "str", "required": True, "choices": list(DRIVERS)},
            "address": {"type": "str", "required": True},
            "port": {"type": "int"},
            "outlet": {"type": "int"},
            "username": {"type": "str", "fallback": (env_fallback, ["AOS_BMC_USERNAME"])},
            "password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["AOS_BMC_PASSWORD"])},
            "default": {"type": "bool", "default": False},
            "options": {"type": "dict", "default": {}},
            "identity": {"type": "str"},
        },
    },
}

LARGEST_PORT = 65535

Found = t.TypeVar("Found", bound=Reachable)


def devices(host: str, items: list[dict[str, t.Any]]) -> list[Device | Gang]:
    """Return the host's controls ready for use; raise an AosError that names what is wrong with them.

    Items of one title are the outlets of one control: the host has several supplies.
    """
    if not items:
        raise AosError(f"host {host} has no power control; give it one in the host variable power_controls")
    titled: dict[str, list[Device]] = {}
    for item in items:
        control, driver = _control(host, item)
        _check_fields(control, driver)
        driver.check(control)
        titled.setdefault(control.title, []).append(Device(control, driver))
    for title, members in titled.items():
        _check_outlets(host, title, members)
    return [members[0] if len(members) == 1 else Gang(members) for members in titled.values()]


class Unusable:
    """A control that makes no sense, or whose library is missing, beside others of the host that can be used.

    It is tried in its turn, so that a mistake in one control keeps no other from fencing the host, and is told of.
    """

    shown: t.Mapping[str, str] = MappingProxyType({})

    def __init__(self, control: Control, driver: Driver, error: AosError) -> None:
        self.control = control
        self.cuts_supply = driver.cuts_supply
        reason, _semicolon, remedy = str(error).removeprefix(str(control)).partition("; ")
        self._error = ControlError(
            f"cannot be used: {reason.lstrip(': ')}", remedy or "correct power_controls", final=True, silent=True
        )

    def read(self, seconds: float) -> str:
        raise self._error

    def send(self, action: str, seconds: float) -> None:
        raise self._error


def usable_devices(host: str, items: list[dict[str, t.Any]]) -> list[Device | Gang | Unusable]:
    """Return the host's controls, those that cannot be used among them; raise an AosError where none can."""
    titled: dict[str, list[dict[str, t.Any]]] = {}
    for item in items:
        titled.setdefault(item["title"], []).append(item)
    found: list[Device | Gang | Unusable] = []
    for members in titled.values():
        try:
            found += devices(host, members)
        except AosError as error:
            control, driver = _control(host, members[0])
            default = any(item["default"] for item in members)
            found.append(Unusable(dataclasses.replace(control, default=default), driver, error))
    return found if any(not isinstance(device, Unusable) for device in found) else [*devices(host, items)]


def default_device(host: str, found: t.Sequence[Found]) -> Found:
    """Return the control that is the default one, or the only one."""
    chosen = [device for device in found if device.control.default] or found
    if len(chosen) > 1:
        titles = ", ".join(device.control.title for device in chosen)
        which = "several default power controls" if chosen[0].control.default else "no default power control"
        raise AosError(f"host {host} has {which} ({titles}); set default: true on exactly one of them")
    return chosen[0]


def in_order(host: str, found: t.Sequence[Found]) -> list[Found]:
    """Return the default control, then the others in the order given."""
    default = default_device(host, found)
    return [default, *(device for device in found if device is not default)]


def _check_outlets(host: str, title: str, members: list[Device]) -> None:
    """Raise an AosError unless items of one title are different outlets."""
    if len(members) == 1:
        return
    controls = [member.control for member in members]
    places = [(member.control.address, member.control.port, member.place) for member in members]
    if any(control.outlet is None for control in controls):
        raise AosError(
            f"host {host} has two power controls named {title}; give each a title of its own, or each its outlet if "
            "they feed several supplies of the host"
        )
    twice = next((place for place in places if places.count(place) > 1), None)
    if twice:
        raise AosError(
            f"host {host}: power control {title} has {twice[2]} of {twice[0]} twice; remove one of the items"
        )
    if len({control.protocol for control in controls}) > 1:
        raise AosError(f"host {host}: power control {title} has outlets of several protocols; give it one of them")


def _control(host: str, item: dict[str, t.Any]) -> tuple[Control, Driver]:
    driver = DRIVERS[item["protocol"]]()
    port = driver.default_port if item["port"] is None else item["port"]
    control = Control(
        host=host,
        title=item["title"],
        protocol=item["protocol"],
        address=item["address"],
        port=port,
        outlet=item["outlet"],
        username=item["username"] or "",
        password=item["password"] or "",
        default=item["default"],
        options=item["options"],
        identity=(item.get("identity") or "").strip(),
    )
    return control, driver


def _check_fields(control: Control, driver: Driver) -> None:
    if control.identity and not driver.tells_identity():
        raise AosError(f"{control}: protocol {control.protocol} tells no identity; remove identity {control.identity}")
    for kind in ("title", "address"):
        if not getattr(control, kind).strip():
            raise AosError(f"{control} has an empty {kind}; correct power_controls")
    for kind, number in (("port", control.port), ("outlet", control.outlet)):
        if number is not None and not 1 <= number <= LARGEST_PORT:
            raise AosError(f"{control}: {kind} {number} is not within 1..{LARGEST_PORT}; correct power_controls")
