# SPDX-License-Identifier: GPL-3.0-or-later
"""Power controls and their links to hosts (SPEC S10)."""

from __future__ import annotations

from dataclasses import dataclass

PROTOCOLS = ("ipmi",)


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A string that shows itself only when asked to."""

    _value: str

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class PowerControl:
    """Device that switches hosts. title is unique; protocol is one of PROTOCOLS; port is UDP/TCP."""

    title: str
    protocol: str
    address: str
    port: int
    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class PowerLink:
    """Host on an outlet of a control. outlet: 1-65535, None for a BMC.

    verified_at: last successful reading, s since epoch."""

    host: str
    control: PowerControl
    outlet: int | None = None
    default: bool = True
    verified_at: float | None = None
