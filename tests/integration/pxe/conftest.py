# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.pxe import dhcp


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[dhcp.Network]:
    with dhcp.network(tmp_path) as cable:
        yield cable
