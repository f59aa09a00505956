# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that the watchdog and the collection both follow, because neither can import the other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils import power_amt, power_redfish, power_relay, power_ssh
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_controls import DRIVERS
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import Control
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import identity_key as collections_key
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_secrets import SEPARATOR
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from cloud_manager.domain.power import PROTOCOLS, ControlType, identity_key, kept_identity

TOLD = ("SGH  123\tX4", " sn-1 ", "A\0B", "Straße", "a\u00a0b", "x" * 300, "x" * 254 + " y", "\ud800", "\n", "")


@pytest.mark.parametrize("told", TOLD)
def test_what_was_recorded_of_an_identity_is_the_same_identity_when_it_is_told_again(told: str) -> None:
    recorded = kept_identity(told)
    assert collections_key(recorded) == collections_key(told) == identity_key(told) == identity_key(recorded)
    assert kept_identity(recorded) == recorded
    assert len(recorded) <= 255


@pytest.mark.parametrize("other", ["SGH 124 X4", "SGH123X4", ""])
def test_another_identity_stays_another(other: str) -> None:
    assert collections_key(other) != collections_key("SGH 123 X4")
    assert identity_key(other) != identity_key("SGH 123 X4")


DRIVERS_OPTIONS = {
    "ipmi": (SEPARATOR,),
    "redfish": power_redfish.OPTIONS,
    "amt": power_amt.OPTIONS,
    "ssh": power_ssh.OPTIONS,
    **{name: (*DRIVERS[name].option_names, "inverted") for name in ("snmp", "modbus")},  # type: ignore[attr-defined]
}


def test_the_watchdog_knows_of_each_protocol_what_its_driver_takes() -> None:
    assert PROTOCOLS.keys() == DRIVERS.keys() == DRIVERS_OPTIONS.keys()
    for name, facts in PROTOCOLS.items():
        driver = DRIVERS[name]
        relay = facts.type is ControlType.RELAY
        assert (facts.port, facts.tells_identity) == (driver.default_port, driver.tells_identity())
        assert (relay, facts.outlets) == (driver.cuts_supply, power_relay.OUTLETS if relay else 0)
        assert sorted(facts.options) == sorted(DRIVERS_OPTIONS[name])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_driver_refuses_what_the_watchdog_refuses(protocol: str) -> None:
    outlets = PROTOCOLS[protocol].outlets
    credential = "" if protocol == "modbus" else "secret"
    control = Control("c1", "x", protocol, "192.0.2.1", PROTOCOLS[protocol].port, None, credential, credential)
    for outlet, options, named in ((outlets or None, {"colour": 1}, "colour"), (outlets + 1, {}, "outlet")):
        wrong = replace(control, outlet=outlet, options=options)
        with pytest.raises(AosError, match=named):
            DRIVERS[protocol]().check(wrong)
