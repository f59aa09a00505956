# SPDX-License-Identifier: GPL-3.0-or-later
"""Molecule's scenarios, run against targets and the lab of the slot."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.lab.plan import REPOSITORY
from tests.lab.plan import Plan as LabPlan
from tests.targets.plan import Plan


def names(project: Path = REPOSITORY) -> list[str]:
    return sorted(file.parent.name for file in project.glob("molecule/*/molecule.yml"))


def environment(plan: Plan, scenario: str) -> dict[str, str]:
    """What molecule/config.yml and its playbooks read."""
    return {
        "AOS_CHECKOUT": str(REPOSITORY),
        "AOS_LAB_SLOT": str(plan.slot),
        "AOS_TARGETS": str(plan.folder),
        "OS_CLIENT_CONFIG_FILE": str(LabPlan.from_environment(plan.slot).clouds_yaml),
        # Its state is thrown away with the targets that it is about.
        "MOLECULE_EPHEMERAL_DIRECTORY": str(plan.folder / "molecule" / scenario),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


def run(
    plan: Plan, scenario: str, project: Path = REPOSITORY, command: str = "test"
) -> subprocess.CompletedProcess[str]:
    """Run the scenario of this project, from its destruction to its destruction; everything it says is in stdout."""
    config = str(project / "molecule" / "config.yml")
    return subprocess.run(
        ["molecule", "--base-config", config, command, "--scenario-name", scenario],
        cwd=project,
        env={**os.environ, "NO_COLOR": "1", **environment(plan, scenario)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
