# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture on a terminal, drawn over itself; or one line for each event where nobody can redraw."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterable
from typing import Protocol, TextIO

from tests.demo.picture import SENTENCES, Picture, Server, way

BOLD, DIM, GREEN, YELLOW, RED, PLAIN = "1", "2", "32", "33", "31", "0"
MARKS = {True: ("✔", GREEN), False: ("·", DIM)}
STATUS_COLOURS = {"REBUILD": YELLOW, "ERROR": RED}
WIDTH = 78


class Screen(Protocol):
    def show(self, picture: Picture, news: Iterable[tuple[float, str]]) -> None: ...


def screen_for(stream: TextIO, lines_needed: int) -> Screen:
    """Live where a terminal is large enough."""
    size = shutil.get_terminal_size()
    live = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    if live and size.lines > lines_needed and size.columns >= WIDTH:
        return Live(stream)
    return Lines(stream)


class Lines:
    """Like a log: time since the power cut, what is new."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, picture: Picture, news: Iterable[tuple[float, str]]) -> None:
        for at, words in news:
            self._stream.write(f"{picture.since_cut(at)}  {words}\n")
        self._stream.flush()


class Live:
    """The whole picture, in place."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._height = 0

    def show(self, picture: Picture, news: Iterable[tuple[float, str]]) -> None:
        lines = drawn(picture, time.time())
        above = f"\x1b[{self._height}F\x1b[J" if self._height else ""
        self._stream.write(above + "\n".join(lines) + "\n")
        self._stream.flush()
        self._height = len(lines)


def drawn(picture: Picture, now: float) -> list[str]:
    """One string for each line, none wider than WIDTH on the screen."""
    clock = picture.since_cut(max(picture.reached.values(), default=now) if picture.complete else now)
    lines = [painted(f"{picture.victim} lost its power".ljust(WIDTH - 10) + clock, BOLD)]
    lines += [_milestone(picture, number) for number in range(len(SENTENCES))]
    lines.append(painted(f"  watchdog: {picture.says}"[: WIDTH - 1], DIM))
    lines.append(painted("  priority  server        from         to           state", DIM))
    lines += [_server(picture, server) for server in picture.servers]
    return lines


def painted(text: str, colour: str) -> str:
    return text if os.environ.get("NO_COLOR") or not sys.stdout.isatty() else f"\x1b[{colour}m{text}\x1b[{PLAIN}m"


def _milestone(picture: Picture, number: int) -> str:
    at = picture.reached.get(number)
    mark, colour = MARKS[at is not None]
    time_text = picture.since_cut(at) if at is not None else ""
    return f"  {painted(mark, colour)} {SENTENCES[number]:<{WIDTH - 14}}{time_text:>10}"


def _server(picture: Picture, server: Server) -> str:
    """A destination is known once the server has arrived."""
    arrived = server.back_at is not None
    place = server.place if server.place != server.source else ""
    colour = GREEN if arrived else STATUS_COLOURS.get(server.status, DIM)
    status = painted(f"{server.status:<8}", colour)
    when = picture.since_cut(server.back_at) if server.back_at is not None else ""
    return f"  {server.priority:>8}  {server.name:<12}  {server.source:<11}  {place:<11}  {status}  {when:>10}"


def summary(picture: Picture) -> str:
    """Every server: where it came from, where it is, its state, seconds from the power cut until it was back."""

    def line(name: str, priority: object, source: str, place: str, status: str, seconds: str) -> str:
        return f"{name:<12}  {priority:>8}  {source:<11}  {place:<11}  {status:<8}  {seconds:>8}"

    head = line("server", "priority", "from", "to", "status", "seconds")
    rows = [head, "-" * len(head)]
    for server in picture.servers:
        seconds = f"{server.back_at - picture.cut_at:.1f}" if server.back_at is not None else "never"
        place = server.place if way(server) != server.source else "still there"
        rows.append(line(server.name, server.priority, server.source, place, server.status, seconds))
    rows += ["", f"{'since the power cut':<50}  {'seconds':>8}"]
    for number, sentence in enumerate(SENTENCES):
        seconds = f"{picture.reached[number] - picture.cut_at:.1f}" if number in picture.reached else "never"
        rows.append(f"{sentence:<50}  {seconds:>8}")
    return "\n".join(rows)
