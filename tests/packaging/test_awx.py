# SPDX-License-Identifier: GPL-3.0-or-later
"""What awx/ says of the playbooks and of their secrets is true."""

import re

import pytest
import yaml

from tests.packaging.tree import ROOT, playbooks, read_yaml

# Playbooks without a job template, and why.
NOT_IN_AWX = {
    "awx_setup": "it sets AWX up",
    "pxe_host": "it writes files on the machine where it runs, which in AWX is a container that is thrown away",
}
# Credential types that AWX brings with it.
AWX_TYPES = {"Machine"}
# The type of an option -> the types of a question that may answer it.
ANSWERS = {
    "str": {"text", "textarea"},
    "path": {"text"},
    "list": {"text"},
    "int": {"integer"},
    "float": {"float"},
    "bool": {"multiplechoice"},
}


class Loader(yaml.SafeLoader):
    """Reads Ansible's own tag for text that is no template."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def data(name):
    """Return the one list that a file of awx/ holds first, or all its lists by their names."""
    return yaml.load((ROOT / "awx" / f"{name}.yml").read_text(encoding="utf-8"), Loader)


TEMPLATES = data("job_templates")["awx_setup_job_templates"]
WORKFLOWS = data("workflows")["awx_setup_workflows"]
TYPES = data("credential_types")["awx_setup_credential_types"]
CREDENTIALS = data("resources")["awx_setup_credentials"]
QUESTIONS = [(template, question) for template in TEMPLATES for question in template.get("survey", [])]
BY_NAME = {template["name"]: template for template in TEMPLATES}


def specification(template):
    """Return the inputs of a job template's playbook."""
    name = re.fullmatch(r"playbooks/(\w+)\.yml", template["playbook"])[1]
    return read_yaml("playbooks", "argument_specs", f"{name}.yml")["argument_spec"]


def test_every_playbook_has_one_job_template():
    templates = sorted(template["playbook"] for template in TEMPLATES)
    assert templates == [f"playbooks/{name}.yml" for name in playbooks() if name not in NOT_IN_AWX]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template["name"])
def test_a_survey_asks_for_every_input_that_is_required(template):
    asked = {question["variable"] for question in template.get("survey", []) if question["required"]}
    assert {name for name, about in specification(template).items() if about.get("required")} <= asked


@pytest.mark.parametrize(
    ("template", "question"),
    QUESTIONS,
    ids=[f"{template['name']}-{question['variable']}" for template, question in QUESTIONS],
)
def test_a_question_fits_the_input_that_it_asks_for(template, question):
    about = specification(template)[question["variable"]]
    choices = about.get("choices") or (["false", "true"] if about["type"] == "bool" else None)
    assert question.get("choices") == choices
    assert question["type"] in ({"multiplechoice"} if choices else ANSWERS[about["type"]])
    if "default" in about:
        assert str(question["default"]).lower() == str(about["default"]).lower()


def test_no_question_asks_for_a_secret():
    assert not [question for _template, question in QUESTIONS if question["type"] == "password"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow["name"])
def test_a_workflow_asks_and_says_what_its_jobs_need(workflow):
    asked = {question["variable"]: question for question in workflow["survey"]}
    for node in workflow["nodes"]:
        for question in BY_NAME[node["unified_job_template"]]["survey"] if "unified_job_template" in node else ():
            given = node["extra_data"].get(question["variable"])
            assert asked.get(question["variable"]) == question or given in question["choices"], node["identifier"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow["name"])
def test_only_a_person_who_approves_leads_to_a_recovery(workflow):
    nodes = {node["identifier"]: node for node in workflow["nodes"]}
    recovering = [name for name, node in nodes.items() if node.get("unified_job_template") == "AOS recover host"]
    leading = [way for way in workflow["ways"] if way["to"] in recovering]
    assert recovering
    assert leading
    assert all("approval" in nodes[way["from"]] and way["outcome"] == "success" for way in leading)
    assert all(node["approval"]["timeout"] for node in nodes.values() if "approval" in node)


def test_a_job_template_has_credentials_that_are_there():
    named = {name for template in TEMPLATES for name in template["credentials"]}
    assert named == {credential["name"] for credential in CREDENTIALS}
    ours = {one["name"] for one in TYPES}
    assert {credential["credential_type"] for credential in CREDENTIALS} == ours | AWX_TYPES


@pytest.mark.parametrize("one", TYPES, ids=lambda one: one["name"])
def test_a_secret_reaches_a_job_by_a_variable_that_the_collection_reads(one):
    assert set(one["injectors"]) <= {"env", "file"}
    code = [
        path.read_text(encoding="utf-8")
        for folder in ("plugins", "roles")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in (".py", ".yml")
    ]
    for variable in one["injectors"]["env"]:
        assert any(re.search(rf"\b{variable}\b", text) for text in code), variable
    fields = {field["id"] for field in one["inputs"]["fields"]}
    assert set(re.findall(r"\{\{ (\w+) \}\}", str(one["injectors"]))) == fields


def test_the_execution_environment_holds_what_the_collection_needs():
    wanted = read_yaml("meta", "execution-environment.yml")["dependencies"]
    built = read_yaml("execution-environment.yml")["dependencies"]
    for kind, file in wanted.items():
        assert built[kind] == file
        assert (ROOT / file).is_file()
