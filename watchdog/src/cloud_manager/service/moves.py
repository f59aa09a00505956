# SPDX-License-Identifier: GPL-3.0-or-later
"""Every server of an incident, from before its first evacuation to its last state, written from what Nova shows.

A playbook tells more, and sooner; but when it dies with its daemon, this is what is known.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from cloud_manager.domain.facts import Facts
from cloud_manager.domain.records import HostRecord, Records, State
from cloud_manager.ports import Cloud, Journal, Move
from cloud_manager.service.turns import Turns

WATCHED = (State.RECOVERING, State.FAILED, State.HELD, State.RECOVERED)


@dataclass(slots=True)
class _Incident:
    """opened_at: s since epoch, our clock. moves: by server, as last written. complete: nothing more will change."""

    opened_at: float
    moves: dict[str, Move] = field(default_factory=dict)
    complete: bool = False


class MoveTracker:
    """Keeps the journal's moves up with Nova; what is unchanged since it was written is not written again."""

    def __init__(self, cloud: Cloud, journal: Journal, turns: Turns) -> None:
        self._cloud = cloud
        self._journal = journal
        self._turns = turns
        self._incidents: dict[int, _Incident] = {}
        self._lock = threading.Lock()

    def reported(self, incident: int, moves: Sequence[Move]) -> None:
        """A playbook told these, and they are written: it knows the times better than Nova's list of migrations."""
        with self._lock:
            known = self._incidents.get(incident)
            if known is not None:
                known.moves.update({move.server_id: move for move in moves})
                known.complete = False

    def track(self, facts: Facts, records: Records) -> None:
        """Raises StoreUnavailable. What Nova can't be asked now is left to the next cycle."""
        open_now = {record.incident for record in records.hosts.values()}
        self._incidents = {number: known for number, known in self._incidents.items() if number in open_now}
        if facts.error:
            return
        watched = {
            record.name: (record, record.incident)
            for record in records.hosts.values()
            if record.incident is not None and record.job and record.state in WATCHED
        }
        self._turns.ask(watched, lambda host: self._follow(*watched[host], facts), "moves")

    def _follow(self, record: HostRecord, incident: int, facts: Facts) -> None:
        known = self._incidents.get(incident)
        if known is None:
            report = self._journal.incident(incident)
            known = _Incident(report.summary.opened_at, {move.server_id: move for move in report.moves})
            self._incidents[incident] = known
        if record.state is not State.RECOVERED:
            known.complete = False
        if known.complete:
            return
        news = [*self._waiting(record.name, known, facts), *self._moved(record.name, known, facts)]
        self._write(incident, known, news)
        if record.state is State.RECOVERED:
            self._write(incident, known, self._arrived(known))
            known.complete = True

    def _waiting(self, host: str, known: _Incident, facts: Facts) -> list[Move]:
        servers = facts.servers.get(host)
        if servers is None and not known.moves:
            servers = self._cloud.servers_on(host)
        return [
            Move(server.id, server.name, host, status_before=server.status)
            for server in servers or ()
            if server.id not in known.moves
        ]

    def _moved(self, host: str, known: _Incident, facts: Facts) -> Iterable[Move]:
        """Nova's clock need not agree with ours; its newest heartbeat tells by how much."""
        skew = facts.nova_now - facts.now if facts.nova_now is not None else 0.0
        for move in self._cloud.moves_from(host, known.opened_at + min(skew, 0.0)):
            before = known.moves.get(move.server_id)
            if before is None or (before.outcome, before.destination) != (move.outcome, move.destination):
                yield move

    def _arrived(self, known: _Incident) -> Iterable[Move]:
        """Name and status of evacuated servers where no playbook lived to tell them."""
        untold = [m for m in known.moves.values() if m.outcome == "evacuated" and not (m.status and m.name)]
        for destination in sorted({move.destination for move in untold if move.destination}):
            there = {server.id: server for server in self._cloud.servers_on(destination)}
            for move in untold:
                if move.destination == destination and move.server_id in there:
                    server = there[move.server_id]
                    yield replace(move, name=server.name, status=server.status)

    def _write(self, incident: int, known: _Incident, news: Iterable[Move]) -> None:
        moves = list(news)
        if moves:
            self._journal.write_moves(incident, moves)
            with self._lock:
                for move in moves:
                    before = known.moves.get(move.server_id)
                    known.moves[move.server_id] = _together(before, move) if before else move


def _together(before: Move, move: Move) -> Move:
    """Nova's list of migrations has neither names nor states."""
    return replace(move, name=move.name or before.name, status=move.status or before.status)
