# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nova's list of evacuations says: which servers are in flight, how the last flight of each ended.

PRIVATE to the collection aos.cloud_manager: may change in any release.

Pure: no I/O, no clock. Times are epoch seconds.
"""

from __future__ import annotations

import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Migration
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation import ENDED


class Flights:
    """The evacuations of the whole installation as of the last look.

    patience: seconds after which an evacuation that does not change no longer counts as in flight, so that
    records which Nova forgot cannot take all the places for ever. Those of the servers in own always count.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._flying: dict[str, Migration] = {}
        self._ended: dict[str, Migration] = {}
        self._unchanged_since: dict[tuple[int, str, float], float] = {}
        self.doubled: dict[str, tuple[int, int]] = {}

    def look(self, evacuations: t.Iterable[Migration], own: set[str], lost: frozenset[int], now: float) -> None:
        """Take in a complete list. own: servers that are being moved; lost: evacuations that will never end."""
        self._flying, self._ended = {}, {}
        unchanged: dict[tuple[int, str, float], float] = {}
        for found in sorted(evacuations, key=lambda one: one.id):
            if found.status in ENDED:
                self._ended[found.server] = found
            elif found.id not in lost:
                key = (found.id, found.status, found.updated_at)
                unchanged[key] = self._unchanged_since.get(key, now)
                if found.server in own or now - unchanged[key] < self._patience:
                    self._take_off(found)
        self._unchanged_since = unchanged

    def _take_off(self, found: Migration) -> None:
        other = self._flying.get(found.server)
        if other:
            self.doubled[found.server] = (other.id, found.id)
        self._flying[found.server] = found

    @property
    def servers(self) -> set[str]:
        """The servers in flight."""
        return set(self._flying)

    def flying(self, server_id: str) -> Migration | None:
        """The server's evacuation in flight."""
        return self._flying.get(server_id)

    def ended(self, server_id: str) -> Migration | None:
        """The newest evacuation of the server that has ended."""
        return self._ended.get(server_id)

    def known(self, server_id: str) -> frozenset[int]:
        """Ids of the evacuations of the server that a request made now will not be."""
        found = (self._flying.get(server_id), self._ended.get(server_id))
        return frozenset(one.id for one in found if one)
