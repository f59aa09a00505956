# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for tests against a real lab.

`lab`: the one on slot AOS_LAB_SLOT; made at the start and removed at the end, unless AOS_LAB_KEEP=1: then a running one
is used, and it stays. Every worker of pytest-xdist has a lab of its own: the first on that slot, the second on the next
one. AOS_LAB_HOSTS: how many hosts. `sound_lab`: the same, reset for this test.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import pytest

from tests.lab.client import Lab
from tests.lab.errors import LabError
from tests.lab.plan import Plan

HOSTS = int(os.environ.get("AOS_LAB_HOSTS") or 6)


@pytest.fixture(scope="session")
def lab(worker_id: str) -> Iterator[Lab]:
    lab = Lab(slot_of(worker_id))
    keep = os.environ.get("AOS_LAB_KEEP") == "1"
    if not keep:
        lab.down()
    if not lab.is_up():
        lab.up(hosts=HOSTS)
    yield lab
    if not keep:
        lab.down()


def slot_of(worker: str, environ: Mapping[str, str] = os.environ) -> int:
    """`worker` as pytest-xdist names it: gw0, gw1 ..., or master, which is alone."""
    number = int(worker.removeprefix("gw")) if worker != "master" else 0
    if number and environ.get("AOS_LAB_DIR"):
        raise LabError("AOS_LAB_DIR is the folder of one lab: unset it, or run pytest without --numprocesses")
    return Plan.from_environment(environ=environ).slot + number


@pytest.fixture
def sound_lab(lab: Lab) -> Lab:
    lab.reset()
    return lab
