# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator switches, and where the watchdog's own work stands against it."""

from __future__ import annotations

from dataclasses import dataclass

from cloud_manager.domain.records import HostRecord, State
from cloud_manager.errors import BadInput

# The servers of a host in one of these states are elsewhere, all of them.
EMPTY = (State.RECOVERED, State.RETURNING)
IN_HAND = (State.RECOVERING, State.FAILED)


@dataclass(frozen=True, slots=True)
class Order:
    """state: on, off or soft_off. host: "" where the port is no host's. ports: in words. seconds: its longest time."""

    state: str
    host: str
    subject: str
    ports: str
    seconds: float
    force: bool = False


def require_not_in_hand(record: HostRecord | None, forced_down: bool = False) -> None:
    """Raises BadInput where servers of the host may be on their way elsewhere.

    forced_down: Nova shows that this system forced the host down, whatever the record says.
    """
    if record is None or record.incident is None or record.state in EMPTY:
        return
    if record.state in IN_HAND or record.forced_down_by_us or forced_down:
        raise BadInput(
            f"host {record.name} is {record.state}: its servers are being started elsewhere, or were in part, and "
            "would run twice: wait for RECOVERED (`aos-cloud-manager status`), or give --force"
        )
