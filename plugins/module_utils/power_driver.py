# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a power control is, and what one protocol has to be able to do with it.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import abc
import typing as t
from dataclasses import dataclass, field

ON = "on"
OFF = "off"
UNKNOWN = "unknown"
# Some outlets of a host with several supplies are on, others are off.
PARTLY = "partly"
# A driver may end this long before its deadline, to say more about silence than that the time is over.
SPARE_SECONDS = 0.3


class ControlError(Exception):
    """A power control did not do what it was asked.

    reason: what was seen, as the end of a sentence that begins with the control's name.
    remedy: what an operator can do about it.
    final: asking again within the same run cannot help (a wrong password; repeating it may lock the account).
    foreign: the device is not the one that was recorded, so the host must not be switched, by no other control either.
    silent: nothing came back from the device, as from one without power.
    refused: the device understood an `on` or `off` and refused it, as many do where the host is in that state already.
    """

    def __init__(
        self,
        reason: str,
        remedy: str,
        *,
        final: bool = False,
        foreign: bool = False,
        silent: bool = False,
        refused: bool = False,
    ) -> None:
        super().__init__(f"{reason}; {remedy}")
        self.reason = reason
        self.remedy = remedy
        self.final = final
        self.foreign = foreign
        self.silent = silent
        self.refused = refused


class NoAnswer(ControlError):
    """The power control is silent. seconds: how long it was waited for, where the deadline ended it."""

    def __init__(self, seconds: float | None = None) -> None:
        super().__init__(
            "does not answer" if seconds is None else f"gave no answer within {seconds:.1f} s",
            "check its address and port, its network and its power (a control fed by its host's supply dies with it)",
            silent=True,
        )


class Unresolved(ControlError):
    """Its address does not resolve. said: the resolver's reason."""

    def __init__(self, said: str) -> None:
        super().__init__(f"has an address that does not resolve: {said}", "correct it", silent=True)


@dataclass(frozen=True, slots=True)
class Control:
    """One item of the host variable `power_controls`, checked. port: the protocol's own when none was given.

    identity: what the device said of itself when it was recorded (Driver.identity), "" where nothing was.
    """

    host: str
    title: str
    protocol: str
    address: str
    port: int
    outlet: int | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    default: bool = False
    options: dict[str, t.Any] = field(default_factory=dict)
    identity: str = ""

    def __str__(self) -> str:
        return f"host {self.host}: power control {self.title} ({self.protocol} {self.address}:{self.port})"


class Driver(abc.ABC):
    """One protocol. Its methods run in a process of their own that is killed at the deadline, so they may block.

    cuts_supply: the device switches a supply and does not see the host, which may have another one.
    """

    default_port: t.ClassVar[int]
    cuts_supply: t.ClassVar[bool] = False

    @abc.abstractmethod
    def check(self, control: Control) -> None:
        """Raise an AosError unless the control's fields make sense for this protocol and its library is there."""

    @abc.abstractmethod
    def read(self, control: Control, seconds: float) -> str:
        """Return ON or OFF as seen through a fresh session; raise a ControlError."""

    @abc.abstractmethod
    def send(self, control: Control, action: str, seconds: float) -> None:
        """Return when the control accepted `on`, `off`, `soft_off`, `reset` or `cycle`; raise a ControlError.

        Acceptance proves nothing about the host. Of the five only `on` and `off` may be transmitted twice. Where the
        device refuses one of these two and does not say that it always will, the error is a `refused` one.
        """

    @classmethod
    def tells_identity(cls) -> bool:
        """Whether the protocol can ask a device who it is."""
        return cls.identity is not Driver.identity

    def place(self, control: Control) -> str:
        """Return what the control switches at its address and port, in words; "" where there is but one thing."""
        return "" if control.outlet is None else f"outlet {control.outlet}"

    def identity(self, control: Control, seconds: float) -> str:
        """Return the system serial number or UUID as the device tells it, "" where it cannot; raise a ControlError."""
        return ""
