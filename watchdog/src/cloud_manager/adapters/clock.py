# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's clock."""

from __future__ import annotations

import time


class SystemClock:
    """ports.Clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()
