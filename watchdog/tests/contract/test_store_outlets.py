# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts with several supplies at one power control."""

from __future__ import annotations

import pytest

from cloud_manager.domain.power import PowerControl, Secret
from cloud_manager.errors import BadInput
from watchdog.tests.contract.conftest import Store

BOARD = PowerControl("board", "snmp", "192.0.2.21", 161, "", Secret("private"), outlets=8)


def test_outlets_are_linked_all_or_none(store: Store) -> None:
    controls = store.power_controls()
    controls.add(BOARD)
    controls.link_outlets("c1", "board", (3, 4))
    for outlets in ((5, 9), (5, 4), (5, 5)):
        with pytest.raises(BadInput, match=f"outlet {outlets[1]}|linked to power control board already"):
            controls.link_outlets("c2", "board", outlets)
    assert {host: len(controls.of(host)) for host in ("c1", "c2")} == {"c1": 2, "c2": 0}


def test_some_of_a_hosts_outlets_are_unlinked_only_by_force(store: Store) -> None:
    controls = store.power_controls()
    controls.add(BOARD)
    controls.link_outlets("c1", "board", (3, 4))
    with pytest.raises(BadInput, match=r"c1 stays linked to outlet 4 of power control board.*outlet 3.*--force"):
        controls.unlink("c1", "board", 3)
    assert len(controls.of("c1")) == 2
    controls.unlink("c1", "board", 3, force=True)
    assert [link.outlet for link in controls.of("c1")] == [4]
