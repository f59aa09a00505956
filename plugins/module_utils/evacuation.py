# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of an evacuation: settings, one server's move, what a request came to.

PRIVATE to the collection aos.cloud_manager: may change in any release.

Pure: no I/O, no clock. Times are epoch seconds.
"""

from __future__ import annotations

import dataclasses
import enum
import itertools
import math
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Migration, Server

LONGEST_DELAY = 3600.0
SUCCEEDED = frozenset({"done", "completed", "confirmed"})
ENDED = SUCCEEDED | {"error", "failed", "cancelled", "reverted"}
UNFINISHED = ("accepted", "pre-migrating")
EVACUABLE = frozenset({"active", "stopped", "error"})
POWERED_OFF = 4
POWERS_OFF = frozenset({"stop", "shelve"})
POWERS_ON = frozenset({"create", "start", "reboot", "unshelve", "resume", "unpause", "unrescue", "restore"})


class Phase(enum.Enum):
    """Where a move stands. Only WAITING moves are ever requested."""

    WAITING = "waiting"
    ASKING = "asking"
    UNCLEAR = "unclear"
    WATCHING = "watching"
    OVER = "over"


class Said(enum.Enum):
    """What one request for an evacuation came to."""

    ACCEPTED = "accepted"
    UNCLEAR = "unclear"  # sent, but the answer was lost: only a look tells whether it runs
    NOT_SENT = "not sent"  # the API was unavailable: no attempt was used up
    BUSY = "busy"  # Nova shows a rebuild without an evacuation yet: somebody asked a moment ago
    AGAIN = "again"  # refused for now
    REFUSED = "refused"  # refused for good
    HOST_UP = "host up"  # refused because nova-compute runs on the source
    ELSEWHERE = "elsewhere"  # the server is on another host already
    GONE = "gone"  # the server was deleted


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """How to evacuate. Seconds; priorities 0 to 10; retries counts all attempts on one server."""

    parallel: int = 10
    retries: int = 2
    polls: int = 60
    poll_interval: float = 2.0
    group_interval: float = 60.0
    default_priority: int = 5
    priority_key: str = "recovery_priority"
    delay_key: str = "evacuation_delay"
    evacuate_image_backed: bool = True
    shared_storage: bool = False
    settle: float = 10.0

    @property
    def attempt_seconds(self) -> float:
        """How long Nova is given for one attempt."""
        return self.polls * self.poll_interval


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """The result of one request. wants_stopped, stop_after: see Move; server: as read just before."""

    said: Said
    reason: str = ""
    server: Server | None = None
    wants_stopped: bool = False
    stop_after: bool = False
    note: str = ""


@dataclasses.dataclass(slots=True)
class Move:
    """One server on its way from its source to another host.

    wants_stopped: it was powered off before the failure, so it must end SHUTOFF.
    stop_after: Nova will bring it back running although it must end SHUTOFF.
    ignore_task: its task state was found to be a leftover, not somebody's work.
    known: ids of evacuations that are none of the current attempt; lost: ids of those that will never end.
    unsettled_since: since when Nova shows something that must soon become something else.
    """

    server: Server
    source: str
    priority: int
    delay: float = 0.0
    phase: Phase = Phase.WAITING
    wants_stopped: bool = False
    stop_after: bool = False
    ignore_task: bool = False
    attempts: int = 0
    polls: int = 0
    polled_at: float = 0.0
    not_before: float = 0.0
    changed_at: float = 0.0
    unsettled_since: float | None = None
    known: frozenset[int] = frozenset()
    lost: frozenset[int] = frozenset()
    requested_at: float | None = None
    accepted_at: float | None = None
    finished_at: float | None = None
    migration: Migration | None = None
    destination: str | None = None
    status: str = ""
    outcome: str = ""
    notes: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        self.status = self.server.status

    def note(self, text: str) -> None:
        """Add text to the reason, once."""
        if text and text not in self.notes:
            self.notes.append(text)

    def unsettled_for(self, seconds: float, now: float) -> bool:
        """Whether the unsettled state that is seen now has lasted that long."""
        if self.unsettled_since is None:
            self.unsettled_since = now
        return now - self.unsettled_since >= seconds

    def over(self, outcome: str, now: float, note: str = "") -> None:
        """The move has ended for this run."""
        self.phase, self.outcome, self.finished_at = Phase.OVER, outcome, now
        self.note(note)

    def report(self) -> dict[str, t.Any]:
        """What the module returns for this server."""
        return {
            "id": self.server.id,
            "name": self.server.name,
            "source": self.source,
            "destination": self.destination,
            "priority": self.priority,
            "status_before": self.server.status,
            "status": self.status,
            "outcome": self.outcome,
            "reason": "; ".join(self.notes),
            "attempts": self.attempts,
            "requested_at": self.requested_at,
            "accepted_at": self.accepted_at,
            "finished_at": self.finished_at,
            "migration_id": self.migration.id if self.migration else None,
            "image_backed": self.server.image_backed,
        }


def priority_of(server: Server, settings: Settings) -> tuple[int, str]:
    """The server's priority and a warning, empty if there is nothing to say."""
    text = server.metadata.get(settings.priority_key)
    if text is None:
        return settings.default_priority, ""
    try:
        value = int(str(text).strip())
    except ValueError:
        value = -1
    if 0 <= value <= 10:
        return value, ""
    return settings.default_priority, (
        f"server {server.name} ({server.id}): {settings.priority_key} is {shortened(text)}, not a whole number "
        f"from 0 to 10; the default {settings.default_priority} is used"
    )


def delay_of(server: Server, settings: Settings) -> tuple[float, str]:
    """The server's own delay in seconds and a warning, empty if there is nothing to say."""
    text = server.metadata.get(settings.delay_key)
    if text is None:
        return 0.0, ""
    try:
        value = float(str(text).strip())
    except ValueError:
        value = math.nan
    if 0 <= value <= LONGEST_DELAY:
        return value, ""
    used = LONGEST_DELAY if value > LONGEST_DELAY and math.isfinite(value) else 0.0
    return used, (
        f"server {server.name} ({server.id}): {settings.delay_key} is {shortened(text)}, not a number of seconds "
        f"from 0 to {LONGEST_DELAY:.0f}; {used:.0f} is used"
    )


def shortened(text: str) -> str:
    """A tenant's text, safe to repeat in a message."""
    return repr(str(text)[:40])


def why_left(server: Server, priority: int, settings: Settings) -> str:
    """Why the server is not evacuated; empty if it is to be."""
    if not server.launched:
        return "was never launched: nothing of it exists to be moved; delete it, or build it anew"
    if server.vm_state in ("soft-delete", "deleted"):
        return "is deleted and only kept for restoring"
    if server.image_backed and not settings.evacuate_image_backed:
        return "has its disk on the host (image-backed), and image_backed is skip"
    if priority == 0:
        return "has priority 0"
    return ""


def was_stopped(server: Server, actions: t.Sequence[str]) -> bool:
    """Whether the server was powered off before anything was done about its host's failure.

    actions: names from the server's history in Nova, newest first. A failed attempt turns a stopped server to
    ERROR, and a reset turns it to ACTIVE; the history keeps what its owner wanted across both, and across a
    restart of this program.
    """
    if server.vm_state == "stopped" or server.status in ("SHUTOFF", "SHELVED"):
        return True
    if server.vm_state == "active" and "resetState" not in leading(actions):
        return False
    if server.vm_state not in ("active", "error"):
        return False
    for action in actions:
        if action in POWERS_OFF or action in POWERS_ON:
            return action in POWERS_OFF
    return server.power_state == POWERED_OFF


def leading(actions: t.Sequence[str]) -> list[str]:
    """The newest actions, as far as they belong to the recovery itself."""
    return list(itertools.takewhile(lambda action: action in ("resetState", "evacuate"), actions))


def needs_history(server: Server) -> bool:
    """Whether status alone does not tell if the server was powered off before the failure."""
    return server.vm_state == "error" or (server.vm_state == "active" and server.power_state != 1)
