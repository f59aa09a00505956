# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls of every protocol, several outlets and machines, and what becomes of the default: in every store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_manager.domain.facts import Power
from cloud_manager.domain.power import PROTOCOLS, Check, ControlChange, ControlType, PowerControl, Secret
from cloud_manager.errors import BadInput
from cloud_manager.ports import PowerControls
from watchdog.tests.contract.conftest import Store

BMC = PowerControl("bmc", "ipmi", "192.0.2.11", 623, "admin", Secret("one"))
REDFISH = PowerControl("blades", "redfish", "192.0.2.13", 443, "admin", Secret("two"), options={"verify": False})
BOARD = PowerControl("board", "snmp", "192.0.2.14", 161, "", Secret("private"), outlets=8, options={"board_port": 5})
RELAY = PowerControl("relay", "modbus", "192.0.2.15", 502, "", Secret(""), outlets=8)
LAB = PowerControl("lab", "ssh", "192.0.2.16", 22, "root", Secret(""), outlets=0)
ALL = (BMC, REDFISH, BOARD, RELAY, LAB)


@pytest.fixture
def full(controls: PowerControls) -> PowerControls:
    """c1 has a BMC and two outlets of the board, c2 one outlet of it."""
    for control in ALL:
        controls.add(control)
    controls.link("c1", "bmc")
    controls.link("c1", "board", 3)
    controls.link("c1", "board", 4)
    controls.link("c2", "board", 5)
    return controls


def linked(controls: PowerControls, host: str) -> list[tuple[str, int | None, bool]]:
    return [(link.control.title, link.outlet, link.default) for link in controls.of(host)]


def test_every_protocol_has_a_type_and_a_port_of_its_own() -> None:
    assert {name: (facts.type.value, facts.port) for name, facts in PROTOCOLS.items()} == {
        "ipmi": ("bmc", 623),
        "redfish": ("bmc", 443),
        "amt": ("bmc", 16992),
        "snmp": ("relay", 161),
        "modbus": ("relay", 502),
        "ssh": ("virtual", 22),
    }
    assert [control.type for control in ALL] == [
        ControlType.BMC,
        ControlType.BMC,
        ControlType.RELAY,
        ControlType.RELAY,
        ControlType.VIRTUAL,
    ]


@pytest.mark.parametrize("control", ALL, ids=lambda control: control.protocol)
def test_a_control_comes_back_as_it_was_given_with_a_number_of_its_own(store: Store, control: PowerControl) -> None:
    store.power_controls().add(BMC if control is not BMC else REDFISH)
    store.power_controls().add(control)
    found = store.power_controls().get(control.title)
    assert found == control
    assert found.password == control.password
    assert found.id == 2


def test_a_host_may_have_several_controls_and_several_outlets_of_one(full: PowerControls) -> None:
    assert linked(full, "c1") == [("bmc", None, True), ("board", 3, False), ("board", 4, False)]
    assert full.titles() == {"c1": ("bmc", "board"), "c2": ("board",)}


def test_all_outlets_of_a_control_are_the_default_of_a_host_together(full: PowerControls) -> None:
    full.link("c1", "board", 4, default=True)
    assert linked(full, "c1") == [("board", 3, True), ("board", 4, True), ("bmc", None, False)]
    full.link("c1", "board", 6)
    assert [default for _, _, default in linked(full, "c1")] == [True, True, True, False]


@pytest.mark.parametrize(
    ("host", "title", "outlet", "options", "named"),
    [
        ("c2", "board", 3, None, "board, outlet 3, switches host c1|board switches host c1"),
        ("c9", "board", None, None, "board has 8 outlets.*--outlet"),
        ("c9", "board", 0, None, "outlet 0 .*1 to 8"),
        ("c9", "board", 9, None, "outlet 9 .*1 to 8"),
        ("c9", "lab", 1, None, "lab .*no outlets"),
        ("c9", "lab", None, None, "lab .*domain=NAME"),
        ("c9", "relay", 1, {"password": "x"}, "option password looks like a secret"),
        ("c9", "relay", 1, {"read_community": "x"}, "read_community looks like a secret"),
        ("c9", "relay", 1, {"kg": "x"}, "option kg"),
        ("c9", "relay", 1, {"Unit": "x"}, "option 'Unit'"),
        ("c9", "relay", 1, {"unit": 2}, "protocol modbus has no option unit: it has unit_id, inverted"),
        ("c9", "relay", 1, {"unit_id": ""}, "option unit_id"),
        ("c9", "relay", 1, {"unit_id": "x" * 256}, "option unit_id"),
        ("c9", "relay", 1, {f"o{n}": 1 for n in range(51)}, "51 options"),
    ],
)
def test_a_link_that_cannot_be_right_is_refused_and_nothing_changes(
    full: PowerControls, host: str, title: str, outlet: int | None, options: dict[str, str] | None, named: str
) -> None:
    before = full.list()
    with pytest.raises(BadInput, match=named):
        full.link(host, title, outlet, options=options)
    assert full.list() == before


def test_each_host_of_a_hypervisor_is_a_machine_of_its_own(full: PowerControls) -> None:
    full.link("v1", "lab", options={"domain": "vm-1"})
    full.link("v2", "lab", options={"domain": "vm-2"})
    assert [link.options for link in full.of("v2")] == [{"domain": "vm-2"}]
    for host, domain, named in (("v3", "vm-1", "v1 already"), ("v1", "vm-3", "already, as vm-1: unlink it first")):
        with pytest.raises(BadInput, match=named):
            full.link(host, "lab", options={"domain": domain})


def test_a_controller_of_several_systems_switches_several_hosts_only_where_each_is_named(full: PowerControls) -> None:
    full.link("b1", "blades", options={"system": "1"})
    full.link("b2", "blades", options={"system": "2"})
    for options in ({"system": "2"}, {}, None):
        with pytest.raises(BadInput, match="already"):
            full.link("b3", "blades", options=options)


def test_options_of_a_link_count_before_those_of_its_control(full: PowerControls) -> None:
    full.link("c3", "board", 7, options={"board_port": 3, "inverted": True})
    assert full.of("c3")[0].settings == {"board_port": 3, "inverted": True}
    assert full.of("c2")[0].settings == {"board_port": 5}


def test_linking_again_changes_the_options_and_what_was_proven_with_others_is_no_longer(full: PowerControls) -> None:
    full.initialised("c2", "board", 5.0, "SERIAL")
    full.link("c2", "board", 5, options={"inverted": True})
    (link,) = full.of("c2")
    assert (link.options, link.default, link.identity) == ({"inverted": True}, True, "SERIAL")
    assert (link.verified_at, link.initialised_at) == (None, None)


@pytest.mark.parametrize(
    ("control", "named"),
    [
        (replace(RELAY, title="x", username="a"), "x speaks modbus, which has no username"),
        (replace(RELAY, title="x", password=Secret("a")), "x speaks modbus, which has no password"),
        (replace(RELAY, title="x", outlets=0), "x: 0 outlets"),
        (replace(RELAY, title="x", outlets=9), "x: 9 outlets: boards that speak modbus have 8 at most"),
        (replace(BMC, title="x", outlets=2), "x speaks ipmi, which has no outlets"),
        (replace(LAB, title="x", outlets=1), "x speaks ssh, which has no outlets"),
        (replace(BOARD, title="x", password=Secret("")), "x: password"),
        (replace(BMC, title="x", password=Secret("")), "x: password"),
        (replace(LAB, title="x", options={"domain": "vm"}), "x: option domain names one machine"),
        (replace(BMC, title="x", options={"password": "p"}), "x: option password looks like a secret"),
        (replace(BMC, title="x", options={"scheme": "http"}), "ipmi has no option scheme: it has password_sep"),
        (
            replace(BOARD, title="x", options={"bord_port": 5}),
            "snmp has no option bord_port: it has version, board_port",
        ),
        (replace(BMC, title="x"), "bmc is at 192.0.2.11 port 623 already"),
        (replace(BMC, title=" "), "title"),
    ],
)
def test_a_control_that_does_not_fit_its_protocol_is_refused(
    full: PowerControls, control: PowerControl, named: str
) -> None:
    with pytest.raises(BadInput, match=named):
        full.add(control)
    assert len(full.list()) == len(ALL)


def test_an_option_whose_name_only_mentions_a_secret_is_taken(controls: PowerControls) -> None:
    options = {"password_separator": "|", "priv_protocol": "aes128"}
    controls.add(replace(BOARD, options=options))
    assert controls.get("board").options == options
    controls.add(replace(LAB, options={"private_key": "/etc/aos/key"}))
    assert controls.get("lab").options == {"private_key": "/etc/aos/key"}


def test_a_control_is_changed_and_its_links_stay(full: PowerControls) -> None:
    change = ControlChange(
        title="tower", address="192.0.2.99", port=1161, username="u", password=Secret("new"), outlets=5,
        options={"board_port": None, "version": "v3"},
    )  # fmt: skip
    full.change("board", change)
    wanted = PowerControl("tower", "snmp", "192.0.2.99", 1161, "u", Secret("new"), outlets=5, options={"version": "v3"})
    assert full.get("tower") == wanted
    assert full.get("tower").password.reveal() == "new"
    assert linked(full, "c2") == [("tower", 5, True)]


def test_the_password_survives_a_change_of_something_else(full: PowerControls) -> None:
    full.change("bmc", ControlChange(port=6230))
    assert full.get("bmc") == replace(BMC, port=6230)


@pytest.mark.parametrize(
    ("change", "proven"),
    [
        (ControlChange(title="tower"), True),
        (ControlChange(outlets=7), True),
        (ControlChange(address="192.0.2.99"), False),
        (ControlChange(port=1161), False),
        (ControlChange(username="u"), False),
        (ControlChange(password=Secret("new")), False),
        (ControlChange(options={"version": "v1"}), False),
    ],
)
def test_what_was_proven_lasts_until_a_setting_changes_and_the_identity_lasts_longer(
    full: PowerControls, change: ControlChange, proven: bool
) -> None:
    full.initialised("c2", "board", 5.0, "SERIAL")
    full.change("board", change)
    (link,) = full.of("c2")
    assert (link.verified_at, link.initialised_at) == ((5.0, 5.0) if proven else (None, None))
    assert link.identity == "SERIAL"


@pytest.mark.parametrize(
    ("title", "change", "named"),
    [
        ("nothing", ControlChange(port=1), "nothing is unknown"),
        ("board", ControlChange(), "board is so already"),
        ("board", ControlChange(port=161), "board is so already"),
        ("board", ControlChange(title="bmc"), "bmc exists already"),
        ("board", ControlChange(title=""), "title"),
        ("board", ControlChange(port=0), "port 0"),
        ("board", ControlChange(outlets=4), "outlet 5 switches host c2"),
        ("board", ControlChange(options={"colour": None}), "no option colour"),
        ("board", ControlChange(options={"community": "x"}), "community looks like a secret"),
        ("board", ControlChange(options={"colour": "red"}), "snmp has no option colour"),
        ("board", ControlChange(outlets=9), "9 outlets"),
        ("bmc", ControlChange(outlets=2), "no outlets"),
        ("bmc", ControlChange(username=""), "username"),
        ("relay", ControlChange(password=Secret("x")), "no password"),
    ],
)
def test_a_change_that_cannot_be_right_is_refused_and_nothing_changes(
    full: PowerControls, title: str, change: ControlChange, named: str
) -> None:
    before = full.list()
    with pytest.raises(BadInput, match=named):
        full.change(title, change)
    assert full.list() == before


def test_a_password_may_be_written_anew_as_it_is_and_is_then_to_be_proven_again(full: PowerControls) -> None:
    full.initialised("c2", "board", 5.0, "")
    full.change("board", ControlChange(password=Secret("private")))
    assert full.of("c2")[0].initialised_at is None
    full.change("board", ControlChange(password=Secret("stored")))
    assert full.get("board").password.reveal() == "stored"


def test_two_controls_can_not_be_changed_to_one_address(controls: PowerControls) -> None:
    controls.add(BMC)
    controls.add(replace(BMC, title="other", address="192.0.2.12"))
    with pytest.raises(BadInput, match=r"bmc is at 192\.0\.2\.11 port 623 already"):
        controls.change("other", ControlChange(address="192.0.2.11"))


def test_the_default_is_not_unlinked_without_saying_which_comes_first_then(full: PowerControls) -> None:
    with pytest.raises(BadInput, match=r"bmc is the default of host c1.*--new-default"):
        full.unlink("c1", "bmc")
    with pytest.raises(BadInput, match="relay can't be the default of host c1"):
        full.unlink("c1", "bmc", new_default="relay")
    assert len(full.of("c1")) == 3
    full.unlink("c1", "bmc", new_default="board")
    assert linked(full, "c1") == [("board", 3, True), ("board", 4, True)]


def test_the_only_control_is_not_unlinked_without_force(full: PowerControls) -> None:
    with pytest.raises(BadInput, match=r"board is the only one of host c2.*--force"):
        full.unlink("c2", "board")
    full.unlink("c2", "board", force=True)
    assert full.of("c2") == ()
    full.link("c3", "board", 5)


def test_one_outlet_is_unlinked_or_all_of_them(full: PowerControls) -> None:
    full.unlink("c1", "board", 3, force=True)
    assert linked(full, "c1") == [("bmc", None, True), ("board", 4, False)]
    full.link("c1", "board", 3)
    full.unlink("c1", "board")
    assert linked(full, "c1") == [("bmc", None, True)]


def test_one_outlet_of_the_default_goes_and_the_others_stay_the_default(full: PowerControls) -> None:
    full.link("c1", "board", 3, default=True)
    full.unlink("c1", "board", 3, force=True)
    assert linked(full, "c1") == [("board", 4, True), ("bmc", None, False)]


@pytest.mark.parametrize(
    ("host", "title", "outlet", "named"),
    [("c1", "nothing", None, "nothing"), ("c9", "bmc", None, "c9"), ("c1", "board", 7, "c1 is not linked")],
)
def test_what_is_not_linked_can_not_be_unlinked(
    full: PowerControls, host: str, title: str, outlet: int | None, named: str
) -> None:
    with pytest.raises(BadInput, match=named):
        full.unlink(host, title, outlet, force=True)
    assert len(full.of("c1")) == 3


def test_a_control_in_use_is_removed_only_by_force_which_tells_the_defaults_that_follow(full: PowerControls) -> None:
    full.link("c1", "board", 3, default=True)
    with pytest.raises(BadInput, match=r"board switches c1.*--force"):
        full.remove("board", force=False)
    assert full.remove("board", force=True) == {"c1": "bmc", "c2": ""}
    assert linked(full, "c1") == [("bmc", None, True)]
    assert full.remove("relay", force=False) == {}
    assert [control.title for control, _ in full.list()] == ["blades", "bmc", "lab"]
    with pytest.raises(BadInput, match="relay is unknown"):
        full.remove("relay", force=True)


def test_an_initialisation_is_remembered_for_its_outlet_with_the_identity(full: PowerControls) -> None:
    full.initialised("c1", "board", 7.5, "SERIAL-1", 4)
    three, four = full.of("c1")[1:]
    assert (three.initialised_at, three.identity) == (None, "")
    assert (four.initialised_at, four.verified_at, four.identity) == (7.5, 7.5, "SERIAL-1")
    full.initialised("c1", "board", 8.5, "", 4)
    assert full.of("c1")[2].identity == "SERIAL-1"


def test_a_forgotten_identity_must_be_recorded_anew(full: PowerControls) -> None:
    full.initialised("c1", "bmc", 7.5, "SERIAL-1")
    assert full.forget_identity("bmc") == 1
    assert full.forget_identity("bmc") == 0
    link = full.of("c1")[0]
    assert (link.identity, link.initialised_at, link.verified_at) == ("", None, None)
    with pytest.raises(BadInput, match="nothing is unknown"):
        full.forget_identity("nothing")


def test_the_last_reading_is_kept_beside_the_last_good_one(full: PowerControls) -> None:
    full.verified("c1", "board", 5.0, 4)
    full.checked("c1", "board", Check(6.0, Power.UNKNOWN, "wrong password"), 4)
    three, four = full.of("c1")[1:]
    assert (three.check, three.failing) == (None, False)
    assert (four.check, four.failing) == (Check(6.0, Power.UNKNOWN, "wrong password"), True)
    assert four.verified_at == 5.0
    full.checked("c1", "board", Check(7.0, Power.OFF), 4)
    assert not full.of("c1")[2].failing


@pytest.mark.parametrize("outlet", [None, 8])
def test_a_finding_about_what_is_not_linked_is_refused_by_name(full: PowerControls, outlet: int | None) -> None:
    for record in (
        lambda: full.verified("c2", "bmc" if outlet is None else "board", 1.0, outlet),
        lambda: full.initialised("c2", "bmc" if outlet is None else "board", 1.0, "X", outlet),
        lambda: full.checked("c2", "bmc" if outlet is None else "board", Check(1.0, Power.ON), outlet),
    ):
        with pytest.raises(BadInput, match="host c2 is not linked to power control"):
            record()


def test_an_action_is_logged_before_its_result_is_known(full: PowerControls) -> None:
    number = full.begin("power.off", "c1", "bmc")
    assert [(a.action, a.subject, a.result) for a in full.actions(1)] == [("power.off", "c1", "")]
    full.conclude(number, "ok", "is off")
    (last,) = full.actions(1)
    assert (last.who, last.result, last.details) == ("operator", "ok", "bmc: is off")
    assert [a.action for a in full.actions(2)] == ["power_control.link", "power.off"]
