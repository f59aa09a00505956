# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the holder of a lease lives: only what is certain counts as dead."""

from __future__ import annotations

import subprocess
import sys

from cloud_manager.adapters.identity import may_live, this_process

PROGRAM = "from cloud_manager.adapters.identity import this_process; print(this_process())"


def holder_of_a_dead_process() -> str:
    environment = {"PYTHONPATH": ":".join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()


def test_this_process_lives() -> None:
    assert may_live(this_process())


def test_a_process_that_has_ended_is_dead() -> None:
    assert not may_live(holder_of_a_dead_process())


def test_another_process_with_the_number_of_a_dead_one_is_not_the_holder() -> None:
    *place, number, _ = this_process().split("/")
    assert not may_live("/".join([*place, number, "12345"]))


def test_of_another_machine_container_or_boot_nothing_is_known() -> None:
    parts = holder_of_a_dead_process().split("/")
    for position in range(3):
        assert may_live("/".join([*parts[:position], "other", *parts[position + 1 :]]))


def test_a_holder_in_another_form_is_left_alone() -> None:
    for holder in ("", "ctl1", "a/b/c/d/e", "////"):
        assert may_live(holder)
