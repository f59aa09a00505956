# SPDX-License-Identifier: GPL-3.0-or-later
"""site, killed anywhere and run again, ends where an uninterrupted one ends."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable

import pytest

from tests.integration.deployment.sites import AS_IN_THE_GUIDE, Played, Site, kill, runs
from tests.lab.client import Lab
from tests.lab.progress import wait
from tests.targets import state

pytestmark = pytest.mark.timeout(2400)

BEGINS = "Validating arguments"
# Each run is killed before one of these tasks: the first of every role, and some in the middle.
BEFORE = [
    f"install : {BEGINS}",
    f"database : {BEGINS}",
    f"messaging : {BEGINS}",
    f"identity : {BEGINS}",
    f"configure : {BEGINS}",
    "configure : Give every controller the key",
    "database : Look for the configuration",
    f"logging : {BEGINS}",
    f"monitoring : {BEGINS}",
    f"services : {BEGINS}",
    "services : Let each unit know",
]
# What is secret is made anew.
NEW_EACH_TIME = re.compile(r"[-+] files: /etc/aos/cloud_manager.key -rw------- aos:aos \w+")


def killed_while(site: Site, moment: Callable[[], bool], words: str) -> None:
    """Run site, and kill it when a command with these words runs and the moment has come."""
    started = site.start("site", **AS_IN_THE_GUIDE)
    wait(lambda: started.poll() is not None or (runs(started, words) and moment()), 240, words, every=0.02)
    assert started.poll() is None, f"it ended before {words} ran"
    kill(started)


def tables(lab: Lab) -> int:
    ((found,),) = lab.sql("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'cloud_manager'")
    return int(found)


@pytest.fixture(scope="module")
def interrupted(uninterrupted, site) -> list[Played]:
    """The runs that were killed, each of which went on where the one before had ended, and those after them."""
    played = []
    for task in BEFORE:
        if task.startswith("database : V"):
            killed_while(site, lambda: True, "pip install")
        if task.startswith("logging"):
            killed_while(site, lambda: tables(site.lab) > 1, "db migrate")
            assert tables(site.lab) > 1
        played.append(
            site.play("site", environment={"AOS_KILLED_BEFORE": f"aos.cloud_manager.{task}"}, **AS_IN_THE_GUIDE)
        )
    abandoned = [*site.folder.glob("aos-install-*")]
    assert abandoned
    for place in abandoned:
        os.utime(place, (0, 0))
    return [*played, site.play("site", **AS_IN_THE_GUIDE), site.play("site", **AS_IN_THE_GUIDE)]


def test_each_run_was_killed_where_it_should(interrupted):
    assert [played.rc for played in interrupted[:-2]] == [-signal.SIGKILL] * len(BEFORE), interrupted[-3].output
    reached = [played.told[-1].task for played in interrupted[:-2]]
    assert len(set(reached)) == len(BEFORE)


def test_the_last_run_ends_right_and_the_next_finds_nothing_to_do(interrupted):
    ended, again = interrupted[-2:]
    assert ended.rc == 0, ended.output
    assert (again.rc, again.tasks("changed")) == (0, []), again.output


def test_what_the_killed_runs_left_on_the_control_node_is_gone(interrupted, site):
    assert [*site.folder.glob("aos-install-*")] == []


def test_the_end_is_that_of_an_uninterrupted_run(interrupted, uninterrupted, site):
    found = site.look()
    differing = state.differences(uninterrupted.found.state, found.state)
    assert [line for line in differing if not NEW_EACH_TIME.fullmatch(line)] == []
    assert found.settings == uninterrupted.found.settings
    assert found.packages == uninterrupted.found.packages
