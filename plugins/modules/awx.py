#!/usr/bin/python
# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: awx
short_description: Credential types, projects, job templates and workflows of an AWX, all at once
version_added: 0.1.0
author:
  - CloudManager contributors (@aos)
description:
  - Makes what is missing in AWX 24 or the automation controller (API version 2), and changes what differs.
  - Objects name each other by their names. Those that no option describes must be in AWX already.
  - Nothing is removed. Fields that are not given, and credentials, nodes or ways that were added by hand, stay.
  - It is one module, so that one login and one look at AWX suffice, and so that check mode can plan an object together
    with those that it names and that are not there yet.
requirements:
  - requests >= 2.28
extends_documentation_fragment:
  - aos.cloud_manager.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  url:
    description: Address of AWX, as a browser opens it.
    type: str
    required: true
  token:
    description:
      - Token with the scope write of a user who administers the organization and may make credential types.
      - Without it, the environment variable E(AOS_AWX_TOKEN).
    type: str
  prefix:
    description: Path of the API. Behind the gateway of the automation platform it is V(/api/controller/v2).
    type: str
    default: /api/v2
  validate_certs:
    description: Whether AWX's certificate is checked.
    type: bool
    default: true
  ca_cert:
    description: File with the certificates of the authorities that are trusted for AWX.
    type: path
  timeout:
    description: Seconds that AWX has to answer one request.
    type: float
    default: 30.0
  project_timeout:
    description: Seconds that AWX has to fetch the repository of one project.
    type: float
    default: 300.0
  organization:
    description: Organization that all belongs to; made where it is missing.
    type: str
    default: Default
  galaxy_credential:
    description:
      - Credential of the kind Galaxy that the organization is given. AWX brings C(Ansible Galaxy) with it.
      - An organization without one is given no collection for its jobs, and AWX does not say so.
      - Without this option the organization is left as it is.
    type: str
  credential_types:
    description: Credential types.
    type: list
    elements: dict
    default: []
    suboptions:
      name: &name
        description: Name.
        type: str
        required: true
      description: &description
        description: Description.
        type: str
      kind:
        description: V(net) for network devices, V(cloud) for all else.
        type: str
        choices: [cloud, net]
        default: cloud
      inputs:
        description: What it asks, as AWX has it.
        type: dict
      injectors:
        description: What a job is given, as AWX has it. Mark templates that are AWX's own with C(!unsafe).
        type: dict
  credentials:
    description:
      - Credentials. They are made empty, and what their owner then types into them is never looked at.
    type: list
    elements: dict
    default: []
    suboptions:
      name: *name
      description: *description
      credential_type:
        description: Name of the credential type.
        type: str
        required: true
  execution_environments:
    description: Execution environments.
    type: list
    elements: dict
    default: []
    suboptions:
      name: *name
      description: *description
      image:
        description: Container image.
        type: str
        required: true
  projects:
    description: Projects. A new or changed one is waited for until AWX has fetched it.
    type: list
    elements: dict
    default: []
    suboptions:
      name: *name
      description: *description
      scm_type:
        description: Kind of the repository.
        type: str
        choices: [git, svn, archive]
        default: git
      scm_url:
        description: Address of the repository, as AWX reaches it, with no password in it.
        type: str
        required: true
      scm_branch:
        description: Branch or tag.
        type: str
      default_environment:
        description: Name of the execution environment of its jobs.
        type: str
  inventories:
    description: Inventories.
    type: list
    elements: dict
    default: []
    suboptions:
      name: *name
      description: *description
  inventory_sources:
    description: Where inventories come from.
    type: list
    elements: dict
    default: []
    suboptions:
      name: *name
      description: *description
      inventory:
        description: Name of the inventory.
        type: str
        required: true
      source:
        description: Kind of the source.
        type: str
        default: scm
      source_project:
        description: Name of the project.
        type: str
      source_path:
        description: Path of the inventory in the project.
        type: str
      overwrite:
        description: Whether hosts and groups go that the source no longer has.
        type: bool
      overwrite_vars:
        description: Whether variables go that the source no longer has.
        type: bool
      update_on_launch:
        description: Whether every job that uses the inventory begins with an update.
        type: bool
  job_templates:
    description: Job templates.
    type: list
    elements: dict
    default: []
    suboptions:
      name: *name
      description: *description
      project:
        description: Name of the project.
        type: str
        required: true
      playbook:
        description: Path of the playbook in the project.
        type: str
        required: true
      inventory:
        description: Name of the inventory.
        type: str
      allow_simultaneous: &allow_simultaneous
        description: Whether its jobs may run at the same time.
        type: bool
      credentials:
        description: Names of the credentials that its jobs are given.
        type: list
        elements: str
        default: []
      survey: &survey
        description: Its questions, as AWX's C(survey_spec) has them. Without any, no survey is shown.
        type: list
        elements: dict
        default: []
  workflows:
    description: Workflows.
    type: list
    elements: dict
    default: []
    suboptions:
      name: *name
      description: *description
      inventory:
        description: Name of the inventory.
        type: str
      allow_simultaneous: *allow_simultaneous
      survey: *survey
      nodes:
        description: What is run or asked; each by either of O(workflows[].nodes[].unified_job_template) and
          O(workflows[].nodes[].approval).
        type: list
        elements: dict
        default: []
        suboptions:
          identifier:
            description: Name of the node, unique in the workflow.
            type: str
            required: true
          unified_job_template:
            description: Name of the job template that is run.
            type: str
          extra_data:
            description: Answers to the survey of the job template.
            type: dict
          approval:
            description: What a person is asked.
            type: dict
            suboptions:
              name: *name
              description: *description
              timeout:
                description: Seconds after which it is taken for denied; V(0) waits for ever.
                type: int
      ways:
        description: Which node follows which.
        type: list
        elements: dict
        default: []
        suboptions:
          from:
            description: Identifier of the node that ends.
            type: str
            required: true
          outcome:
            description: Outcome on which the way is taken.
            type: str
            choices: [success, failure, always]
            required: true
          to:
            description: Identifier of the node that begins.
            type: str
            required: true
"""

EXAMPLES = r"""
- name: Offer a playbook in AWX
  aos.cloud_manager.awx:
    url: https://awx.example.org
    galaxy_credential: Ansible Galaxy
    projects:
      - name: AOS CloudManager
        scm_url: https://git.example.org/cloud_manager.git
        scm_branch: v0.1.0
    inventories:
      - name: AOS hosts
    job_templates:
      - name: AOS check power controls
        project: AOS CloudManager
        playbook: playbooks/power_check.yml
        inventory: AOS hosts

- name: Let a person approve before a host is recovered
  aos.cloud_manager.awx:
    url: https://awx.example.org
    workflows:
      - name: AOS remediate host
        survey:
          - question_name: Host
            variable: host
            type: text
            required: true
        nodes:
          - identifier: approve
            approval:
              name: Recover the host?
              timeout: 1800
          - identifier: recover
            unified_job_template: AOS recover host
        ways:
          - from: approve
            outcome: success
            to: recover
"""

RETURN = r"""
changes:
  description: A sentence for each change; in check mode for each that would be made.
  returned: success
  type: list
  elements: str
  sample: ["job template AOS site is made", "job template AOS site gets credential AOS machine"]
"""

import typing as t

from ansible.module_utils.basic import env_fallback

from ansible_collections.aos.cloud_manager.plugins.module_utils.awx_api import Awx
from ansible_collections.aos.cloud_manager.plugins.module_utils.awx_data import Wanted
from ansible_collections.aos.cloud_manager.plugins.module_utils.awx_plan import (
    Change,
    Numbers,
    apply,
    difference,
    plan,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, AosModule

Options = dict[str, dict[str, t.Any]]

NAMED: Options = {"name": {"type": "str", "required": True}, "description": {"type": "str"}}


def dicts(options: Options, **rules: t.Any) -> dict[str, t.Any]:
    """The option that takes a list of such dictionaries."""
    return {"type": "list", "elements": "dict", "default": [], "options": options, **rules}


TEMPLATE: Options = {
    **NAMED,
    "inventory": {"type": "str"},
    "allow_simultaneous": {"type": "bool"},
    "survey": {"type": "list", "elements": "dict", "default": []},
}
NODE: Options = {
    "identifier": {"type": "str", "required": True},
    "unified_job_template": {"type": "str"},
    "extra_data": {"type": "dict"},
    "approval": {"type": "dict", "options": {**NAMED, "timeout": {"type": "int"}}},
}
RUNS_OR_ASKS = [("unified_job_template", "approval")]
WAY: Options = {
    "from": {"type": "str", "required": True},
    "outcome": {"type": "str", "choices": ["success", "failure", "always"], "required": True},
    "to": {"type": "str", "required": True},
}
ARGUMENTS: Options = {
    "url": {"type": "str", "required": True},
    "token": {"type": "str", "no_log": True, "fallback": (env_fallback, ["AOS_AWX_TOKEN"])},
    "prefix": {"type": "str", "default": "/api/v2"},
    "validate_certs": {"type": "bool", "default": True},
    "ca_cert": {"type": "path"},
    "timeout": {"type": "float", "default": 30.0},
    "project_timeout": {"type": "float", "default": 300.0},
    "organization": {"type": "str", "default": "Default"},
    "galaxy_credential": {"type": "str", "no_log": False},
    "credential_types": dicts(
        {
            **NAMED,
            "kind": {"type": "str", "choices": ["cloud", "net"], "default": "cloud"},
            "inputs": {"type": "dict"},
            "injectors": {"type": "dict"},
        }
    ),
    "credentials": dicts({**NAMED, "credential_type": {"type": "str", "required": True}}),
    "execution_environments": dicts({**NAMED, "image": {"type": "str", "required": True}}),
    "projects": dicts(
        {
            **NAMED,
            "scm_type": {"type": "str", "choices": ["git", "svn", "archive"], "default": "git"},
            "scm_url": {"type": "str", "required": True},
            "scm_branch": {"type": "str"},
            "default_environment": {"type": "str"},
        }
    ),
    "inventories": dicts(NAMED),
    "inventory_sources": dicts(
        {
            **NAMED,
            "inventory": {"type": "str", "required": True},
            "source": {"type": "str", "default": "scm"},
            "source_project": {"type": "str"},
            "source_path": {"type": "str"},
            **{name: {"type": "bool"} for name in ("overwrite", "overwrite_vars", "update_on_launch")},
        }
    ),
    "job_templates": dicts(
        {
            **TEMPLATE,
            "project": {"type": "str", "required": True},
            "playbook": {"type": "str", "required": True},
            "credentials": {"type": "list", "elements": "str", "default": []},
        }
    ),
    "workflows": dicts(
        {
            **TEMPLATE,
            "nodes": dicts(NODE, required_one_of=RUNS_OR_ASKS, mutually_exclusive=RUNS_OR_ASKS),
            "ways": dicts(WAY),
        }
    ),
}


def connect(params: dict[str, t.Any]) -> Awx:
    """AWX by the options. Raises AosError."""
    if not params["token"]:
        raise AosError("the token of AWX is missing; give token or AOS_AWX_TOKEN")
    verify = params["validate_certs"] and (params["ca_cert"] or True)
    awx = Awx(params["url"], params["prefix"], params["token"], verify, params["timeout"])
    awx.check_access()
    return awx


def run(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """What the module returns. Raises AosError."""
    parts = Wanted(params).parts()
    awx = connect(params)
    numbers: Numbers = {}
    steps = plan(awx, parts, numbers)
    if not check_mode:
        apply(awx, steps, numbers)
    changes = [step for step in steps if isinstance(step, Change)]
    return {
        "changed": bool(changes),
        "changes": [change.sentence for change in changes],
        "diff": difference(changes),
    }


def main() -> None:
    module = AosModule(ARGUMENTS, supports_check_mode=True)
    with module.errors_reported():
        module.exit_json(**run(module.params, module.check_mode))


if __name__ == "__main__":
    main()
