# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of one server's move: after a request, and after a look at the server.

PRIVATE to the collection aos.cloud_manager: may change in any release.

Pure: no I/O, no clock. Times are epoch seconds.
"""

from __future__ import annotations

import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Migration, Server
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation import (
    ENDED,
    SUCCEEDED,
    Answer,
    Move,
    Phase,
    Said,
    Settings,
)


def overdue(move: Move, settings: Settings) -> bool:
    """Whether Nova has had all the time that one attempt is given."""
    return move.polls >= settings.polls


def answered(move: Move, answer: Answer, settings: Settings, now: float) -> None:
    """Take in what a request came to."""
    move.wants_stopped = move.wants_stopped or answer.wants_stopped
    move.stop_after = answer.stop_after
    move.note(answer.note)
    move.changed_at, move.polls, move.polled_at = now, 0, now
    if answer.said is not Said.BUSY:
        move.unsettled_since = None
    _AFTER[answer.said](move, answer, settings, now)


def checked(move: Move, server: Server | None, flying: Migration | None, settings: Settings, now: float) -> bool:
    """Take in the server as read after a look; flying: its evacuation in flight. Whether to stop the server now."""
    if server is None:
        move.over("left", now, "was deleted meanwhile")
        return False
    move.status = server.status
    if server.host and server.host != move.source:
        return arrived(move, server, settings, now)
    if flying:
        if overdue(move, settings):
            move.over("moving", now, still_moving(flying, settings))
    elif has_settled(move, server, settings, now):
        attempt_failed(move, server, settings, now)
    return False


def has_settled(move: Move, server: Server, settings: Settings, now: float) -> bool:
    """Whether an evacuation that is over leaves the server in its last state.

    Nova ends the evacuation's record a moment before, or after, it ends the server's task. A request whose
    answer was lost has been waited for already.
    """
    failed = move.migration is not None and move.migration.status in ENDED - SUCCEEDED
    if (failed or move.phase is Phase.UNCLEAR) and not server.task_state:
        return True
    return move.unsettled_for(settings.settle, now)


def arrived(move: Move, server: Server, settings: Settings, now: float) -> bool:
    """The server is on another host. Whether to stop it now, because it must end stopped and runs."""
    move.destination, move.status = server.host, server.status
    expected = "SHUTOFF" if move.wants_stopped or move.server.status == "SHUTOFF" else "ACTIVE"
    if server.status == "ERROR":
        move.over("failed", now, f"is on {server.host} in state ERROR: {server.fault or 'see its events in Nova'}")
    elif server.task_state:
        if overdue(move, settings):
            move.over("moving", now, f"is on {server.host}, where its task {server.task_state} goes on")
    elif server.status == expected:
        move.over("evacuated", now)
    elif expected == "SHUTOFF" and server.status == "ACTIVE" and move.stop_after:
        move.stop_after = False
        return True
    elif overdue(move, settings) or move.unsettled_for(settings.settle, now):
        move.over("evacuated", now, f"is {server.status} now, {expected} was expected")
    return False


def attempt_failed(move: Move, server: Server, settings: Settings, now: float, lost: str = "") -> None:
    """The attempt has ended and the server is still on its source. lost: why it will never end by itself."""
    if lost and move.migration:
        move.lost |= {move.migration.id}
    how = lost or (f"ended as {move.migration.status}" if move.migration else "was never seen in Nova")
    fault = f" ({server.fault})" if server.fault else ""
    move.note(f"attempt {max(move.attempts, 1)}: the evacuation {how}; the server is {server.status}{fault}")
    move.ignore_task = bool(server.task_state)
    try_again(move, settings, now)


def try_again(move: Move, settings: Settings, now: float) -> None:
    """Wait for the next attempt, or give up after the last."""
    if move.attempts >= settings.retries:
        move.over("failed", now, f"given up after {move.attempts} attempts; see 'openstack server event list'")
        return
    move.phase, move.changed_at = Phase.WAITING, now
    move.unsettled_since, move.migration = None, None
    move.not_before = now + settings.poll_interval * 2 ** max(move.attempts - 1, 0)


def still_moving(found: Migration, settings: Settings) -> str:
    """The sentence for an evacuation that Nova has not ended in time."""
    return (
        f"evacuation {found.id} stayed {found.status} for {settings.attempt_seconds:.0f} s or more; it is not asked "
        f"for twice: Nova may still end it, and the next run watches it again"
    )


def _accepted(move: Move, _answer: Answer, _settings: Settings, now: float) -> None:
    move.attempts += 1
    move.accepted_at = move.accepted_at or now
    move.phase, move.migration, move.ignore_task = Phase.WATCHING, None, False


def _unclear(move: Move, answer: Answer, _settings: Settings, _now: float) -> None:
    move.attempts += 1
    move.note(f"attempt {move.attempts}: {answer.reason}")
    move.phase, move.migration, move.ignore_task = Phase.UNCLEAR, None, False


def _not_sent(move: Move, _answer: Answer, _settings: Settings, now: float) -> None:
    move.phase, move.not_before = Phase.WAITING, now + 1.0
    if not move.attempts:
        move.requested_at = None


def _busy(move: Move, answer: Answer, settings: Settings, now: float) -> None:
    """Somebody has asked a moment ago, or died between two steps of asking: which of both, time tells."""
    move.ignore_task = move.unsettled_for(settings.settle, now)
    move.note(answer.reason)
    _not_sent(move, answer, settings, now)


def _again(move: Move, answer: Answer, settings: Settings, now: float) -> None:
    move.attempts += 1
    move.note(f"attempt {move.attempts}: Nova refused it: {answer.reason}")
    try_again(move, settings, now)


def _refused(move: Move, answer: Answer, _settings: Settings, now: float) -> None:
    move.attempts += 1
    move.over("failed", now, f"Nova refused it: {answer.reason}")


def _host_up(move: Move, answer: Answer, _settings: Settings, now: float) -> None:
    move.attempts += 1
    move.over("failed", now, host_up(move.source, answer.reason))


def host_up(host: str, reason: str) -> str:
    """The sentence for a source that Nova takes for alive."""
    return (
        f"nova-compute on {host} may run ({reason}), so nothing more is evacuated from it; "
        f"power it off, force its service down, and run again"
    )


def _elsewhere(move: Move, answer: Answer, settings: Settings, now: float) -> None:
    move.phase, move.accepted_at = Phase.WATCHING, move.accepted_at or now
    move.note("" if move.attempts else "was moved by somebody else")
    if answer.server:
        arrived(move, answer.server, settings, now)


def _gone(move: Move, answer: Answer, _settings: Settings, now: float) -> None:
    move.over("left", now, answer.reason)


_AFTER: dict[Said, t.Callable[[Move, Answer, Settings, float], None]] = {
    Said.ACCEPTED: _accepted,
    Said.UNCLEAR: _unclear,
    Said.NOT_SENT: _not_sent,
    Said.BUSY: _busy,
    Said.AGAIN: _again,
    Said.REFUSED: _refused,
    Said.HOST_UP: _host_up,
    Said.ELSEWHERE: _elsewhere,
    Said.GONE: _gone,
}
