# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module tells its reader all that ansible-doc can show."""

import json

import pytest
import yaml

from tests.packaging.tree import BIN, COLLECTION, ROOT, modules, run

MODULES = modules()


@pytest.fixture(scope="module")
def documents():
    """Return what ansible-doc says of every module in the plain checkout."""
    done = run([BIN / "ansible-doc", "--json", *(f"{COLLECTION}.{name}" for name in MODULES)], cwd=ROOT)
    assert done.returncode == 0, done.stdout
    return json.loads(done.stdout[done.stdout.index("{") :])


def test_there_are_modules():
    assert MODULES


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_documented(documents, name):
    document = documents[f"{COLLECTION}.{name}"]
    doc = document["doc"]
    assert doc["short_description"]
    assert doc["description"]
    assert {"check_mode", "diff_mode", "idempotent"} <= set(doc["attributes"])
    for option, about in doc["options"].items():
        assert about["description"], option
        assert about["type"], option


@pytest.mark.parametrize("name", MODULES)
def test_a_module_documents_what_it_returns(documents, name):
    returned = documents[f"{COLLECTION}.{name}"]["return"]
    assert returned
    for key, about in returned.items():
        assert about["description"], key
        assert about["type"], key
        assert about["returned"], key


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_are_tasks_that_use_the_module_by_its_full_name(documents, name):
    tasks = yaml.safe_load(documents[f"{COLLECTION}.{name}"]["examples"])
    assert any(f"{COLLECTION}.{name}" in task for task in tasks)
    assert all(task.get("name") for task in tasks)
