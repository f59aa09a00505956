# SPDX-License-Identifier: GPL-3.0-or-later
"""Time that passes when a test says so."""

from __future__ import annotations


class FakeClock:
    """ports.Clock."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += seconds
