# SPDX-License-Identifier: GPL-3.0-or-later
"""What is being done, and how long it took: one line per step on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Progress:
    def __init__(self, quiet: bool = False) -> None:
        self._quiet = quiet
        self._start = time.monotonic()
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        self._write(f"  {name} ...")
        try:
            yield
        except BaseException:
            self._write(" failed\n")
            raise
        self.seconds[name] = time.monotonic() - start
        self._write(f" {self.seconds[name]:.1f} s\n")

    def done(self, what: str) -> None:
        self._write(f"{what} ({time.monotonic() - self._start:.1f} s)\n")

    def _write(self, text: str) -> None:
        if not self._quiet:
            sys.stderr.write(text)
            sys.stderr.flush()


def wait(condition: Callable[[], T], timeout: float, what: str, every: float = 0.1) -> T:
    """Poll until `condition` is true and return its value; TimeoutError names `what` was missing."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:g} s in vain for {what}")
        time.sleep(every)
    return value
