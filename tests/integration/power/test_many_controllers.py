# SPDX-License-Identifier: GPL-3.0-or-later
"""A rack loses its hosts at once. `./dev bench --only power` does the same with 50 controllers."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_switch import Limits
from tests.integration.power.fleet import fleet, right, switch_all

COUNT = 10
LIMITS = Limits(8, 2, 0.3)


def test_ten_hosts_are_confirmed_off_at_once_and_a_frozen_controller_is_unknown_in_time(tmp_path: Path) -> None:
    with fleet(tmp_path, COUNT) as bmcs:
        for _turn in range(2):
            for bmc in bmcs:
                bmc.host_is("on")
            assert right(bmcs, switch_all(bmcs, "off", LIMITS)) == COUNT
        for bmc in bmcs:
            bmc.host_is("on")
        bmcs[3].fault("silent")
        turn = switch_all(bmcs, "off", LIMITS)
        assert right(bmcs, turn) == COUNT - 1
        assert turn.results[3] == "UNKNOWN"
        assert "compute-004: power control bmc" in turn.powers[3]["message"]
        assert "check its address and port" in turn.powers[3]["message"]
        assert bmcs[3].host_state == "on"
        assert turn.seconds < LIMITS.timeout + 2
