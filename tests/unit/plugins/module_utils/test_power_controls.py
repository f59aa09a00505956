# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_controls import (
    DRIVERS,
    HOST_ARGUMENTS,
    default_device,
    devices,
    in_order,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_gang import Gang
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.fake_power import FakeDriver

HOST = "c1.example.org"


def item(**fields: t.Any) -> dict[str, t.Any]:
    """Return one control as the module gets it from Ansible, absent fields filled in."""
    complete = dict.fromkeys(HOST_ARGUMENTS["controls"]["options"])
    complete |= {"title": "bmc", "protocol": "ipmi", "address": "192.0.2.11", "username": "admin", "password": "secret"}
    return complete | {"default": False, "options": {}} | fields


def test_a_control_gets_the_port_of_its_protocol() -> None:
    assert devices(HOST, [item()])[0].control.port == 623
    assert devices(HOST, [item(port=6230)])[0].control.port == 6230


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"title": " "}, "has an empty title"),
        ({"address": ""}, "has an empty address"),
        ({"port": 0}, "port 0 is not within 1..65535"),
        ({"port": 65536}, "port 65536 is not within"),
        ({"outlet": 0}, "outlet 0 is not within"),
        ({"username": None}, "has no username; set it in power_controls or in AOS_BMC_USERNAME"),
        ({"password": None}, "has no password; set it in power_controls or in AOS_BMC_PASSWORD"),
        ({"username": "u" * 17}, "username is longer than the 16 bytes"),
        ({"password": "é" * 11}, "password is longer than the 20 bytes"),
        ({"password": "p/" + "k" * 21, "options": {"password_separator": "/"}}, "Kg key is longer than the 20 bytes"),
        ({"password": "onlyone", "options": {"password_separator": "/"}}, "is not two secrets with"),
        ({"outlet": 3}, "protocol ipmi has no outlets, remove outlet 3"),
        ({"options": {"kg": "1", "color": "red"}}, "has the option password_separator only, remove: color, kg"),
    ],
)
def test_a_wrong_control_is_named_with_its_remedy(fields: dict[str, t.Any], said: str) -> None:
    with pytest.raises(AosError, match=said) as caught:
        devices(HOST, [item(**fields)])
    assert HOST in str(caught.value)
    assert str(fields.get("password") or "secret") not in str(caught.value)


def test_a_host_without_a_control_is_named() -> None:
    with pytest.raises(AosError, match=rf"{HOST} has no power control; .*power_controls"):
        devices(HOST, [])


def test_two_controls_of_one_name_are_refused() -> None:
    with pytest.raises(AosError, match=f"{HOST} has two power controls named bmc"):
        devices(HOST, [item(), item(address="192.0.2.12")])


@pytest.fixture
def relays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DRIVERS, "fake", FakeDriver)


@pytest.mark.usefixtures("relays")
def test_items_of_one_title_are_one_control_with_several_outlets() -> None:
    relay = {"protocol": "fake", "title": "pdu"}
    items = [item(default=True), item(outlet=1, **relay), item(outlet=2, **relay), item(title="spare")]
    found = in_order(HOST, devices(HOST, items))
    assert [device.control.title for device in found] == ["bmc", "pdu", "spare"]
    assert isinstance(found[1], Gang)


@pytest.mark.usefixtures("relays")
@pytest.mark.parametrize(
    ("second", "said"),
    [
        ({"outlet": 1}, "power control pdu has outlet 1 of 192.0.2.11 twice; remove one"),
        ({"outlet": None}, "has two power controls named pdu; give each a title of its own, or each its outlet"),
        ({"outlet": 2, "protocol": "other"}, "power control pdu has outlets of several protocols"),
    ],
)
def test_items_of_one_title_that_make_no_sense_are_named(
    second: dict[str, t.Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(DRIVERS, "other", FakeDriver)
    relay = {"protocol": "fake", "title": "pdu", "outlet": 1}
    with pytest.raises(AosError, match=said):
        devices(HOST, [item(**relay), item(**relay | second)])


def test_the_default_control_is_first_and_the_others_keep_their_order() -> None:
    items = [item(title=title, default=title == "c") for title in "abcd"]
    assert [device.control.title for device in in_order(HOST, devices(HOST, items))] == ["c", "a", "b", "d"]


@pytest.mark.parametrize(
    ("defaults", "chosen"), [([False], "a"), ([True], "a"), ([False, True], "b"), ([True, False, False], "a")]
)
def test_the_default_control_or_the_only_one_is_used(defaults: list[bool], chosen: str) -> None:
    items = [item(title=title, default=default) for title, default in zip("abc", defaults, strict=False)]
    assert default_device(HOST, devices(HOST, items)).control.title == chosen


@pytest.mark.parametrize(
    ("default", "said"),
    [(False, r"no default power control \(a, b\)"), (True, r"several default power controls \(a, b\)")],
)
def test_several_controls_of_equal_rank_are_refused(default: bool, said: str) -> None:
    found = devices(HOST, [item(title=title, default=default) for title in "ab"])
    with pytest.raises(AosError, match=rf"{HOST} has {said}; set default: true on exactly one"):
        default_device(HOST, found)


@pytest.mark.parametrize(
    ("protocol", "options", "other"),
    [("snmp", {}, {"board_port": 3}), ("modbus", {}, {"unit_id": 2})],
)
def test_one_outlet_number_of_two_parts_of_a_board_is_two_outlets(
    protocol: str, options: dict[str, t.Any], other: dict[str, t.Any]
) -> None:
    board = {"protocol": protocol, "title": "pdu", "outlet": 1, "username": None}
    board |= {"password": "private" if protocol == "snmp" else None}
    (found,) = devices(HOST, [item(**board, options=options), item(**board, options=other)])
    assert isinstance(found, Gang)
    with pytest.raises(AosError, match=r"has outlet 1 of .* twice"):
        devices(HOST, [item(**board, options=other), item(**board, options=other)])


@pytest.mark.parametrize("protocol", ["snmp", "modbus"])
def test_an_identity_of_what_tells_none_is_refused(protocol: str) -> None:
    """Else it would be found out at 3 a.m., as a foreign device."""
    with pytest.raises(AosError, match=f"protocol {protocol} tells no identity; remove identity A-1"):
        devices(HOST, [item(protocol=protocol, outlet=1, username=None, identity="A-1")])
