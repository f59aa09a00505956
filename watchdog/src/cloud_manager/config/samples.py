# SPDX-License-Identifier: GPL-3.0-or-later
"""Sample files and the table of the documentation, drawn from the options."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path

from cloud_manager.config.fields import Spec, bounds, shown
from cloud_manager.config.model import parameters, sections
from cloud_manager.errors import BadInput

# The guide: the level of logging stands in the common file and not in the module's.
COMMON = {"DEFAULT": ("log_level",), "cloud": ("cloud", "clouds_yaml", "region_name", "interface")}

HEADS = {
    "aos.conf.example": "Common parameters of the AOS modules. Copy to /etc/aos/aos.conf.",
    "cloud_manager.conf.example": "Parameters of CloudManager. Copy to /etc/aos/cloud_manager.conf. What stands here "
    "overrides aos.conf, parameter by parameter.",
}
BEGIN, END = "<!-- options: begin (generated) -->", "<!-- options: end -->"


def samples() -> dict[str, str]:
    """File name -> text. Every parameter is commented out and shows its default."""
    common, module = [], []
    for section, kind in sections().items():
        chosen = COMMON.get(section, ())
        common.append(_section(section, (p for p in parameters(kind) if p[0] in chosen)))
        module.append(_section(section, (p for p in parameters(kind) if (section, p[0]) != ("DEFAULT", "log_level"))))
    bodies = dict(zip(HEADS, (common, module), strict=True))
    return {name: "\n".join([_comment(head), *filter(None, bodies[name])]) for name, head in HEADS.items()}


def table() -> str:
    """The options as Markdown, between the marks of the documentation."""
    lines = [BEGIN, ""]
    for section, kind in sections().items():
        lines += [f"### [{section}]", "", "| parameter | default | meaning |", "|---|---|---|"]
        for name, default, spec in parameters(kind):
            value = shown(default)
            note = " *No effect in this version.*" if spec.later else ""
            lines.append(f"| `{name}` | {f'`{value}`' if value else ''} | {_described(spec)}{note} |")
        lines.append("")
    return "\n".join([*lines, END])


def documented(text: str) -> str:
    """The documentation's text with its table renewed. Raises BadInput where the marks are missing."""
    if BEGIN not in text or END not in text:
        raise BadInput(f"the documentation lacks the lines {BEGIN!r} and {END!r}")
    return text.split(BEGIN)[0] + table() + text.split(END, 1)[1]


def write_samples(folder: Path) -> tuple[Path, ...]:
    """Bring the sample files of a folder up to date, readable by everybody; those that were written.

    Raises BadInput where the folder can't be used.
    """
    files = {folder / name: text.encode() for name, text in samples().items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        old = tuple(path for path, text in files.items() if not (path.is_file() and path.read_bytes() == text))
        for path in old:
            path.write_bytes(files[path])
            path.chmod(0o644)
    except OSError as error:
        raise BadInput(
            f"the samples can't be written to {folder} ({error.strerror}): give a folder that this user may write"
        ) from error
    return old


def _section(name: str, chosen: Iterable[tuple[str, object, Spec]]) -> str:
    lines: list[str] = []
    for key, default, spec in chosen:
        note = " (No effect in this version.)" if spec.later else ""
        value = spec.example or shown(default)
        lines += ["", _comment(_described(spec) + note) + f"#{key} = {value}".rstrip()]
    return "\n".join(["", f"[{name}]", *lines, ""]) if lines else ""


def _described(spec: Spec) -> str:
    words = getattr(spec.kind, "words", None)
    if words:
        return f"{spec.help} One of: {', '.join(filter(None, words))}."
    if getattr(spec.kind, "max", None) is not None:
        return f"{spec.help} {bounds(spec.kind).capitalize()}."
    return spec.help


def _comment(text: str) -> str:
    return "".join(f"# {line}\n" for line in textwrap.wrap(text, 100))
