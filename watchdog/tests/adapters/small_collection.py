# SPDX-License-Identifier: GPL-3.0-or-later
"""A collection of the real one's name whose playbooks are tiny, so that the runner can be tested without hosts."""

from __future__ import annotations

from pathlib import Path

# What the modules return is written into the inventory's power control: title is a Python expression.
MODULE = """
import os, subprocess, sys, time
from ansible.module_utils.basic import AnsibleModule

def main():
    control = {name: {} for name in ("title", "protocol", "address", "username")}
    control |= {"password": {"no_log": True}, "port": {"type": "int"}, "outlet": {"type": "int"}}
    control |= {"default": {"type": "bool"}, "options": {"type": "dict"}}
    spec = {"name": {}, "controls": {"type": "list", "elements": "dict", "options": control}, "does": {}}
    module = AnsibleModule(spec)
    names = {"module": module, "os": os, "subprocess": subprocess, "sys": sys, "time": time}
    result = eval(module.params["does"], names)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)

if __name__ == "__main__":
    main()
"""

PLAYBOOK = """
- hosts: "{{ host }}"
  gather_facts: false
  tasks:
    - aos.cloud_manager.MODULE:
        name: "{{ host }}"
        controls: "{{ power_controls }}"
        does: "{{ lookup('ansible.builtin.file', playbook_dir ~ '/does') }}"
"""


def make(folder: Path, playbook: str, module: str, does: str) -> Path:
    """Collections path of a collection with one playbook of one task. does: expression of the module's result."""
    root = folder / "collections" / "ansible_collections" / "aos" / "cloud_manager"
    (root / "playbooks").mkdir(parents=True, exist_ok=True)
    (root / "plugins" / "modules").mkdir(parents=True, exist_ok=True)
    (root / "galaxy.yml").write_text("{namespace: aos, name: cloud_manager, version: 0.0.1, readme: R, authors: [A]}\n")
    (root / "plugins" / "modules" / f"{module}.py").write_text(MODULE)
    (root / "playbooks" / f"{playbook}.yml").write_text(PLAYBOOK.replace("MODULE", module))
    (root / "playbooks" / "does").write_text(does)
    return folder / "collections"
