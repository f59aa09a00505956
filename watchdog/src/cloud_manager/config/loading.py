# SPDX-License-Identifier: GPL-3.0-or-later
"""From INI files to a Config, or to the list of everything that is wrong with them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from oslo_config import cfg, iniparser

from cloud_manager.config.fields import Spec, shown
from cloud_manager.config.model import Config, parameters, sections
from cloud_manager.domain.power import Secret
from cloud_manager.errors import BadConfiguration

Known = dict[str, dict[str, tuple[object, Spec]]]

DEFAULT_FILES = ("/etc/aos/aos.conf", "/etc/aos/cloud_manager.conf")


@dataclass(frozen=True, slots=True)
class Entry:
    """One assignment in a file."""

    file: str
    section: str
    key: str
    value: str

    @property
    def place(self) -> str:
        return f"{self.file}: [{self.section}] {self.key}"


def load(files: Sequence[str] | None = None) -> Config:
    """Read files, a later one overriding the earlier ones parameter by parameter.

    Without files: DEFAULT_FILES, each of which may be absent. Raises BadConfiguration with all problems together.
    """
    names = tuple(files) if files is not None else tuple(name for name in DEFAULT_FILES if _stands(name))
    problems: list[str] = []
    entries = [entry for name in names for entry in _read(name, problems)]
    readable = not problems
    known = _known()
    problems += [problem for entry in entries if (problem := _check(entry, known))]
    values = _values(names, entries, known, problems) if readable else {}
    if not problems:
        problems += _contradictions(values)
    if problems:
        raise BadConfiguration(tuple(dict.fromkeys(problems)))
    return _build(values, entries, names)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """All options, for oslo.config's own tools."""
    return [(name, [_opt(*parameter) for parameter in parameters(kind)]) for name, kind in sections().items()]


def _opt(name: str, default: object, spec: Spec) -> cfg.Opt:
    plain = list(default) if isinstance(default, tuple) else default
    hidden = isinstance(default, Secret)
    return cfg.Opt(name, type=spec.kind, default=plain, help=spec.help, secret=hidden, sample_default=spec.example)


def _known() -> Known:
    return {section: {p[0]: (p[1], p[2]) for p in parameters(kind)} for section, kind in sections().items()}


def _stands(name: str) -> bool:
    """A file that can't be looked at stands: reading it will say why."""
    try:
        return Path(name).exists()
    except OSError:
        return True


class _Parser(iniparser.BaseParser):
    def __init__(self, file: str) -> None:
        self.file = file
        self.section = ""
        self.entries: list[Entry] = []

    def new_section(self, section: str) -> None:
        self.section = section if section == "DEFAULT" else section.lower()
        self.entries.append(Entry(self.file, self.section, "", ""))

    def assignment(self, key: str, value: list[str]) -> None:
        self.entries.append(Entry(self.file, self.section, key, "\n".join(value)))


def _read(name: str, problems: list[str]) -> list[Entry]:
    """All assignments; a section's head is an entry without a key. Lines that can't be understood become problems."""
    try:
        lines = Path(name).read_text(encoding="utf-8").splitlines(keepends=True)
    except UnicodeDecodeError as error:
        problems.append(f"{name}: byte {error.start} is not UTF-8: save the file as UTF-8 text")
        return []
    except OSError as error:
        problems.append(f"{name}: can't be read ({error.strerror}): give the path of a file that this user may read")
        return []
    while True:
        parser = _Parser(name)
        try:
            parser.parse(lines)
        except iniparser.ParseError as error:
            problems.append(f"{name}: line {error.lineno}: neither [section] nor `parameter = value`: correct it")
            lines[error.lineno - 1] = "#\n"
            continue
        return parser.entries


def _check(entry: Entry, known: Known) -> str:
    """What is wrong with one entry taken by itself, or an empty text."""
    if not entry.section:
        return f"{entry.file}: {entry.key} stands before the first section: write its [section] above it"
    if entry.section not in known:
        section = f"{entry.file}: [{entry.section}]: no such section"
        return "" if entry.key else f"{section}: {_instead(entry.section, known)}"
    if not entry.key:
        return ""
    names = known[entry.section]
    if entry.key not in names:
        return f"{entry.place}: no such parameter: {_instead(entry.key, names)}"
    default, spec = names[entry.key]
    if "$" in entry.value:
        return ""
    return _check_value(entry, default, spec)


def _check_value(entry: Entry, default: object, spec: Spec) -> str:
    try:
        value = spec.kind(entry.value)
    except ValueError as error:
        return f"{entry.place}: {_quoted(entry.value, default)} is wrong: {error}"
    if value is None and default is not None:
        return f"{entry.place}: empty: write a value, or delete the line for the default {shown(default)}"
    return ""


def _quoted(value: str, default: object) -> str:
    return "this value" if isinstance(default, Secret) else repr(value)


def _instead(name: str, known: Sequence[str] | dict[str, Any]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else "delete it, or see the sample file for what there is"


def _values(
    files: Sequence[str], entries: Sequence[Entry], known: Known, problems: list[str]
) -> dict[str, dict[str, Any]]:
    """Section -> parameter -> value as oslo.config gives it, references ($name) resolved."""
    conf = cfg.ConfigOpts()
    for section, options in list_opts():
        conf.register_opts(options, group=None if section == "DEFAULT" else section)
    conf(args=[], default_config_files=list(files), default_config_dirs=[], use_env=False)
    result: dict[str, dict[str, Any]] = {}
    for section, names in known.items():
        result[section] = {}
        group = conf if section == "DEFAULT" else conf[section]
        for name in names:
            try:
                result[section][name] = group[name]
            except (cfg.Error, ValueError):
                place = next((e for e in reversed(entries) if (e.section, e.key) == (section, name)), None)
                if place is not None and "$" in place.value:
                    problems.append(
                        f"{place.place}: wrong once its $ references are resolved: write $$ for a dollar sign"
                    )
    return result


def _contradictions(values: dict[str, dict[str, Any]]) -> list[str]:
    """Values that are right by themselves and wrong together."""
    found = []
    fencing, recovery = values["fencing"], values["recovery"]
    if fencing["off_readings"] * fencing["reading_interval"] >= fencing["timeout"]:
        found.append(
            "[fencing] timeout: shorter than off_readings x reading_interval, so that no power-off could be confirmed: "
            "write a longer timeout"
        )
    if recovery["retry_interval_max"] < recovery["retry_interval"]:
        found.append("[recovery] retry_interval_max: shorter than retry_interval: write at least the same time")
    return found


def _build(values: dict[str, dict[str, Any]], entries: Sequence[Entry], files: tuple[str, ...]) -> Config:
    parts: dict[str, Any] = {}
    for section, kind in sections().items():
        plain = {name: tuple(value) if isinstance(value, list) else value for name, value in values[section].items()}
        parts[section.lower()] = kind(**plain)
    given = frozenset((entry.section, entry.key) for entry in entries if entry.key)
    return Config(**parts, notices=_notices(parts, entries), files=files, given=given)


def _notices(parts: dict[str, Any], entries: Sequence[Entry]) -> tuple[str, ...]:
    """One sentence for each parameter that was set to something and has no effect."""
    last = {(entry.section, entry.key): entry for entry in entries if entry.key}
    found = []
    for section, kind in sections().items():
        for name, default, spec in parameters(kind):
            if spec.later and getattr(parts[section.lower()], name) != default:
                found.append(f"{last[section, name].place}: known, but without effect in this version")
    return tuple(found)
