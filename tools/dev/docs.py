# SPDX-License-Identifier: GPL-3.0-or-later
"""`./dev docs`: what is drawn from the code, so that it cannot tell a different story than the code."""

import importlib
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from cloud_manager.domain import diagram

COLLECTIONS = Path(__file__).resolve().parents[2] / "collections"
MODULE_UTILS = "ansible_collections.aos.cloud_manager.plugins.module_utils"


def protocol_table() -> str:
    """Return a table of what power controls there are, from the registry of drivers."""
    if str(COLLECTIONS) not in sys.path:
        sys.path.insert(0, str(COLLECTIONS))
    drivers = importlib.import_module(f"{MODULE_UTILS}.power_controls").DRIVERS
    base = importlib.import_module(f"{MODULE_UTILS}.power_driver").Driver
    rows = [
        f"| [{name}]({name}.md) | {_first_sentence(driver)} | {driver.default_port} | "
        f"{'yes' if driver.identity is not base.identity else 'no'} |"
        for name, driver in sorted(drivers.items())
    ]
    return "\n".join(["| protocol | device | default port | tells its identity |", "|---|---|---|---|", *rows])


def _first_sentence(driver: type) -> str:
    return " ".join((driver.__doc__ or "").split("\n\n")[0].split())


PAGES: Mapping[Path, Mapping[str, Callable[[], str]]] = {
    Path("ARCHITECTURE.md"): {
        "state diagram": lambda: f"```mermaid\n{diagram.state_diagram()}\n```",
        "transition table": diagram.transition_table,
        "gate table": diagram.gate_table,
    },
    Path("docs/power/README.md"): {"protocol table": protocol_table},
}


def redrawn(page: Path, text: str) -> str:
    """Return the page with everything between `<!-- drawn: NAME -->` and `<!-- end -->` drawn anew."""
    for name, draw in PAGES[page].items():
        marked = re.compile(rf"(<!-- drawn: {name} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        drawn = draw().replace("\\", "\\\\")
        text, found = marked.subn(rf"\g<1>{drawn}\g<2>", text)
        if found != 1:
            raise SystemExit(f"{page}: `<!-- drawn: {name} -->` must stand there once, it stands there {found} times")
    return text


def draw() -> int:
    """Write the pages that differ; always 0."""
    for page in PAGES:
        before = page.read_text()
        after = redrawn(page, before)
        if after != before:
            page.write_text(after)
            print(f"{page} is drawn anew")
    return 0
