# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.power.bmc import Bmc

HOST = "compute-01.example.org"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bmc]:
    folder = tmp_path / "bmc"
    folder.mkdir()
    bmc = Bmc(folder, HOST)
    yield bmc
    bmc.close()
