# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read every item of `power_controls` by itself, so that none that works hides one that does not.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_controls import default_device, devices
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import UNKNOWN
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_gang import Gang
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_status import observe
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_switch import Limits
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

Item = dict[str, t.Any]


def read_separately(host: str, items: list[Item], limits: Limits, *, identity: bool = False) -> list[Item]:
    """Return `power` for each item, in their order, all of them read side by side.

    Raise an AosError, with what was read, where each item is right and all together are not.
    """
    alone = [_usable(host, item) for item in items]
    usable = [one for one in alone if not isinstance(one, AosError)]
    observed = iter(observe(usable, limits, identity=identity))
    seen = [
        _unusable(host, item, one) if isinstance(one, AosError) else next(observed).facts()
        for item, one in zip(items, alone, strict=True)
    ]
    if len(usable) == len(items):
        try:
            default_device(host, devices(host, items))
        except AosError as error:
            raise AosError(str(error), controls=seen) from error
    return seen


def _usable(host: str, item: Item) -> Device | Gang | AosError:
    try:
        (device,) = devices(host, [item])
    except AosError as error:
        return error
    return device


def _unusable(host: str, item: Item, error: AosError) -> Item:
    return {
        "host": host,
        "state": UNKNOWN,
        "result": "UNKNOWN",
        "control": item["title"],
        "outlet": item["outlet"],
        "readings": [],
        "identity": None,
        "message": str(error),
        "confirmed_at": None,
        "duration": 0.0,
    }
