# SPDX-License-Identifier: GPL-3.0-or-later
"""Play a playbook of the work tree where no target is needed."""

import os
import subprocess
import sys
from pathlib import Path

from tests.packaging.tree import ROOT


def played(name, inventory, *options, **environment):
    """Its status and what it said, in one line. The inventory's folder keeps what Ansible leaves."""
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-playbook"),
            ROOT / "playbooks" / f"{name}.yml",
            f"--inventory={inventory}",
            *options,
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_HOME": str(inventory.parent / "ansible"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, " ".join(f"{done.stdout} {done.stderr}".split())
