# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules that the watchdog and the collection both follow, because neither can import the other."""

from __future__ import annotations

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import identity_key as collections_key
from cloud_manager.domain.power import identity_key, kept_identity

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
