# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be done next in an evacuation.

PRIVATE to the collection aos.cloud_manager: may change in any release.

Pure: servers, evacuations and the time come in, moves to request and to check come out. It keeps nothing that
Nova does not show again, so a new plan made from Nova's lists at any moment goes on where a killed one stopped.

What holds:
- a move is requested only while it is WAITING, which it never is while Nova shows an evacuation of its server
  in flight, except one that was found to be lost;
- at most settings.parallel evacuations are in flight, those that others asked for included;
- a group of lower priority begins group_interval after the one before, when that one's requests were accepted.
"""

from __future__ import annotations

import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils import evacuation_outcome as outcome
from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Migration, Server
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation import (
    Answer,
    Move,
    Phase,
    Said,
    Settings,
    delay_of,
    priority_of,
    why_left,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_flights import Flights


class EvacuationPlan:
    """The moves of all servers on the hosts to be emptied, highest priority first."""

    def __init__(self, settings: Settings, servers: t.Iterable[Server], now: float) -> None:
        self.settings = settings
        self.moves: list[Move] = []
        self.warnings: list[str] = []
        self._flights = Flights(settings.attempt_seconds)
        self._begun: dict[int, float] = {}
        self._living: dict[str, str] = {}
        for server in servers:
            self._add(server, now)
        self.moves.sort(key=lambda move: -move.priority)

    @property
    def finished(self) -> bool:
        """Whether every server has its outcome."""
        return all(move.phase is Phase.OVER for move in self.moves)

    @property
    def waiting(self) -> set[str]:
        """The hosts that servers still wait to be moved off."""
        return {move.source for move in self.moves if move.phase is Phase.WAITING}

    @property
    def flying(self) -> set[str]:
        """Servers whose evacuation takes one of the places: Nova works on it, or we have just asked."""
        return self._flights.servers | {
            move.server.id
            for move in self.moves
            if move.phase in (Phase.ASKING, Phase.UNCLEAR) or (move.phase is Phase.WATCHING and not move.migration)
        }

    def add_moved(self, server: Server, migration: Migration, now: float) -> None:
        """Account for a server that an earlier run evacuated in this outage: its group has begun already."""
        move = self._add(server, now, migration.source)
        move.migration, move.destination = migration, server.host
        move.requested_at = move.accepted_at = min(migration.created_at, now)
        move.over("evacuated", min(migration.updated_at, now), "was evacuated before this run")
        self.moves.sort(key=lambda one: -one.priority)

    def due(self, now: float) -> list[Move]:
        """Waiting moves that may be requested, if places are free; begins the groups whose time has come."""
        found: list[Move] = []
        previous: int | None = None
        for priority, group in self._groups():
            if priority not in self._begun:
                if previous is not None and not self._may_follow(previous, now):
                    break
                self._begun[priority] = min([now] + [move.accepted_at for move in group if move.accepted_at])
            found.extend(move for move in group if self._is_due(move, now))
            previous = priority
        return found

    def requests(self, now: float, at_most: int) -> list[Move]:
        """The moves to request now. They are ASKING until answered() tells what came of it."""
        chosen = self.due(now)[: max(0, min(at_most, self.settings.parallel - len(self.flying)))]
        for move in chosen:
            move.phase, move.changed_at = Phase.ASKING, now
            move.requested_at = move.requested_at or now
            move.known = self._flights.known(move.server.id)
        return chosen

    def answered(self, move: Move, answer: Answer, now: float) -> None:
        """Take in what a request came to."""
        outcome.answered(move, answer, self.settings, now)
        if answer.said is Said.HOST_UP:
            self._living[move.source] = answer.reason
        self._leave_living(now)

    def source_lives(self, host: str, why: str, now: float) -> None:
        """Request nothing more, from now on, from a host that shows a sign of life."""
        self._living[host] = why
        self._leave_living(now)

    def looked(self, evacuations: t.Iterable[Migration], now: float) -> None:
        """Take in a complete list of evacuations."""
        own = {move.server.id for move in self.moves if move.phase is not Phase.OVER}
        lost = frozenset().union(*(move.lost for move in self.moves))
        self._flights.look(evacuations, own, lost, now)
        for move in self.moves:
            if move.phase in (Phase.WAITING, Phase.UNCLEAR):
                self._adopt(move, now)
            if move.phase is Phase.WATCHING:
                self._follow(move)
            if move.phase in (Phase.WATCHING, Phase.UNCLEAR) and now - move.polled_at >= self.settings.poll_interval:
                move.polls, move.polled_at = move.polls + 1, now
        self._warn_of_doubles()

    def to_check(self, look_started: float) -> list[Move]:
        """Moves whose server has to be read: their evacuation has ended, is overdue, or is not to be seen."""
        return [move for move in self.moves if self._needs_check(move, look_started)]

    def overdue(self, move: Move) -> tuple[Migration, Migration | None] | None:
        """The evacuation that is in flight for longer than an attempt is given, and the last one that ended."""
        flying = self._flights.flying(move.server.id)
        if not flying or not outcome.overdue(move, self.settings):
            return None
        return flying, self._flights.ended(move.server.id)

    def checked(self, move: Move, server: Server | None, now: float, lost: str = "") -> bool:
        """Take in a server as read after a look. Whether it has to be stopped now.

        lost: why its evacuation in flight will never end, if that is so.
        """
        stop = self._checked(move, server, now, lost)
        self._leave_living(now)
        return stop

    def _checked(self, move: Move, server: Server | None, now: float, lost: str) -> bool:
        if move.phase not in (Phase.WATCHING, Phase.UNCLEAR):
            return False
        if lost and server and server.host == move.source:
            move.status = server.status
            outcome.attempt_failed(move, server, self.settings, now, lost)
            return False
        return outcome.checked(move, server, self._flights.flying(move.server.id), self.settings, now)

    def stop(self, reason: str, now: float) -> None:
        """End all moves where they are."""
        for move in self.moves:
            if move.phase is Phase.WAITING:
                move.over("failed", now, reason)
            elif move.phase is not Phase.OVER:
                move.over("moving", now, reason)

    def _leave_living(self, now: float) -> None:
        for move in self.moves:
            if move.phase is Phase.WAITING and move.source in self._living:
                move.over("failed", now, outcome.host_up(move.source, self._living[move.source]))

    def _add(self, server: Server, now: float, source: str | None = None) -> Move:
        priority, warning = priority_of(server, self.settings)
        delay, second_warning = delay_of(server, self.settings)
        self.warnings.extend(text for text in (warning, second_warning) if text)
        move = Move(server, source or server.host or "", priority, delay, changed_at=now)
        self.moves.append(move)
        reason = "" if source else why_left(server, priority, self.settings)
        if not move.source:
            move.over("failed", now, "Nova cannot reach the cell it is in; look at the cell's database")
        elif reason:
            move.over("left", now, reason)
        return move

    def _groups(self) -> list[tuple[int, list[Move]]]:
        """(priority, moves) in the order of their turn, without servers that are never to be moved."""
        groups: dict[int, list[Move]] = {}
        for move in self.moves:
            if move.phase is not Phase.OVER or move.requested_at is not None:
                groups.setdefault(move.priority, []).append(move)
        return sorted(groups.items(), reverse=True)

    def _is_due(self, move: Move, now: float) -> bool:
        begun = self._begun[move.priority]
        return move.phase is Phase.WAITING and now >= max(move.not_before, begun + move.delay)

    def _may_follow(self, priority: int, now: float) -> bool:
        begun = self._begun[priority]
        if now < begun + self.settings.group_interval:
            return False
        return all(
            move.accepted_at is not None or move.phase is Phase.OVER
            for move in self.moves
            if move.priority == priority and now >= begun + move.delay
        )

    def _adopt(self, move: Move, now: float) -> None:
        """Watch an evacuation that Nova shows already, whoever asked for it."""
        found = self._flights.flying(move.server.id)
        ended = self._flights.ended(move.server.id)
        if move.phase is Phase.UNCLEAR and ended and ended.id not in move.known:
            found = found or ended
        if not found:
            return
        if move.phase is Phase.WAITING:
            move.note("an evacuation that was running already is watched")
            # one that Nova has not moved on for so long is judged at once, not after another such time
            move.polls = self.settings.polls if now - found.updated_at > self.settings.attempt_seconds else 0
            move.requested_at = move.requested_at or min(found.created_at, now)
        move.accepted_at = move.accepted_at or min(found.created_at, now)
        move.phase, move.migration, move.changed_at, move.polled_at = Phase.WATCHING, found, now, now

    def _follow(self, move: Move) -> None:
        for found in (self._flights.flying(move.server.id), self._flights.ended(move.server.id)):
            if found and found.id not in move.known:
                move.migration = found
                return

    def _needs_check(self, move: Move, look_started: float) -> bool:
        if move.phase is Phase.UNCLEAR:
            # a request that the API has not begun with yet must show before it may be repeated
            return look_started - move.changed_at >= 3 * self.settings.settle
        if move.phase is not Phase.WATCHING or look_started < move.changed_at:
            return False
        # beside a record that was lost, those of later attempts tell nothing sure
        return not self._flights.flying(move.server.id) or bool(move.lost) or outcome.overdue(move, self.settings)

    def _warn_of_doubles(self) -> None:
        for server, (one, other) in self._flights.doubled.items():
            text = f"server {server} has two evacuations in flight, {one} and {other}: two programs asked for it"
            if text not in self.warnings:
                self.warnings.append(text)
