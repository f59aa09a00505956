# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of `./dev test`: what fails soonest and is cheapest stands first.

Two lanes of them run side by side: most tests wait for other programs most of the time.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from tools.dev import collection
from tools.dev.running import Command

# Adapters against the real other side, which Debian's packages bring.
CONTRACT_TESTS = "watchdog/tests/contract"
# Each bench has processes and addresses of its own, and most of their time is spent on waiting for silent devices.
POWER_TESTS = ("tests/integration/power", "tests/integration/pxe")
# They install on targets with a real systemd, for which a small lab is enough.
DEPLOYMENT_TESTS = "tests/integration/deployment"
UNIT_TESTS = ("watchdog/tests", "tests/unit", "tests/tools", f"--ignore={CONTRACT_TESTS}")


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its name on the command line, what it shows, and what to run while it is prepared.

    lane: steps of one lane run one after the other; those that use the same slots for their labs share one.
    """

    name: str
    purpose: str
    prepare: Callable[[], AbstractContextManager[Sequence[Command]]]
    lane: str = "code and labs"


def _python(title: str, *arguments: str) -> Command:
    return Command(title, (sys.executable, *arguments))


def _pytest(title: str, *arguments: str) -> Command:
    return _python(title, "-m", "pytest", *arguments)


_MACHINE = _python("Debian packages", "-m", "tools.dev.machine")


@contextmanager
def _lint() -> Iterator[Sequence[Command]]:
    yield (
        Command("ruff check", ("ruff", "check", ".")),
        Command("ruff format", ("ruff", "format", "--check", ".")),
        Command("shellcheck", ("shellcheck", "dev", ".ci/run")),
        Command("mypy --strict", ("mypy",)),
        Command("import-linter", ("lint-imports", "--config", "watchdog/pyproject.toml")),
        Command("ansible-lint", ("ansible-lint", "--offline", "--strict", "--profile", "production")),
        Command("antsibull-changelog", ("antsibull-changelog", "lint")),
    )


@contextmanager
def _unit() -> Iterator[Sequence[Command]]:
    # What tests/unit/plugins holds, ansible-test runs in the step `collection`.
    yield (_pytest("pytest unit", "--numprocesses=2", *UNIT_TESTS, "--ignore=tests/unit/plugins"),)


@contextmanager
def _collection() -> Iterator[Sequence[Command]]:
    with collection.ansible_test_commands() as commands:
        yield (
            *commands,
            _python("galaxy-importer", "-m", "tools.dev.galaxy"),
            _pytest("pytest packaging", "--numprocesses=2", "--dist=loadscope", "tests/packaging"),
        )


@contextmanager
def _integration() -> Iterator[Sequence[Command]]:
    others = (f"--ignore={folder}" for folder in (*POWER_TESTS, DEPLOYMENT_TESTS))
    yield (
        _MACHINE,
        _pytest("pytest power, PXE", "--numprocesses=4", "--dist=loadscope", *POWER_TESTS),
        _pytest("pytest contract", "--numprocesses=2", "--dist=loadscope", CONTRACT_TESTS),
        _pytest("pytest integration", "--numprocesses=2", "--dist=loadscope", "tests/integration", *others),
    )


@contextmanager
def _deployment() -> Iterator[Sequence[Command]]:
    # Each worker has a lab of its own; conftest.py says what is its share, and what is begun first.
    workers = ("--numprocesses=2", "--no-loadscope-reorder")
    arguments = (sys.executable, "-m", "pytest", "--durations=10", *workers, DEPLOYMENT_TESTS)
    # The slots before it are those of the two labs of the other lane.
    slot = int(os.environ.get("AOS_LAB_SLOT") or 0) + 2
    lab = {"AOS_LAB_SLOT": str(slot), "AOS_LAB_HOSTS": "2"}
    yield (_MACHINE, Command("pytest deployment", arguments, environment=lab))


@contextmanager
def _e2e() -> Iterator[Sequence[Command]]:
    # Each worker has a lab of its own, where the stories of its modules wait most of the time.
    yield (_MACHINE, _pytest("pytest e2e", "--numprocesses=2", "--dist=loadscope", "tests/e2e"))


STEPS = (
    Step("lint", "formatting, types, layers, shell, playbooks, changelog", _lint),
    Step("unit", "the daemon's core, the modules' and the tools' own code", _unit),
    Step("collection", "ansible-test, the tarball and the wheel in empty places", _collection, "installation"),
    Step("integration", "adapters and modules against real databases and power controls", _integration),
    Step("deployment", "installed on Debian 12 and 13 with a systemd; Molecule", _deployment, "installation"),
    Step("e2e", "the lab: hypervisors die, their servers come back", _e2e),
)


def chosen(names: Sequence[str]) -> list[Step]:
    """Return the named steps in their fixed order."""
    return [step for step in STEPS if step.name in names]
