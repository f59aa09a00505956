# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that run side by side have a lab each."""

from __future__ import annotations

import pytest

from tests.lab.errors import LabError
from tests.lab.pytest_plugin import slot_of


@pytest.mark.parametrize(("worker", "slot"), [("master", 8), ("gw0", 8), ("gw1", 9)])
def test_every_worker_has_a_slot_of_its_own(worker, slot):
    assert slot_of(worker, {"AOS_LAB_SLOT": "8"}) == slot


def test_one_folder_is_not_shared_by_two_labs():
    environment = {"AOS_LAB_DIR": "/here"}
    assert slot_of("gw0", environment) == 0
    with pytest.raises(LabError, match="AOS_LAB_DIR is the folder of one lab: unset it"):
        slot_of("gw1", environment)
