# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of an evacuation from the module's options.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation import Settings
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

BOUNDS: dict[str, tuple[float, float]] = {
    "parallel": (1, 1000),
    "retries": (1, 100),
    "polls": (1, 100000),
    "poll_interval": (0.1, 3600),
    "group_interval": (0, 86400),
    "default_priority": (0, 10),
    "proof_max_age": (1, 86400),
}


def settings_of(params: dict[str, t.Any]) -> Settings:
    """Raises AosError naming every option that is out of its bounds, and the bounds."""
    wrong = [
        f"{name} is {params[name]}, not from {low:g} to {high:g}"
        for name, (low, high) in BOUNDS.items()
        if not low <= params[name] <= high
    ]
    if not params["hosts"]:
        wrong.append("hosts is empty")
    if wrong:
        raise AosError("; ".join(wrong) + "; correct the options")
    names = ("parallel", "retries", "polls", "poll_interval", "group_interval", "default_priority")
    return Settings(
        **{name: params[name] for name in names},
        priority_key=params["priority_key"],
        delay_key=params["delay_key"],
        evacuate_image_backed=params["image_backed"] == "evacuate",
        shared_storage=params["shared_storage"],
    )
