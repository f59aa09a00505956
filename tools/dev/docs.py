# SPDX-License-Identifier: GPL-3.0-or-later
"""`./dev docs`: what is drawn from the code, so that it cannot tell a different story than the code."""

import importlib
import json
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from cloud_manager.domain import diagram

ARGUMENT_SPECS = Path(__file__).resolve().parents[2] / "playbooks" / "argument_specs"
ROLES = Path(__file__).resolve().parents[2] / "roles"
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


def role_table(role: str) -> str:
    """Return the variables of a role, by the names that a site gives them."""
    rows = [_variable_row(site, option) for site, option in sorted(_site_variables(role))]
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows])


def site_table() -> str:
    """Return the variables of a site with the roles that read them."""
    found: dict[str, tuple[Mapping[str, Any], list[str]]] = {}
    for role in roles():
        for site, option in _site_variables(role):
            found.setdefault(site, (option, []))[1].append(role)
    rows = [
        f"{_variable_row(site, option)} {', '.join(readers)} |" for site, (option, readers) in sorted(found.items())
    ]
    return "\n".join(["| variable | default | meaning | roles |", "|---|---|---|---|", *rows])


def roles() -> list[str]:
    """Return the names of the collection's roles."""
    return sorted(folder.name for folder in ROLES.iterdir())


def _site_variables(role: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The site's name of each variable is what its default reads; one without keeps the role's."""
    specs = yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text())
    defaults = yaml.safe_load((ROLES / role / "defaults" / "main.yml").read_text())
    options = specs["argument_specs"]["main"]["options"]
    return [(_site_name(name, defaults[name]), option) for name, option in options.items()]


def _site_name(name: str, default: object) -> str:
    found = re.search(r"\baos_\w+", default) if isinstance(default, str) else None
    return found.group() if found else name


def _variable_row(name: str, option: Mapping[str, Any]) -> str:
    return f"| `{name}` | {_default(option)} | {_sentences(option['description'])} |"


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
    Path("docs/deployment.md"): {"site variables": site_table},
    **{Path("roles", role, "README.md"): {"variables": partial(role_table, role)} for role in roles()},
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
