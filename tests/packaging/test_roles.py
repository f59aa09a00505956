# SPDX-License-Identifier: GPL-3.0-or-later
"""Every role says what it takes, as its defaults have it, and all roles read the same site."""

import re

import pytest
from jinja2.nativetypes import NativeEnvironment

from tests.packaging.tree import ROOT, read_yaml, roles

ROLES = roles()


def options(role):
    """Return the options of a role's argument spec."""
    return read_yaml("roles", role, "meta", "argument_specs.yml")["argument_specs"]["main"]["options"]


def defaults(role):
    """Return the defaults of a role as they stand there."""
    return read_yaml("roles", role, "defaults", "main.yml")


def rendered(default):
    """Return a default as it is where the site sets no variable and the environment is empty."""
    if not isinstance(default, str):
        return default
    return NativeEnvironment().from_string(default).render(lookup=lambda _plugin, _name: "")


def site_variables():
    """Return (site variable, role, option) of every default that reads a variable of the site."""
    return [
        (found.group(), role, name)
        for role in ROLES
        for name, default in defaults(role).items()
        if isinstance(default, str) and (found := re.search(r"\baos_\w+", default))
    ]


def test_there_are_roles():
    assert len(ROLES) == 9


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("file", ["README.md", "defaults/main.yml", "meta/main.yml", "tasks/main.yml"])
def test_a_role_is_whole(role, file):
    assert (ROOT / "roles" / role / file).exists()


@pytest.mark.parametrize("role", ROLES)
def test_the_spec_and_the_defaults_of_a_role_are_equal(role):
    said = {name: about["default"] for name, about in options(role).items()}
    assert said == {name: rendered(default) for name, default in defaults(role).items()}


@pytest.mark.parametrize("role", ROLES)
def test_every_option_of_a_role_is_described_and_typed(role):
    for name, about in options(role).items():
        assert name.startswith(f"{role}_")
        assert about["description"], name
        assert about["type"], name


def test_roles_that_read_the_same_variable_say_the_same_of_it():
    said = {}
    for site, role, name in site_variables():
        about = options(role)[name]
        assert said.setdefault(site, about) == about, f"{site} in {role}"


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_chosen_in_site_by_its_name(role):
    (play,) = [play for play in read_yaml("playbooks", "site.yml") if play["hosts"] == "controllers"]
    chosen = [
        task["tags"]
        for task in play["tasks"]
        if task.get("ansible.builtin.import_role", {"name": ""})["name"].endswith(f".{role}")
    ]
    assert chosen
    assert set(chosen) == {role}
