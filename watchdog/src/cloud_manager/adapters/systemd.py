# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd wants to know of a service of Type=notify or notify-reload: sd_notify(3), sd_watchdog_enabled(3)."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

from cloud_manager.ports import Clock

log = logging.getLogger(__name__)

# A manager that doesn't read must not hold the watch up, seconds.
SEND_SECONDS = 1.0


class Systemd:
    """ports.Supervisor. Says nothing where the environment names no socket."""

    def __init__(self, environment: Mapping[str, str], clock: Clock) -> None:
        address = environment.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._watched = ours and "WATCHDOG_USEC" in environment
        self._clock = clock
        self._failed = False

    def starting(self, seconds: float) -> None:
        self._tell(f"EXTEND_TIMEOUT_USEC={_usec(seconds)}")

    def ready(self, silence: float) -> None:
        """The unit's WatchdogSec only says whether: how long depends on the configuration, which a reload changes."""
        self._tell("READY=1", *([f"WATCHDOG_USEC={_usec(silence)}"] if self._watched else []))

    def alive(self) -> None:
        if self._watched:
            self._tell("WATCHDOG=1")

    def status(self, text: str) -> None:
        self._tell(f"STATUS={' '.join(text.split())}")

    def reloading(self) -> None:
        self._tell("RELOADING=1", f"MONOTONIC_USEC={_usec(self._clock.monotonic())}")

    def stopping(self, seconds: float) -> None:
        self._tell("STOPPING=1", f"EXTEND_TIMEOUT_USEC={_usec(seconds)}")

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.settimeout(SEND_SECONDS)
                out.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            if not self._failed:
                log.warning("systemd.not_told error=%s", error)
            self._failed = True
        else:
            self._failed = False


def _usec(seconds: float) -> int:
    return round(seconds * 1_000_000)
