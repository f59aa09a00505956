# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook declares its inputs, validly, and checks them itself."""

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from tests.packaging.tree import ROOT, playbooks, read_yaml

PLAYBOOKS = playbooks()


def specification(name):
    """Return the argument spec of a playbook."""
    return read_yaml("playbooks", "argument_specs", f"{name}.yml")["argument_spec"]


def without_words(options):
    """Return the options without the descriptions, which Ansible's validator does not know."""
    bare = {}
    for name, about in options.items():
        bare[name] = {key: value for key, value in about.items() if key != "description"}
        if "options" in about:
            bare[name]["options"] = without_words(about["options"])
    return bare


def test_every_playbook_has_a_spec_and_every_spec_a_playbook():
    specs = sorted(path.stem for path in (ROOT / "playbooks" / "argument_specs").glob("*.yml"))
    assert specs == PLAYBOOKS
    assert PLAYBOOKS


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_every_input_is_described_and_typed(name):
    for option, about in specification(name).items():
        assert about["description"], option
        assert about["type"], option


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_the_defaults_satisfy_the_spec(name):
    options = specification(name)
    needed = {option: "x" for option, about in options.items() if about.get("required") and not about.get("choices")}
    needed |= {
        option: about["choices"][0]
        for option, about in options.items()
        if about.get("required") and about.get("choices")
    }
    result = ArgumentSpecValidator(without_words(options)).validate(needed)
    assert not result.error_messages


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_a_playbook_reads_its_own_spec(name):
    text = (ROOT / "playbooks" / f"{name}.yml").read_text(encoding="utf-8")
    assert f"argument_specs/{name}.yml" in text
