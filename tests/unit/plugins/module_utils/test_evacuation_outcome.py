# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Migration, Server
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation import Move, Phase, Settings
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_outcome import checked
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.simulated_nova import DEAD, SPARE, a_server

NOW = 1000.0
SETTINGS = Settings(settle=10.0, polls=5)


def a_move(before: str = "ACTIVE", ended: str = "done", **fields: t.Any) -> Move:
    """A server whose evacuation has ended."""
    move = Move(a_server("web", before), DEAD, 5, phase=Phase.WATCHING, attempts=1, accepted_at=NOW - 5)
    move.migration = Migration(1, "web", DEAD, SPARE, ended, NOW - 5, NOW)
    for name, value in fields.items():
        setattr(move, name, value)
    return move


def here(status: str = "ACTIVE", **fields: t.Any) -> Server:
    return a_server("web", status, **fields)


def there(status: str = "ACTIVE", **fields: t.Any) -> Server:
    return a_server("web", status, host=SPARE, **fields)


@pytest.mark.parametrize("status", ["ACTIVE", "SHUTOFF"])
def test_a_server_that_is_elsewhere_as_it_was_is_evacuated(status: str) -> None:
    move = a_move(status)
    checked(move, there(status), None, SETTINGS, NOW)
    assert (move.outcome, move.destination, move.finished_at) == ("evacuated", SPARE, NOW)


def test_a_server_that_still_has_a_task_is_not_there_yet() -> None:
    move = a_move()
    checked(move, there(task_state="powering-off"), None, SETTINGS, NOW)
    assert move.phase is Phase.WATCHING
    move.polls = SETTINGS.polls
    checked(move, there(task_state="powering-off"), None, SETTINGS, NOW)
    assert move.outcome == "moving"


def test_a_server_in_another_state_is_given_time_and_then_reported() -> None:
    move = a_move("SHUTOFF")
    checked(move, there("ACTIVE"), None, SETTINGS, NOW)
    assert move.phase is Phase.WATCHING
    checked(move, there("ACTIVE"), None, SETTINGS, NOW + SETTINGS.settle)
    assert (move.outcome, move.notes) == ("evacuated", ["is ACTIVE now, SHUTOFF was expected"])


def test_a_server_that_nova_started_although_it_was_off_is_stopped_once() -> None:
    move = a_move("ERROR", wants_stopped=True, stop_after=True)
    assert checked(move, there("ACTIVE"), None, SETTINGS, NOW)
    assert not checked(move, there("ACTIVE"), None, SETTINGS, NOW)
    checked(move, there("SHUTOFF"), None, SETTINGS, NOW + 1)
    assert move.outcome == "evacuated"


def test_a_server_in_error_elsewhere_has_failed_with_novas_word_for_it() -> None:
    move = a_move()
    checked(move, there("ERROR", fault="disk is broken"), None, SETTINGS, NOW)
    assert move.outcome == "failed"
    assert "disk is broken" in move.notes[0]


@pytest.mark.parametrize("ended", ["error", "failed", "cancelled"])
def test_a_failed_evacuation_counts_once_nova_has_let_go_of_the_server(ended: str) -> None:
    move = a_move(ended=ended)
    checked(move, here(task_state="rebuilding"), None, SETTINGS, NOW)
    assert move.phase is Phase.WATCHING
    checked(move, here("ERROR"), None, SETTINGS, NOW + 1)
    assert move.phase is Phase.WAITING
    assert not move.ignore_task


def test_a_task_that_a_failed_evacuation_left_behind_is_overridden_after_a_while() -> None:
    move = a_move(ended="error")
    checked(move, here(task_state="rebuilding"), None, SETTINGS, NOW)
    checked(move, here(task_state="rebuilding"), None, SETTINGS, NOW + SETTINGS.settle)
    assert move.phase is Phase.WAITING
    assert move.ignore_task


def test_an_evacuation_that_is_done_while_the_server_seems_to_stay_is_given_time() -> None:
    move = a_move(ended="done")
    checked(move, here(), None, SETTINGS, NOW)
    assert move.phase is Phase.WATCHING
    checked(move, there(), None, SETTINGS, NOW + 1)
    assert move.outcome == "evacuated"
