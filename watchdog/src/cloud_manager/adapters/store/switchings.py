# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts an operator switches just now, as the log of actions tells it."""

from __future__ import annotations

import math
import re

from sqlalchemy import Connection, select

from cloud_manager.db import models
from cloud_manager.domain.facts import Switching

ACTIONS = ("power.on", "power.off", "power.soft_off")
HOST = "host "
LIMIT = re.compile(r", for at most (\d+) s$")


def switchings(connection: Connection) -> tuple[Switching, ...]:
    """Those of hosts that have no result, however old."""
    table = models.ActionLog
    statement = select(table.__table__).where(table.result == "", table.action.in_(ACTIONS)).order_by(table.id)
    return tuple(
        Switching(row.subject.removeprefix(HOST), row.action, row.who, row.at, _limit(row.details))
        for row in connection.execute(statement)
        if row.subject.startswith(HOST)
    )


def _limit(details: str) -> float:
    found = LIMIT.search(details)
    return float(found[1]) if found else 0.0  # written by a version before this one


def limit_words(seconds: float) -> str:
    """The end of the details of a switching under way."""
    return f", for at most {math.ceil(seconds)} s"


def without_limit(details: str) -> str:
    return LIMIT.sub("", details)
