# SPDX-License-Identifier: GPL-3.0-or-later
"""The tarball works beside nothing but ansible-core and the libraries that requirements.txt names."""

import pytest

from tests.packaging.tree import COLLECTION, modules, playbooks, read_yaml

INVENTORY = """
controllers: {hosts: {controller-01.example.org: {ansible_connection: local}}}
computes: {hosts: {compute-01.example.org: {ansible_connection: local}}}
"""


def needs(name):
    """Return what a playbook must be told, as extra variables: any value that its spec lets pass."""
    options = read_yaml("playbooks", "argument_specs", f"{name}.yml")["argument_spec"]
    told = {
        option: about.get("choices", ["compute-01.example.org"])[0]
        for option, about in options.items()
        if about.get("required")
    }
    return [word for option, value in told.items() for word in ("-e", f"{option}={value}")]


def test_every_module_is_listed_with_its_documentation(alone):
    done = alone("ansible-doc", "-t", "module", "-l", COLLECTION)
    assert done.returncode == 0, done.stdout
    described = dict(line.split(maxsplit=1) for line in done.stdout.splitlines() if line.startswith(COLLECTION))
    assert sorted(described) == [f"{COLLECTION}.{name}" for name in modules()]
    assert "UNDOCUMENTED" not in done.stdout


@pytest.mark.parametrize("name", playbooks())
def test_a_playbook_starts_in_check_mode(alone, tmp_path, name):
    """It gets through the check of its inputs; what comes after wants a cloud, devices and machines."""
    hosts = tmp_path / "hosts.yml"
    hosts.write_text(INVENTORY)
    done = alone("ansible-playbook", "-i", hosts, f"{COLLECTION}.{name}", "--check", "--tags", "always", *needs(name))
    assert done.returncode == 0, done.stdout
    assert "TASK [Check the inputs" in done.stdout
