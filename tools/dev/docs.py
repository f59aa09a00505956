# SPDX-License-Identifier: GPL-3.0-or-later
"""`./dev docs`: what is drawn from the code, so that it cannot tell a different story than the code."""

import importlib
import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from cloud_manager.domain import diagram

ARGUMENT_SPECS = Path(__file__).resolve().parents[2] / "playbooks" / "argument_specs"
COLLECTIONS = Path(__file__).resolve().parents[2] / "collections"
MODULE_UTILS = "ansible_collections.aos.cloud_manager.plugins.module_utils"


def protocol_table() -> str:
    """Return a table of what power controls there are, from the registry of drivers."""
    if str(COLLECTIONS) not in sys.path:
        sys.path.insert(0, str(COLLECTIONS))
    drivers = importlib.import_module(f"{MODULE_UTILS}.power_controls").DRIVERS
    rows = [
        f"| [{name}]({name}.md) | {_first_sentence(driver)} | {driver.default_port} | "
        f"{'yes' if driver.tells_identity() else 'no'} |"
        for name, driver in sorted(drivers.items())
    ]
    return "\n".join(["| protocol | device | default port | tells its identity |", "|---|---|---|---|", *rows])


def playbook_tables() -> str:
    """Return what each playbook does, from its first comment, and its variables, from its argument spec."""
    return "\n\n".join(_playbook_table(page) for page in sorted(ARGUMENT_SPECS.glob("*.yml")))


def _playbook_table(page: Path) -> str:
    comments = (line[2:] for line in (page.parents[1] / page.name).read_text().splitlines() if line.startswith("# "))
    spec = yaml.safe_load(page.read_text())["argument_spec"]
    rows = [f"| `{name}` | {_default(option)} | {_sentences(option['description'])} |" for name, option in spec.items()]
    return "\n".join(
        [
            f"## {page.stem}",
            "",
            next(comments).rstrip(":.") + ".",
            "",
            "| variable | default | meaning |",
            "|---|---|---|",
            *rows,
        ]
    )


def _default(option: Mapping[str, Any]) -> str:
    if option.get("required"):
        return "required"
    return f"`{json.dumps(option['default'])}`" if "default" in option else ""


def _sentences(said: str | list[str]) -> str:
    return " ".join([said] if isinstance(said, str) else said).replace("|", "\\|")


def _first_sentence(driver: type) -> str:
    return " ".join((driver.__doc__ or "").split("\n\n")[0].split())


PAGES: Mapping[Path, Mapping[str, Callable[[], str]]] = {
    Path("ARCHITECTURE.md"): {
        "state diagram": lambda: f"```mermaid\n{diagram.state_diagram()}\n```",
        "transition table": diagram.transition_table,
        "gate table": diagram.gate_table,
    },
    Path("docs/power/README.md"): {"protocol table": protocol_table},
    Path("docs/playbooks.md"): {"playbooks": playbook_tables},
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
