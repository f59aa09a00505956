# SPDX-License-Identifier: GPL-3.0-or-later
"""The repository as the packaging tests read it."""

import ast
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
# The programs of the development environment, whatever PATH says.
BIN = Path(sys.executable).parent
COLLECTION = "aos.cloud_manager"


def modules() -> list[str]:
    """Return the names of the collection's modules."""
    return sorted(path.stem for path in (ROOT / "plugins" / "modules").glob("*.py") if path.stem != "__init__")


def playbooks() -> list[str]:
    """Return the names of the collection's playbooks."""
    return sorted(path.stem for path in (ROOT / "playbooks").glob("*.yml"))


def roles() -> list[str]:
    """Return the names of the collection's roles."""
    return sorted(path.name for path in (ROOT / "roles").iterdir())


def read_yaml(*parts: str) -> object:
    """Return the content of a YAML file of the repository."""
    return yaml.safe_load(ROOT.joinpath(*parts).read_text(encoding="utf-8"))


def imports(path: Path) -> set[str]:
    """Return the dotted names that a Python file imports, wherever in it they stand."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def run(arguments: Sequence[str | Path], **options: object) -> subprocess.CompletedProcess[str]:
    """Run a program to its end with its two outputs joined; the caller asserts on its status."""
    return subprocess.run(
        [str(argument) for argument in arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
