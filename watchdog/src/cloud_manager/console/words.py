# SPDX-License-Identifier: GPL-3.0-or-later
"""Times and lines as people read them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def moment(at: float | None) -> str:
    """Local time of this machine, to the second."""
    return "-" if at is None else _local(at).strftime("%Y-%m-%d %H:%M:%S")


def time_of_day(at: float | None) -> str:
    """To a tenth of a second."""
    return "-" if at is None else _local(at).strftime("%H:%M:%S.%f")[:-5]


def span(seconds: float) -> str:
    """12 s, 3 min 20 s, 5 h 10 min, 3 d 4 h."""
    left = max(round(seconds), 0)
    if left < 60:
        return f"{left} s"
    for unit, size, part, part_size in (("min", 60, "s", 1), ("h", 3600, "min", 60), ("d", 86400, "h", 3600)):
        if left < size * (60 if unit == "min" else 24) or unit == "d":
            return f"{left // size} {unit} {left % size // part_size} {part}"
    raise AssertionError("unreachable")


def printed_json(value: object) -> str:
    return json.dumps(_plain(value), indent=2, sort_keys=True)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in (value if isinstance(value, list | tuple) else sorted(value))]
    return value


def _local(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC).astimezone()
