# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.fake_power import FakeBench
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.power_contract import (
    PowerControlContract,
    SeveralOutletsContract,
)


class TestFakePowerControl(PowerControlContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> FakeBench:
        return FakeBench(tmp_path)


class TestFakeOutlets(SeveralOutletsContract):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> FakeBench:
        return FakeBench(tmp_path, outlets=2)
