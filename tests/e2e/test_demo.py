# SPDX-License-Identifier: GPL-3.0-or-later
"""The README's first command: it must work, and it must not say that all is well when it is not."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tests.demo.__main__ import verdict
from tests.demo.picture import BACK, HOST, Picture, Server
from tests.demo.screen import drawn, summary
from tests.demo.story import GROUPS, VICTIM
from tests.lab.client import Lab
from tests.lab.plan import REPOSITORY

CUT_AT = 1000.0


def a_picture() -> Picture:
    one, other = (Server(name, name, 5, VICTIM, VICTIM, "ACTIVE") for name in ("one", "other"))
    return Picture(VICTIM, CUT_AT, [one, other])


def row(server: str, host: str, status: str) -> dict[str, Any]:
    return {"id": server, HOST: host, "status": status}


@pytest.mark.parametrize(
    ("host", "status"), [(VICTIM, "ACTIVE"), (VICTIM, "REBUILD"), ("compute-02", "ERROR"), ("compute-02", "SHUTOFF")]
)
def test_the_demo_has_failed_while_one_server_is_not_active_elsewhere(host: str, status: str) -> None:
    picture = a_picture()
    picture.see_servers([row("one", "compute-03", "ACTIVE"), row("other", host, status)], CUT_AT + 20)
    assert not picture.complete
    assert BACK not in picture.reached
    assert verdict(picture) == f"NOT recovered: 1 of 2 servers of {VICTIM}."
    assert "never" in summary(picture)


def test_the_demo_has_succeeded_when_all_are_and_tells_when() -> None:
    picture = a_picture()
    news = picture.see_servers([row("one", "compute-03", "ACTIVE"), row("other", "compute-02", "ACTIVE")], CUT_AT + 20)
    assert picture.complete
    assert picture.reached[BACK] == CUT_AT + 20
    assert (CUT_AT + 20, f"one, priority 5: {VICTIM} -> compute-03, ACTIVE") in news
    assert any(VICTIM in line and "compute-03" in line and "+20.0 s" in line for line in drawn(picture, CUT_AT + 25))


def test_the_demo_recovers_every_server_and_leaves_a_lab_that_it_found(scene: Lab) -> None:
    command = [sys.executable, "-m", "tests.demo", "--slot", str(scene.plan.slot)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    count = sum(group.count for group in GROUPS)
    assert f"All {count} servers of {VICTIM} are recovered." in done.stdout
    table = [line.split() for line in done.stdout.partition("server  ")[2].splitlines()]
    assert sum(len(cells) == 6 and cells[2] == VICTIM != cells[3] and cells[4] == "ACTIVE" for cells in table) == count
    assert scene.is_up()
