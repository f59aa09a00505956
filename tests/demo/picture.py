# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of the recovery so far.

Times are seconds since the epoch; what is shown is relative to the power cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]

HOST = "OS-EXT-SRV-ATTR:host"
DOWN, ACTS, OFF, FORCED, MOVING, BACK, RECOVERED = range(7)
SENTENCES = (
    "Nova calls the host down",
    "the watchdog is sure, and acts",
    "power-off is confirmed",
    "service is forced down and disabled",
    "first evacuation is accepted",
    "all servers are ACTIVE elsewhere",
    "the incident is recovered",
)
# State and words of the line in the incident's timeline that proves a milestone.
PROOFS = {
    ACTS: ("RECOVERING", "down: powering off"),
    OFF: ("RECOVERING", "confirmed power-off"),
    FORCED: ("RECOVERING", "forced down"),
    RECOVERED: ("RECOVERED", ""),
}


@dataclass(slots=True)
class Server:
    """back_at: when it was first seen ACTIVE on another host than source."""

    id: str
    name: str
    priority: int
    source: str
    place: str
    status: str
    back_at: float | None = None


@dataclass(slots=True)
class Picture:
    """says: the watchdog's newest sentence. Each see_* takes in one look and returns its news: (when, words)."""

    victim: str
    cut_at: float
    servers: list[Server]
    reached: dict[int, float] = field(default_factory=dict)
    says: str = ""
    steps_seen: int = 0

    @property
    def complete(self) -> bool:
        """Every server is ACTIVE on another host."""
        return all(server.back_at is not None for server in self.servers)

    @property
    def back(self) -> int:
        return sum(server.back_at is not None for server in self.servers)

    def since_cut(self, at: float) -> str:
        return f"{at - self.cut_at:+6.1f} s"

    def see_service(self, service: Row, now: float) -> list[tuple[float, str]]:
        return self._reach(DOWN, now) if service["state"] == "down" else []

    def see_servers(self, rows: Iterable[Row], now: float) -> list[tuple[float, str]]:
        news, seen = [], {row["id"]: row for row in rows}
        for server in self.servers:
            row, before = seen[server.id], server.status
            server.place, server.status = row[HOST], row["status"]
            about = f"{server.name}, priority {server.priority}"
            if server.status == "REBUILD" != before:
                news += [*self._reach(MOVING, now), (now, f"{about}: is being evacuated")]
            if server.place != server.source and server.status == "ACTIVE" and server.back_at is None:
                server.back_at = now
                news.append((now, f"{about}: {way(server)}, {server.status}"))
            if server.status == "ERROR" != before:
                news.append((now, f"{about}: ERROR, will be tried again"))
        return news + (self._reach(BACK, now) if self.complete else [])

    def see_steps(self, steps: Sequence[Row]) -> list[tuple[float, str]]:
        """steps: the whole timeline. Its lines speak for themselves unless they are a milestone's proof."""
        news: list[tuple[float, str]] = []
        for step in steps[self.steps_seen :]:
            proven = [
                number for number, proof in PROOFS.items() if step["state"] == proof[0] and proof[1] in step["text"]
            ]
            milestones = [item for number in proven for item in self._reach(number, step["at"])]
            news += milestones or [(step["at"], f"watchdog: {step['text']}")]
            self.says = step["text"]
        self.steps_seen = len(steps)
        return news

    def see_moves(self, moves: Iterable[Row]) -> None:
        """The journal knows better than a look when Nova accepted the first request."""
        accepted = [move["accepted_at"] for move in moves if move["accepted_at"]]
        if accepted:
            self.reached[MOVING] = min(accepted)

    def _reach(self, milestone: int, at: float) -> list[tuple[float, str]]:
        if milestone in self.reached:
            return []
        self.reached[milestone] = at
        return [(at, SENTENCES[milestone])]


def way(server: Server) -> str:
    return server.source if server.place == server.source else f"{server.source} -> {server.place}"
