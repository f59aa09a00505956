# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.power.bmc import Bmc
from tests.integration.power.site import HOST, Site


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bmc]:
    folder = tmp_path / "bmc"
    folder.mkdir()
    bmc = Bmc(folder, HOST)
    yield bmc
    bmc.close()


@pytest.fixture
def second(tmp_path: Path) -> Iterator[Bmc]:
    folder = tmp_path / "second"
    folder.mkdir()
    bmc = Bmc(folder, HOST, number=2)
    yield bmc
    bmc.close()


@pytest.fixture
def site(tmp_path: Path, bench: Bmc) -> Site:
    site = Site(tmp_path, bench)
    site.write()
    return site
