# SPDX-License-Identifier: GPL-3.0-or-later
"""Molecule's scenarios pass, and they fail where they must."""

from __future__ import annotations

import pytest

from tests.lab.plan import REPOSITORY
from tests.targets import scenarios, site

SCENARIO = """---
platforms:
  - name: {name}
    debian: "13"
    groups: [controllers]
ansible:
  playbooks:
    converge: converge.yml
"""
PLAYBOOK = """---
- name: For the test
  hosts: controllers
  gather_facts: false
  tasks:
    - name: Run the service
      ansible.builtin.command: systemd-run --unit=example sleep infinity
      args:
        creates: /run/systemd/transient/example.service
      changed_when: false
    - name: {task}
      {does}
"""
VERIFY = """---
- name: Verify
  hosts: controllers
  gather_facts: false
  tasks:
    - name: Ask systemd for the service
      ansible.builtin.command: systemctl is-active example.service
      changed_when: false
"""


@pytest.fixture(scope="module")
def plan(plan, lab):
    """The slot's targets, with what the scenarios are told of the lab."""
    site.write(plan, lab)
    return plan


@pytest.fixture
def scenario(tmp_path):
    """Return a function that writes a project with one scenario, on the shared base, with this task."""

    def written(task, does):
        project = tmp_path / "project"
        folder = project / "molecule" / "example"
        folder.mkdir(parents=True)
        for name in ("config.yml", "shared"):
            (project / "molecule" / name).symlink_to(REPOSITORY / "molecule" / name)
        (folder / "molecule.yml").write_text(SCENARIO.format(name="example"))
        (folder / "converge.yml").write_text(PLAYBOOK.format(task=task, does=does))
        (folder / "verify.yml").write_text(VERIFY)
        return project

    return written


def recap(done):
    """Return Molecule's closing lines and those of Ansible, for the log of the check."""
    return "\n".join(
        line for line in done.stdout.splitlines() if "Executed:" in line or " ok=" in line or "actions=" in line
    )


@pytest.mark.timeout(2400)
@pytest.mark.parametrize("name", scenarios.names())
def test_a_scenario_passes(plan, name, capsys):
    done = scenarios.run(plan, name)
    with capsys.disabled():
        print(f"\n{recap(done)}")
    assert done.returncode == 0, done.stdout
    assert "idempotence: Executed: Successful" in done.stdout
    assert "check: Executed: Successful" in done.stdout
    assert "verify: Executed: Successful" in done.stdout


@pytest.mark.parametrize(
    ("action", "task", "does"),
    [
        ("idempotence", "Change it each time", "ansible.builtin.command: 'true'"),
        ("check", "Change it in check mode", "ansible.builtin.debug:\n      changed_when: ansible_check_mode"),
        (
            "verify",
            "Stop the service",
            "ansible.builtin.command: systemctl stop example.service\n      changed_when: false",
        ),
    ],
)
def test_a_scenario_fails_in(plan, scenario, action, task, does):
    done = scenarios.run(plan, "example", scenario(task, does))
    assert done.returncode != 0
    assert f"An error occurred during the test sequence action: '{action}'" in done.stdout, done.stdout
    assert "converge: Executed: Successful" in done.stdout
    assert not plan.instance("example").exists()
    if action != "verify":
        assert task in done.stdout.partition(f"{action}] Executing")[2]
