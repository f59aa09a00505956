# SPDX-License-Identifier: GPL-3.0-or-later
"""`./dev docs`: what is drawn from the code, so that it cannot tell a different story than the code."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from cloud_manager.domain import diagram

PAGE = Path("ARCHITECTURE.md")
DRAWINGS: Mapping[str, Callable[[], str]] = {
    "state diagram": lambda: f"```mermaid\n{diagram.state_diagram()}\n```",
    "transition table": diagram.transition_table,
    "gate table": diagram.gate_table,
}


def redrawn(text: str) -> str:
    """Return the page with everything between `<!-- drawn: NAME -->` and `<!-- end -->` drawn anew."""
    for name, draw in DRAWINGS.items():
        marked = re.compile(rf"(<!-- drawn: {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        drawn = draw().replace("\\", "\\\\")
        text, found = marked.subn(rf"\g<1>{drawn}\g<2>", text)
        if found != 1:
            raise SystemExit(f"{PAGE}: `<!-- drawn: {name} -->` must stand there once, it stands there {found} times")
    return text


def draw() -> int:
    """Write the page where it differs; always 0."""
    before = PAGE.read_text()
    after = redrawn(before)
    if after != before:
        PAGE.write_text(after)
        print(f"{PAGE} is drawn anew")
    return 0
