# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request for an evacuation: look at the server, make it ready, ask, say what came of it.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import dataclasses

from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud import CloudRefused, CloudUnavailable
from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Compute, Server
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation import (
    ENDED,
    EVACUABLE,
    Answer,
    Move,
    Said,
    needs_history,
    was_stopped,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

# Nova brings an evacuated server back stopped from this microversion on, whatever it was before.
STOPS_AFTER = "2.95"


@dataclasses.dataclass(frozen=True, slots=True)
class Readiness:
    """What stands before the request. answer: the end of it, if the server is not to be asked for."""

    answer: Answer | None = None
    reset: bool = False
    note: str = ""


def readiness(fresh: Server | None, source: str, ignore_task: bool) -> Readiness:
    """Whether, and after what, the server may be evacuated; fresh: as read just now."""
    if fresh is None:
        return Readiness(Answer(Said.GONE, "was deleted meanwhile"))
    if fresh.host is None:
        return Readiness(Answer(Said.AGAIN, "Nova does not tell its host (its cell is down)", fresh))
    if fresh.host != source:
        return Readiness(Answer(Said.ELSEWHERE, server=fresh))
    if is_rebuilding(fresh) and not ignore_task:
        return Readiness(Answer(Said.BUSY, f"task {fresh.task_state} is running", fresh))
    if fresh.vm_state in ("soft-delete", "deleted"):
        return Readiness(Answer(Said.GONE, "was deleted meanwhile", fresh))
    note = f"task {fresh.task_state} was stuck" if fresh.task_state else ""
    if fresh.vm_state not in EVACUABLE:
        return Readiness(reset=True, note=f"was {fresh.status}, its state was reset to evacuate it")
    return Readiness(note=note)


def is_rebuilding(server: Server) -> bool:
    """Whether an evacuation that was asked for a moment ago would look like this."""
    return (server.task_state or "").startswith("rebuild")


def ask(compute: Compute, move: Move) -> Answer:
    """Ask Nova to evacuate move.server, if it is still on its source and nobody else has asked.

    Nova itself accepts a second evacuation of a server whose first one runs, so the look just before is the
    protection against it. Never raises: every failure is an Answer.
    """
    try:
        fresh = compute.server(move.server.id, patience=0)
        ready = readiness(fresh, move.source, move.ignore_task)
        if ready.answer:
            return ready.answer
        if is_rebuilding(fresh) and in_flight(compute, move):
            return Answer(Said.BUSY, f"task {fresh.task_state} is running", fresh)
        stopped = move.wants_stopped or remembers_stop(compute, fresh)
    except CloudUnavailable as error:
        return Answer(Said.NOT_SENT, str(error))
    except AosError as error:
        return Answer(Said.REFUSED, str(error))
    answer = request(compute, move.source, fresh, ready.reset, stopped)
    return dataclasses.replace(answer, server=fresh, wants_stopped=stopped, note=ready.note)


def in_flight(compute: Compute, move: Move) -> bool:
    """Whether Nova lists an evacuation of the server that is not known to be lost."""
    listed = compute.evacuations(server_id=move.server.id, patience=0)
    return any(one.status not in ENDED and one.id not in move.lost for one in listed)


def remembers_stop(compute: Compute, fresh: Server) -> bool:
    """Whether the server has to end SHUTOFF, asking its history where its status cannot tell."""
    actions = [item["action"] for item in compute.actions(fresh.id)] if needs_history(fresh) else []
    return was_stopped(fresh, actions)


def request(compute: Compute, source: str, fresh: Server, reset: bool, stopped: bool) -> Answer:
    """Send the request; where it is refused for the server's state, reset that and ask once more."""
    # Nova keeps a stopped server stopped; one that is to end stopped but is in another state needs help
    reset = reset or (stopped and fresh.vm_state == "error")
    helped = stopped and (reset or fresh.vm_state == "active")
    answer = send(compute, fresh, reset, helped)
    if answer.said is not Said.AGAIN or reset:
        return answer
    again = compute_server(compute, fresh.id)
    if again is None or again.host != source or is_rebuilding(again):
        return Answer(Said.BUSY, "somebody else asked at the same time")
    return send(compute, fresh, True, stopped)


def compute_server(compute: Compute, server_id: str) -> Server | None:
    """The server, or None if it is gone or cannot be read now."""
    try:
        return compute.server(server_id, patience=0)
    except AosError:
        return None


def send(compute: Compute, fresh: Server, reset: bool, helped: bool) -> Answer:
    """Reset if asked to, and evacuate. helped: end stopped although Nova would start it."""
    stop_after = False
    try:
        if reset:
            compute.reset_state(fresh.id)
        try:
            compute.evacuate(fresh.id, STOPS_AFTER if helped else None)
        except CloudRefused as error:
            if not (helped and error.status in (400, 406)):
                raise
            stop_after = True  # Nova or one of its computes is older than 2.95
            compute.evacuate(fresh.id)
    except CloudUnavailable as error:
        return Answer(Said.UNCLEAR if error.sent else Said.NOT_SENT, str(error))
    except CloudRefused as error:
        return refused(error)
    except AosError as error:
        return Answer(Said.REFUSED, str(error))
    return Answer(Said.ACCEPTED, stop_after=stop_after)


def refused(error: CloudRefused) -> Answer:
    """What a refusal by Nova means for the server."""
    if error.status == 404:
        return Answer(Said.GONE, "was deleted meanwhile")
    if error.status == 400 and "in use" in error.explanation:
        return Answer(Said.HOST_UP, error.explanation)
    if error.status in (409, 413, 429):
        return Answer(Said.AGAIN, error.explanation)
    return Answer(Said.REFUSED, error.explanation)
