# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one exchange with a power control in a process that cannot outlive its deadline.

Libraries for management controllers keep state between sessions, start threads and can block without end when packets
get lost (pyghmi does all three). A forked child per exchange gives each one a fresh session, and the kernel ends it.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import signal
import time
import typing as t
from types import MappingProxyType

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import (
    Control,
    ControlError,
    Driver,
    NoAnswer,
)

# The child's own alarm, for the case that its parent is killed first.
ORPHAN_GRACE_SECONDS = 2.0
IDENTITY_LENGTH = 255


class Exchange:
    """A call of a driver's method that is running in a child process.

    ended_at: after result(), when the call ended, in seconds since the epoch.
    The secret it needs passes by fork, so it is never in an argument list, an environment or a file.
    """

    def __init__(
        self, call: t.Callable[[], str | None], seconds: float, on_success: t.Callable[[], None] = lambda: None
    ) -> None:
        self.ended_at = 0.0
        self._on_success = on_success
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._pipe, write_end = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            _be_the_child(call, write_end, seconds + ORPHAN_GRACE_SECONDS)
        os.close(write_end)
        with contextlib.suppress(OSError):  # the child does the same; whoever is first
            os.setpgid(self._pid, self._pid)

    def result(self) -> str | None:
        """Wait, at most until the deadline; return what the call returned or raise its ControlError."""
        try:
            answer = self._receive()
        finally:
            self._end()
        self.ended_at = answer["at"] if answer else time.time()
        if not answer:
            raise NoAnswer(self._seconds)
        if "error" in answer:
            raise ControlError(**answer["error"])
        self._on_success()
        return t.cast("str | None", answer["value"])

    def _receive(self) -> dict[str, t.Any] | None:
        received = b""
        while True:
            # An answer that waits already counts, however late it is fetched.
            left = max(0.0, self._deadline - time.monotonic())
            if not select.select([self._pipe], [], [], left)[0]:
                return None
            block = os.read(self._pipe, 65536)
            if not block:
                break
            received += block
        return json.loads(received) if received else None

    def _end(self) -> None:
        os.close(self._pipe)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)


def _be_the_child(call: t.Callable[[], str | None], write_end: int, seconds: float) -> t.NoReturn:
    """Call, send the outcome as JSON, end without running the parent's exit handlers."""
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        silence = os.open(os.devnull, os.O_RDWR)  # pyghmi prints; the parent's output is the module's result
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        try:
            answer: dict[str, t.Any] = {"value": call()}
        except ControlError as error:
            fields = ("reason", "remedy", "final", "foreign", "silent", "refused")
            answer = {"error": {name: getattr(error, name) for name in fields}}
        except Exception as error:  # noqa: BLE001 - the boundary of a process: nothing above would see it
            answer = {"error": _unforeseen(error)}
        with open(write_end, "wb") as pipe:
            pipe.write(json.dumps(answer | {"at": time.time()}).encode())
    finally:
        os._exit(0)


def _unforeseen(error: Exception) -> dict[str, str]:
    return {
        "reason": f"could not be asked: {type(error).__name__}: {error}",
        "remedy": "check the fields of this power control; if they are right, report this message",
    }


class Device:
    """A control whose every reading and command is an exchange of its own. Errors never contain its password.

    Where an identity is recorded for the control, the first exchange begins with the question for it, and so do those
    that follow until one succeeded: nothing is believed of a foreign device, and nothing is sent to it.
    shown: what the last reading showed of single outlets; empty, since this is one.
    cuts_supply, tells_identity, place: as the driver says.
    """

    shown: t.Mapping[str, str] = MappingProxyType({})

    def __init__(self, control: Control, driver: Driver) -> None:
        self.control = control
        self._driver = driver
        self._known = not control.identity
        self.cuts_supply = driver.cuts_supply
        self.tells_identity = driver.tells_identity()
        self.place = driver.place(control)

    def start_reading(self, seconds: float) -> Exchange:
        """Begin a reading, so that several controls can be read at the same time."""
        return self.start(lambda: self._driver.read(self.control, seconds), seconds)

    def start_sending(self, action: str, seconds: float) -> Exchange:
        """Begin to send a command, so that several outlets can be switched at the same time."""
        return self.start(lambda: self._driver.send(self.control, action, seconds), seconds)

    def start_identifying(self, seconds: float) -> Exchange:
        """Ask the device who it is, whatever is recorded."""
        return Exchange(lambda: self._guarded(lambda: self._driver.identity(self.control, seconds)), seconds)

    def read(self, seconds: float) -> str:
        """Return ON or OFF from a fresh session; raise a ControlError, at the latest after `seconds`."""
        return t.cast(str, self.start_reading(seconds).result())

    def send(self, action: str, seconds: float) -> None:
        """Send a command through a fresh session; raise a ControlError, at the latest after `seconds`."""
        self.start_sending(action, seconds).result()

    def start(self, call: t.Callable[[], str | None], seconds: float) -> Exchange:
        """Begin a call that speaks to the device, behind the question for its identity where that is due."""
        if self._known:
            return Exchange(lambda: self._guarded(call), seconds)

        def asked_first() -> str | None:
            _check_identity(self.control, self._driver.identity(self.control, seconds))
            return call()

        return Exchange(lambda: self._guarded(asked_first), seconds, self._is_known)

    def _is_known(self) -> None:
        self._known = True

    def _guarded(self, call: t.Callable[[], str | None]) -> str | None:
        try:
            return call()
        except ControlError:
            raise
        except Exception as error:
            if self.control.password and self.control.password in str(error):
                raise RuntimeError("the library's message is withheld, it contains the password") from None
            raise


def identity_key(identity: str) -> str:
    """Return what is equal for identities of one device. The watchdog records and compares by the same rule.

    Characters that cannot be printed count as spaces, several spaces as one, and only the first 255 characters count.
    """
    printable = "".join(character if character.isprintable() else " " for character in identity)
    return " ".join(printable.split())[:IDENTITY_LENGTH].rstrip().casefold()


def _check_identity(control: Control, told: str) -> None:
    """Raise a foreign ControlError unless the device is the one that was recorded; case and spacing don't count."""
    recorded = control.identity
    if identity_key(recorded) == identity_key(told):
        return
    raise ControlError(
        f"is another device than the one recorded: it tells identity {told}, recorded is {recorded}; nothing was sent"
        if told
        else f"tells no identity, recorded is {recorded}; nothing was sent",
        "correct its address, or, if the device was replaced on purpose, verify which host it switches and record its "
        "identity anew (field identity in power_controls; for the watchdog: aos-cloud-manager power-control initialise "
        f"{shlex.quote(control.title)} --forget-identity)",
        final=True,
        foreign=True,
    )
