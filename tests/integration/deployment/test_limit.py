# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks that change what all controllers share are for all of them; inputs are checked under --limit too."""

import pytest

from tests.integration.deployment.playbooks import played

# Nothing answers there: what is said is said before a controller is spoken to.
INVENTORY = """
all:
  vars: {ansible_connection: ssh, ansible_host: 127.0.0.1, ansible_port: 1}
  children:
    controllers:
      hosts: {controller-01: {}, controller-02: {}}
"""


@pytest.fixture
def limited(tmp_path):
    """Play a playbook on controller-01 only; returns its status and what it said, in one line."""
    inventory = tmp_path / "hosts.yml"
    inventory.write_text(INVENTORY)

    def play(name, **inputs):
        said = (f"--extra-vars={key}={value}" for key, value in inputs.items())
        return played(name, inventory, "--limit=controller-01", *said)

    return play


@pytest.mark.parametrize("name", ["upgrade", "rollback", "uninstall"])
def test_a_part_of_the_controllers_is_refused(limited, name):
    status, said = limited(name)
    assert status == 2
    assert "--limit leaves out controller-02" in said
    assert "Run the playbook without --limit" in said


def test_a_controller_can_be_retired_alone(limited):
    status, said = limited("uninstall", shared="false")
    assert status == 4
    assert "leaves out" not in said
    assert "UNREACHABLE" in said


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("upgrade", {"aos_health_seconds": "soon"}),
        ("uninstall", {"remove_data": "perhaps"}),
        ("diagnose", {"fail": "perhaps"}),
    ],
)
def test_inputs_are_checked(limited, name, inputs):
    status, said = limited(name, **inputs)
    assert status == 2
    assert f"argument '{next(iter(inputs))}' is of type str" in said.replace("''", "'")


def test_a_diagnosis_tells_that_nothing_was_reached_and_fails(limited):
    status, said = limited("diagnose")
    assert status == 2
    assert "bad controller-01 reached it was not reached" in said
    assert "controller-02" not in said
    assert "1 of 1 checks are bad" in said
