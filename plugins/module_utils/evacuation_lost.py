# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an evacuation that Nova still lists as running has died.

PRIVATE to the collection aos.cloud_manager: may change in any release.

Nova leaves a record as accepted for ever when its conductor failed in a way that it does not expect (the message
bus or the scheduler was gone), and as pre-migrating when the destination died.
"""

from __future__ import annotations

from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Compute, Migration


def why_lost(compute: Compute, server_id: str, flying: Migration, ended: Migration | None) -> str:
    """The reason why the evacuation will never end by itself; empty if it may. Raises AosError.

    ended: another evacuation of the server, that has ended.
    """
    if not flying.destination and ended and ended.updated_at > flying.updated_at:
        return f"was left behind by evacuation {ended.id}, which ended later"
    if flying.destination:
        destination = compute.service(flying.destination, patience=0)
        if destination.forced_down:
            return f"died with its destination {flying.destination}, which is forced down"
    requests = [one for one in compute.actions(server_id) if one.get("action") == "evacuate"]
    if not requests:
        return ""
    events = compute.action_events(server_id, requests[0]["request_id"])
    failed = [one["event"] for one in events if one.get("result") == "Error"]
    running = [one["event"] for one in events if not one.get("finish_time")]
    if failed and not running:
        return f"failed in Nova ({', '.join(failed)}) although it is listed as {flying.status}"
    return ""
