# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for tests against a real lab.

`lab`: the one on slot AOS_LAB_SLOT; made at the start and removed at the end, unless AOS_LAB_KEEP=1: then a running one
is used, and it stays. AOS_LAB_HOSTS: how many hosts. `sound_lab`: the same, reset for this test.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab.client import Lab

HOSTS = int(os.environ.get("AOS_LAB_HOSTS") or 6)


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    lab = Lab()
    keep = os.environ.get("AOS_LAB_KEEP") == "1"
    if not keep:
        lab.down()
    if not lab.is_up():
        lab.up(hosts=HOSTS)
    yield lab
    if not keep:
        lab.down()


@pytest.fixture
def sound_lab(lab: Lab) -> Lab:
    lab.reset()
    return lab
