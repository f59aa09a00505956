# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of an evacuation: the module's return value, its message, its diff.

PRIVATE to the collection aos.cloud_manager: may change in any release.

Pure: no I/O, no clock. Times are epoch seconds.
"""

from __future__ import annotations

import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation import Move, Phase, Settings
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_plan import EvacuationPlan

OUTCOMES = ("evacuated", "left", "failed", "moving")
NAMED = 10


def announce(plan: EvacuationPlan) -> None:
    """Give every server that would be moved the outcome `planned`; its time stays empty."""
    for move in plan.moves:
        if move.phase is not Phase.OVER:
            move.phase, move.outcome = Phase.OVER, "planned"


def result(
    plan: EvacuationPlan, hosts: list[str], started: float, finished: float, override: str | None
) -> dict[str, t.Any]:
    """The return value `evacuation`."""
    accepted = [move.accepted_at for move in plan.moves if move.attempts and move.accepted_at]
    outcomes = [*OUTCOMES, *(["planned"] if any(move.outcome == "planned" for move in plan.moves) else [])]
    return {
        "hosts": hosts,
        "started_at": started,
        "finished_at": finished,
        "first_accepted_at": min(accepted, default=None),
        "counts": {name: sum(move.outcome == name for move in plan.moves) for name in outcomes},
        "warnings": plan.warnings,
        "override": override,
        "servers": [move.report() for move in plan.moves],
    }


def failure(moves: t.Sequence[Move]) -> str:
    """The message of the module's failure; empty if every server is where it should be."""
    wrong = [move for move in moves if move.outcome in ("failed", "moving")]
    if not wrong:
        return ""
    named = "; ".join(
        f"{move.server.name} ({move.server.id}) on {move.source}: {move.outcome}: {'; '.join(move.notes)}"
        for move in wrong[:NAMED]
    )
    more = f"; and {len(wrong) - NAMED} more, listed in evacuation.servers" if len(wrong) > NAMED else ""
    return f"{len(wrong)} of {len(moves)} servers are not evacuated: {named}{more}"


def image_backed_warning(moves: t.Sequence[Move], settings: Settings) -> list[str]:
    """A warning naming the servers that lose what was written to their disks."""
    losing = [move.server.name for move in moves if move.server.image_backed and move.phase is not Phase.OVER]
    if settings.shared_storage or not losing:
        return []
    names = ", ".join(losing)
    text = f"these {len(losing)} image-backed servers are rebuilt from their image and lose what was written to them"
    return [f"storage is not declared shared (shared_storage), so unless it is, {text}: {names}"]


def host_changes(moves: t.Sequence[Move]) -> dict[str, dict[str, str]]:
    """The diff: which server is on which host, before and after."""
    moved = [move for move in moves if move.destination or move.outcome == "planned"]
    return {
        "before": {f"{move.server.name} ({move.server.id})": move.source for move in moved},
        "after": {f"{move.server.name} ({move.server.id})": move.destination or "another host" for move in moved},
    }
