# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for passwords where none may be: files, texts, and the command lines of all processes of the machine."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

PAUSE_SECONDS = 0.05
# A process that was looked at so often has had its last command line (exec comes early in a life).
ENOUGH_LOOKS = 40


class CommandLines:
    """Samples /proc/*/cmdline in a thread of its own, as any user of the machine could."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._looks: dict[str, int] = {}
        self._ends = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._ends.clear()
        self._thread = threading.Thread(target=self._sample, name="command-lines", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self._ends.set()
            self._thread.join()
            self._thread = None

    def _sample(self) -> None:
        while not self._ends.is_set():
            living = {entry.name for entry in Path("/proc").iterdir() if entry.name.isdecimal()}
            self._looks = {pid: looks for pid, looks in self._looks.items() if pid in living}
            for pid in living:
                if self._looks.setdefault(pid, 0) < ENOUGH_LOOKS:
                    self._looks[pid] += 1
                    self._look(pid)
            time.sleep(PAUSE_SECONDS)

    def _look(self, pid: str) -> None:
        try:
            self.seen.add(Path(f"/proc/{pid}/cmdline").read_bytes())
        except OSError:
            return  # it ended meanwhile


def forms(secret: str) -> set[bytes]:
    """As it is, and as base64 shows it (all three alignments, without the ends, which depend on what stands beside)."""
    raw = secret.encode()
    shifted = (base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 :] for shift in range(3))
    return {raw, *(form.rstrip(b"=")[: len(form) - 4] for form in shifted)}


def leaks(
    secrets: Iterable[str], folder: Path, texts: Mapping[str, bytes], allowed: frozenset[Path] = frozenset()
) -> list[str]:
    """Where a secret stands, without repeating it: files under folder but the allowed ones, and the named texts."""
    wanted = {form: number for number, secret in enumerate(secrets) for form in forms(secret)}
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path not in allowed:
            found += _in(str(path), path.read_bytes(), wanted)
    for name, content in texts.items():
        found += _in(name, content, wanted)
    return found


def _in(place: str, content: bytes, wanted: Mapping[bytes, int]) -> list[str]:
    return [f"{place}: secret number {number}" for form, number in wanted.items() if form in content]
