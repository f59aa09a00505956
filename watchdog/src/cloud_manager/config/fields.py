# SPDX-License-Identifier: GPL-3.0-or-later
"""How one parameter is declared: a dataclass field that also says which oslo.config option it is.

The field's name is the parameter's name. Everything else (options, samples, documentation, values) is derived from it.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any, TypeVar, cast

from oslo_config import types
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from cloud_manager.domain.power import Secret

T = TypeVar("T")

SERVERS = ("mysql+pymysql", "mariadb+pymysql")
URL_OPTIONS = (
    "charset",
    "ssl_ca",
    "ssl_capath",
    "ssl_cert",
    "ssl_check_hostname",
    "ssl_cipher",
    "ssl_key",
    "unix_socket",
)
URL_REMEDY = "write mysql+pymysql://USER:PASSWORD@HOST:3306/NAME?charset=utf8, or sqlite:////PATH (embedded)"


@dataclasses.dataclass(frozen=True, slots=True)
class Spec:
    """kind: oslo.config type; it raises ValueError saying what is right. later: known, but without effect yet."""

    kind: types.ConfigType
    help: str
    later: bool
    example: str | None


def about(kind: types.ConfigType, help_: str, later: bool = False, example: str | None = None) -> dict[str, Spec]:
    """The metadata of a dataclass field that is a parameter."""
    return {"spec": Spec(kind, help_, later, example)}


def option(default: T, kind: types.ConfigType, help_: str, *, later: bool = False, example: str | None = None) -> T:
    """A parameter. help_ carries the unit; example replaces the default in the sample file."""
    return cast(T, dataclasses.field(default=cast(Any, default), metadata=about(kind, help_, later, example)))


def later(default: T, kind: types.ConfigType, help_: str) -> T:
    """A parameter of the guide that has no effect yet."""
    return option(default, kind, help_, later=True)


class Count(types.Integer):
    def __call__(self, value: Any) -> Any:
        try:
            return super().__call__(value)
        except ValueError as error:
            raise ValueError(f"write a whole number {bounds(self)}") from error


class Real(types.Float):
    """A finite number."""

    def __call__(self, value: Any) -> Any:
        try:
            number = super().__call__(value)
            if number is not None and not math.isfinite(number):
                raise ValueError("not finite")
        except ValueError as error:
            raise ValueError(f"write a number {bounds(self)}") from error
        return number


class Flag(types.Boolean):
    def __call__(self, value: Any) -> bool:
        try:
            return super().__call__(value)
        except ValueError as error:
            raise ValueError("write True or False") from error


class Choice(types.String):
    """One of these words, whatever their case."""

    def __init__(self, *words: str) -> None:
        super().__init__()
        self.words = words

    def __call__(self, value: Any) -> str:
        for word in self.words:
            if str(value).strip().lower() == word.lower():
                return word
        raise ValueError(f"write one of {', '.join(self.words)}")


class Names(types.List):
    """Comma list; empty items don't count."""

    def __call__(self, value: Any) -> list[Any]:
        return [item for item in super().__call__(value) if item]


class Microversion(types.String):
    """Below 2.69 Nova hides the hosts of a cell that is down; from 2.95 on it leaves evacuated servers stopped."""

    def __call__(self, value: Any) -> str:
        text = str(value).strip()
        if not re.fullmatch(r"2\.(69|[78][0-9]|9[0-4])", text):
            raise ValueError("write a microversion from 2.69 to 2.94")
        return text


class Hidden(types.ConfigType):
    """A text that must not be shown."""

    def __call__(self, value: Any) -> Secret:
        return value if isinstance(value, Secret) else Secret(str(value))

    def _formatter(self, value: Any) -> str:
        return str(value)


class DatabaseUrl(Hidden):
    """Where the database is; empty where `optional`. The errors never repeat the value: it carries a password."""

    def __init__(self, optional: bool = False) -> None:
        super().__init__("database address")
        self.optional = optional

    def __call__(self, value: Any) -> Secret:
        secret = super().__call__(value)
        if self.optional and not secret.reveal():
            return secret
        try:
            wrong = _wrong_url(make_url(secret.reveal()))
        except (ArgumentError, ValueError) as error:
            raise ValueError(URL_REMEDY) from error
        if wrong:
            raise ValueError(wrong)
        return secret


def _wrong_url(url: URL) -> str:
    """What to write instead, or an empty text."""
    if url.drivername == "sqlite":
        right = url.database and url.database.startswith("/") and not url.query and not url.host
        return "" if right else "write sqlite:////PATH: an absolute path after four slashes, nothing else"
    if url.drivername not in SERVERS or not url.database:
        return URL_REMEDY
    if "@" in f"{url.host}{url.database}":
        return "write %40 for an @ in the password, %2F for a /, %25 for a %"
    if unknown := set(url.query) - set(URL_OPTIONS):
        return f"delete {', '.join(sorted(unknown))} behind the question mark: known are {', '.join(URL_OPTIONS)}"
    return ""


def bounds(kind: types.ConfigType) -> str:
    """The range of a number in words."""
    low, high = getattr(kind, "min", None), getattr(kind, "max", None)
    if low is not None and high is not None:
        return f"from {low:g} to {high:g}"
    if low is not None:
        return f"of {low:g} or more"
    return "in decimal digits"


def shown(value: object) -> str:
    """A value as it would be written into a file; a secret shows its placeholder only where it is a default."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(shown, value))
    return str(value)
