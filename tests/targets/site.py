# SPDX-License-Identifier: GPL-3.0-or-later
"""What Molecule's scenarios are told: the lab's addresses and passwords, and where the product to install lies."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.lab.client import Lab
from tests.lab.plan import PORTS, REPOSITORY
from tests.lab.record import write_private
from tests.lab.requisites import venv_path
from tests.targets.plan import Plan
from tests.targets.wheelhouse import product_wheel, wheelhouse
from tools.dev.collection import copy_work_tree


def write(plan: Plan, lab: Lab) -> Path:
    """Build the product and write site.yml into the slot's folder; returns its path."""
    plan.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = plan.folder / "site.yml"
    write_private(path, yaml.safe_dump({"lab": of_lab(lab), "product": built(plan)}))
    return path


def of_lab(lab: Lab) -> dict[str, Any]:
    """`ports` and `urls` by the names of tests/lab/plan.py; MariaDB's root has no password, `password` is admin's.

    `python` is an interpreter with what OpenStack's services need.
    """
    return {
        "ports": {name: lab.plan.port(name) for name in PORTS},
        "urls": {name: lab.plan.url(name) for name in PORTS},
        "clouds_yaml": str(lab.clouds_yaml),
        "cloud": lab.environment()["OS_CLOUD"],
        "password": lab.environment()["OS_PASSWORD"],
        "power_controls": {host: lab.bmc_control(host) for host in lab.hosts},
        "python": str(venv_path(lab.plan) / "bin" / "python"),
    }


@cache
def built(plan: Plan) -> dict[str, str]:
    """Paths on this machine: the wheel, the collection's tarball, and a folder with all that the wheel needs.

    Each process builds them anew, once.
    """
    folder = plan.folder / "product"
    shutil.rmtree(folder, ignore_errors=True)
    copy_work_tree(REPOSITORY, folder / "source")
    command = [
        str(Path(sys.executable).with_name("ansible-galaxy")),
        "collection",
        "build",
        "--output-path",
        str(folder),
    ]
    subprocess.run(command, cwd=folder / "source", check=True, stdout=subprocess.DEVNULL)
    product_wheel(folder)
    (wheel,), (tarball,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return {"wheel": str(wheel), "collection": str(tarball), "wheelhouse": str(wheelhouse(plan.cache))}
