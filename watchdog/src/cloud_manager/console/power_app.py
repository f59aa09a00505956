# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands about power have in common."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Protocol

from cloud_manager.config import Config
from cloud_manager.domain.power import Option, PowerControl, PowerLink
from cloud_manager.errors import BadInput
from cloud_manager.ports import Clock, Cloud, Journal, PowerControls, Verifier


class PowerApp(Protocol):
    """What these commands need of the program."""

    @property
    def config(self) -> Config: ...
    @property
    def power_controls(self) -> PowerControls: ...
    @property
    def verifier(self) -> Verifier: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def cloud(self) -> Cloud: ...
    @property
    def journal(self) -> Journal: ...


def chosen(controls: PowerControls, title: str | None) -> tuple[tuple[PowerControl, tuple[PowerLink, ...]], ...]:
    """The one with this title, or all of them."""
    found = tuple(item for item in controls.list() if title in (None, item[0].title))
    if title is not None and not found:
        raise BadInput(f"power control {title} is unknown: see `aos-cloud-manager power-control list`")
    return found


def add_options(parser: argparse.ArgumentParser, more: str = "true, false and numbers are taken as such") -> None:
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help=f"setting of the protocol, may be repeated; {more}",
    )


def options_from(words: Sequence[str], may_remove: bool = False) -> dict[str, Option | None]:
    """NAME=VALUE each. A value is text, unless JSON takes it for a number, true, false or a quoted text."""
    found: dict[str, Option | None] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise BadInput(f"option {word!r}: write NAME=VALUE")
        if name in found:
            raise BadInput(f"option {name} is given twice")
        if not text and not may_remove:
            raise BadInput(f"option {name} has no value: write {name}=VALUE")
        found[name] = _value(text) if text else None
    return found


def _value(text: str) -> Option:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return (
        value if isinstance(value, bool | int | float | str) and text not in ("NaN", "Infinity", "-Infinity") else text
    )
