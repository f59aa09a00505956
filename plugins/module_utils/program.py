# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs run to their end, with their words made fit to be shown.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import os
import re
import subprocess
import typing as t
from dataclasses import dataclass

from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

# What stands between :// and @ in an address.
CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
# They would make another Python than the one asked see what it must not.
OURS_ALONE = ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended. text: what it wrote on its first output. errors: on its second."""

    status: int
    text: str
    errors: str = ""

    @property
    def said(self) -> str:
        return f"{self.text}\n{self.errors}"

    @property
    def reason(self) -> str:
        """The last line that says why it failed: of pip the last that begins with ERROR."""
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("ERROR:")]
        last = (errors or lines or [f"it ended with status {self.status}"])[-1]
        return without_credentials(last.removeprefix("ERROR:").strip())

    @property
    def disk_full(self) -> bool:
        return self.status != 0 and "No space left on device" in self.said


def without_credentials(text: str) -> str:
    """Return the text with the credentials taken out of every address."""
    return CREDENTIALS.sub("", text)


def run(
    arguments: t.Sequence[str], environment: t.Mapping[str, str] | None = None, reads: t.BinaryIO | None = None
) -> Ended:
    """Run a program, which reads a file or nothing, and return how it ended. Raises AosError where it can't start."""
    inherited = {name: value for name, value in os.environ.items() if name not in OURS_ALONE}
    try:
        done = subprocess.run(
            arguments,
            env={**inherited, "LC_ALL": "C.UTF-8", **(environment or {})},
            stdin=reads or subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise AosError(f"{arguments[0]} cannot be run: {error.strerror}; install it or correct its path") from error
    return Ended(done.returncode, done.stdout, done.stderr)
