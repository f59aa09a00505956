#!/usr/bin/python
# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: keystone
short_description: CloudManager's user, project, roles, service and endpoints in keystone
version_added: 0.1.0
author:
  - CloudManager contributors (@aos)
description:
  - Makes what is missing of them, or takes it away, as an administrator of the cloud.
  - What it makes carries C(aos.cloud_manager) in its description; what was there before is never removed unless
    O(force=true).
  - While the service has endpoints in other regions, only those of O(region) are removed; service and user are the
    other regions' too.
  - Roles and the region must be there; they are neither made nor removed.
extends_documentation_fragment:
  - aos.cloud_manager.cloud
  - aos.cloud_manager.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description: Whether they should be there.
    type: str
    choices: [present, absent]
    default: present
  user:
    description: Name of the user.
    type: str
    default: aos
  password:
    description:
      - Password of the user. Needed for O(state=present).
      - It is compared by logging in with it, and set where keystone refuses that.
      - Without it, the environment variable E(AOS_KEYSTONE_PASSWORD).
    type: str
  update_password:
    description: Whether a user that is there already gets O(password) where it has another.
    type: str
    choices: [always, on_create]
    default: always
  project:
    description: Name of the project, usually the one of all services of the cloud.
    type: str
    default: service
  domain:
    description: Id or name of the domain of user and project.
    type: str
    default: default
  roles:
    description: Names of the roles that the user has on the project. Others that it has stay.
    type: list
    elements: str
    default: [service]
  service_name:
    description: Name of the service.
    type: str
    default: cloud-manager
  service_type:
    description: Type of the service, by which clients find it in the catalogue.
    type: str
    default: cloud-manager
  service_description:
    description: Description of the service; C(aos.cloud_manager) is added to it.
    type: str
    default: Cloud Manager Service
  region:
    description: Id of the region whose endpoints these are.
    type: str
    default: RegionOne
  endpoints:
    description:
      - URL of each interface. Needed for O(state=present).
      - An endpoint that has another URL is changed; interfaces that are not named stay as they are.
    type: dict
    suboptions:
      internal:
        description: For the cloud's own services.
        type: str
      admin:
        description: For administrators.
        type: str
      public:
        description: For everybody.
        type: str
  application_credential:
    description:
      - Name of an application credential of the user on the project, made where it is missing.
      - Its secret is returned this once, in RV(application_credential.secret); set C(no_log) for the task.
      - Where a run ended before it returned the secret, nobody knows that any more. Delete the application credential
        (C(openstack application credential delete), as its user) and run this again.
    type: str
  force:
    description:
      - With O(state=absent), remove user, service and endpoints also where this module did not make them.
      - A project that this module did not make, or that others use, stays all the same, as do service and user while
        another region has endpoints.
    type: bool
    default: false
seealso:
  - module: aos.cloud_manager.rabbitmq
"""

EXAMPLES = r"""
- name: Make CloudManager known to the cloud
  aos.cloud_manager.keystone:
    cloud: example
    password: "{{ aos_keystone_password }}"
    endpoints:
      internal: http://controller.example.org:9362
      admin: http://controller.example.org:9362
      public: https://cloud.example.org:9362

- name: Give its user an application credential
  aos.cloud_manager.keystone:
    cloud: example
    password: "{{ aos_keystone_password }}"
    endpoints:
      internal: http://controller.example.org:9362
    application_credential: cloud-manager
  register: identity
  no_log: true

- name: Take away what was made, and nothing else
  aos.cloud_manager.keystone:
    cloud: example
    state: absent
"""

RETURN = r"""
user:
  description: Id and name of the user; the id is V(null) where there was none and none was made.
  returned: success
  type: dict
  sample: {id: 2f0a7f1c6f0d4c2e9f5b8a3d1c4e6f70, name: aos}
project:
  description: Id and name of the project.
  returned: success
  type: dict
  sample: {id: 6b8f2c0e4d1a4f7b9c3e5a7d9f1b3c5e, name: service}
service:
  description: Id and name of the service.
  returned: success
  type: dict
  sample: {id: 9d7c5b3a1f2e4d6c8b0a9e7f5d3c1b2a, name: cloud-manager}
application_credential:
  description: The application credential that was made.
  returned: when one was made
  type: dict
  contains:
    id:
      description: Its id.
      type: str
      sample: 4f1f6a0e6d7f4e0b9f0a0d6b3a1c5e11
    name:
      description: Its name.
      type: str
      sample: cloud-manager
    secret:
      description: Its secret, which keystone tells only now.
      type: str
      sample: rEaqvJka48mpv
changes:
  description: A sentence for each change; in check mode for each that would be made.
  returned: success
  type: list
  elements: str
  sample: ["user aos is made", "user aos gets role service on project service"]
kept:
  description: A sentence for each thing that O(state=absent) left.
  returned: success
  type: list
  elements: str
  sample: ["project service stays: its description does not name aos.cloud_manager, so it was not made here"]
"""

import typing as t
import urllib.parse

from ansible.module_utils.basic import env_fallback

from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud import CLOUD_OPTIONS, IDENTITY, connect
from ansible_collections.aos.cloud_manager.plugins.module_utils.keystone import Identity, Item, Wanted
from ansible_collections.aos.cloud_manager.plugins.module_utils.keystone_plan import (
    apply,
    difference,
    plan_absent,
    plan_present,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, AosModule

ARGUMENTS: dict[str, t.Any] = {
    **CLOUD_OPTIONS,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "user": {"type": "str", "default": "aos"},
    "password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["AOS_KEYSTONE_PASSWORD"])},
    "update_password": {"type": "str", "choices": ["always", "on_create"], "default": "always", "no_log": False},
    "project": {"type": "str", "default": "service"},
    "domain": {"type": "str", "default": "default"},
    "roles": {"type": "list", "elements": "str", "default": ["service"]},
    "service_name": {"type": "str", "default": "cloud-manager"},
    "service_type": {"type": "str", "default": "cloud-manager"},
    "service_description": {"type": "str", "default": "Cloud Manager Service"},
    "region": {"type": "str", "default": "RegionOne"},
    "endpoints": {
        "type": "dict",
        "options": {interface: {"type": "str"} for interface in ("internal", "admin", "public")},
    },
    "application_credential": {"type": "str", "no_log": False},
    "force": {"type": "bool", "default": False},
}
AS_THEY_ARE = ("user", "project", "domain", "service_name", "service_type", "service_description", "region")


def wanted_by(params: dict[str, t.Any]) -> Wanted:
    """The options as a value. Raises AosError for those that keystone would take and nobody could use."""
    endpoints = {name: url for name, url in (params["endpoints"] or {}).items() if url is not None}
    if params["state"] == "present":
        if not params["password"]:
            raise AosError("the user's password is missing; give password or AOS_KEYSTONE_PASSWORD")
        if not params["roles"]:
            raise AosError(f"user {params['user']} needs a role on project {params['project']}; name one in roles")
        if not endpoints:
            raise AosError("endpoints names no URL; give those of internal, admin and public")
    for interface, url in endpoints.items():
        if not is_web_address(url):
            raise AosError(f"the {interface} endpoint {url!r} is no URL such as http://controller:9362; correct it")
    return Wanted(
        password=params["password"] or "",
        keep_password=params["update_password"] == "on_create",
        roles=tuple(params["roles"]),
        endpoints=endpoints,
        credential=params["application_credential"],
        **{option: params[option] for option in AS_THEY_ARE},
    )


def is_web_address(url: str) -> bool:
    """Whether it is http or https and names a host."""
    try:
        parts = urllib.parse.urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def run(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """What the module returns. Raises AosError."""
    wanted = wanted_by(params)
    present = params["state"] == "present"
    cloud = connect(params, None, IDENTITY)
    identity = Identity(cloud)
    found = identity.find(wanted, to_make=present)
    changes, kept = (plan_present(found, wanted), []) if present else plan_absent(found, wanted, params["force"])
    answers: dict[str, Item] = {}
    ids = found.ids
    if changes and not check_mode:
        answers = apply(cloud, changes, ids, wanted.password)
        ids |= {thing: item["id"] for thing, item in answers.items()}
        if present and not (found.user and wanted.keep_password):
            identity.prove_login(ids["user"], ids["project"], wanted)
    result = {
        "changed": bool(changes),
        "user": {"id": ids.get("user"), "name": wanted.user},
        "project": {"id": ids.get("project"), "name": wanted.project},
        "service": {"id": ids.get("service"), "name": wanted.service_name},
        "changes": [change.sentence for change in changes],
        "kept": kept,
        "diff": difference(found, changes),
    }
    if "application_credential" in answers:
        made = answers["application_credential"]
        result["application_credential"] = {field: made[field] for field in ("id", "name", "secret")}
    return result


def main() -> None:
    module = AosModule(ARGUMENTS, supports_check_mode=True)
    with module.errors_reported():
        module.exit_json(**run(module.params, module.check_mode))


if __name__ == "__main__":
    main()
