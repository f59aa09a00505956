#!/usr/bin/python
# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rabbitmq
short_description: CloudManager's user and vhost in RabbitMQ, and its permissions on Nova's
version_added: 0.1.0
author:
  - CloudManager contributors (@aos)
description:
  - Makes what is missing of the user, its vhost, and its permissions on that and on Nova's vhost, or takes it away.
  - What it makes carries the tag C(aos.cloud_manager); what was there before is never removed unless O(force=true).
  - Permissions carry no tags, so those of a user that stays do too, and are named.
  - Nova's vhost itself is neither made, changed nor removed.
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
  state:
    description: Whether it should be there.
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
      - Without it, the environment variable E(AOS_RABBITMQ_PASSWORD).
    type: str
  update_password:
    description: Whether a user that is there already gets O(password) where it has another.
    type: str
    choices: [always, on_create]
    default: always
  tags:
    description:
      - Tags of the user, which give rights in the management plugin; beside them stands C(aos.cloud_manager).
      - Without it, a user that is there keeps its own.
    type: list
    elements: str
  vhost:
    description: CloudManager's own vhost.
    type: str
    default: aos
  nova_vhost:
    description: The vhost that Nova uses, as C(transport_url) in C(nova.conf) ends; it must exist.
    type: str
    default: /
  permissions:
    description: What the user may do in both vhosts, each a regular expression for names of queues and exchanges.
    type: dict
    suboptions:
      configure:
        description: What it may make and delete.
        type: str
        default: ".*"
      write:
        description: What it may send to.
        type: str
        default: ".*"
      read:
        description: What it may receive from.
        type: str
        default: ".*"
  via:
    description:
      - V(api) is the HTTP API of the management plugin, V(rabbitmqctl) the command.
      - V(auto) is the API, but the command where O(login_password) is not given, or where nothing listens at an
        O(api_url) of the same machine.
    type: str
    choices: [auto, api, rabbitmqctl]
    default: auto
  api_url:
    description: Address of the management plugin.
    type: str
    default: http://localhost:15672
  login_user:
    description: User with the tag C(administrator) who asks the API.
    type: str
    default: guest
  login_password:
    description: Password of O(login_user). Without it, the environment variable E(AOS_RABBITMQ_ADMIN_PASSWORD).
    type: str
  validate_certs:
    description: Whether the certificate of O(api_url) is checked.
    type: bool
    default: true
  ca_cert:
    description: File with the certificates of the authorities that are trusted for O(api_url).
    type: path
  rabbitmqctl:
    description: The command, by its name or path.
    type: str
    default: rabbitmqctl
  force:
    description: With O(state=absent), remove the user and O(vhost) also where this module did not make them.
    type: bool
    default: false
requirements:
  - RabbitMQ >= 3.9
notes:
  - O(via=rabbitmqctl) needs root on a machine where the broker runs. The password is given by standard input.
  - RabbitMQ's permissions hold in the whole cluster, so one of its machines is enough.
seealso:
  - module: aos.cloud_manager.keystone
"""

EXAMPLES = r"""
- name: Give CloudManager its place in the message broker
  aos.cloud_manager.rabbitmq:
    password: "{{ aos_rabbitmq_password }}"
    login_password: "{{ aos_rabbitmq_admin_password }}"

- name: Do it by rabbitmqctl, where there is no management plugin
  aos.cloud_manager.rabbitmq:
    password: "{{ aos_rabbitmq_password }}"
    nova_vhost: nova
    via: rabbitmqctl
  become: true

- name: Take away what was made, and nothing else
  aos.cloud_manager.rabbitmq:
    state: absent
    login_password: "{{ aos_rabbitmq_admin_password }}"
"""

RETURN = r"""
via:
  description: How the broker was asked, V(api) or V(rabbitmqctl).
  returned: success
  type: str
  sample: api
user:
  description: Name of the user.
  returned: success
  type: str
  sample: aos
vhost:
  description: Name of CloudManager's vhost.
  returned: success
  type: str
  sample: aos
changes:
  description: A sentence for each change; in check mode for each that would be made.
  returned: success
  type: list
  elements: str
  sample: ["vhost aos is made", "user aos is made", "user aos may use vhost aos", "user aos may use vhost /"]
kept:
  description: A sentence for each thing that O(state=absent) left, since this module did not make it.
  returned: success
  type: list
  elements: str
  sample: ["user aos stays: it has no tag aos.cloud_manager, so it was not made here; force removes it"]
"""

import re
import shutil
import typing as t

from ansible.module_utils.basic import env_fallback

from ansible_collections.aos.cloud_manager.plugins.module_utils.rabbitmq import (
    Broker,
    Holdings,
    Wanted,
    apply,
    changes_between,
    made,
    removed,
    visible,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.rabbitmq_api import ManagementApi, NobodyListens
from ansible_collections.aos.cloud_manager.plugins.module_utils.rabbitmq_ctl import Rabbitmqctl
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, AosModule

EVERYTHING = {"type": "str", "default": ".*"}
ARGUMENTS: dict[str, t.Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "user": {"type": "str", "default": "aos"},
    "password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["AOS_RABBITMQ_PASSWORD"])},
    "update_password": {"type": "str", "choices": ["always", "on_create"], "default": "always", "no_log": False},
    "tags": {"type": "list", "elements": "str"},
    "vhost": {"type": "str", "default": "aos"},
    "nova_vhost": {"type": "str", "default": "/"},
    "permissions": {
        "type": "dict",
        "apply_defaults": True,
        "options": {"configure": EVERYTHING, "write": EVERYTHING, "read": EVERYTHING},
    },
    "via": {"type": "str", "choices": ["auto", "api", "rabbitmqctl"], "default": "auto"},
    "api_url": {"type": "str", "default": "http://localhost:15672"},
    "login_user": {"type": "str", "default": "guest"},
    "login_password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["AOS_RABBITMQ_ADMIN_PASSWORD"])},
    "validate_certs": {"type": "bool", "default": True},
    "ca_cert": {"type": "path"},
    "rabbitmqctl": {"type": "str", "default": "rabbitmqctl"},
    "force": {"type": "bool", "default": False},
}
# What Debian's rabbitmqctl, which hands its arguments to a shell, passes on as it is.
PLAIN_NAME = re.compile(r"[^-\s\"$`\\][^\x00-\x1f\"$`\\]*")


def wanted_by(params: dict[str, t.Any]) -> Wanted:
    """The options as a value. Raises AosError for those that RabbitMQ, or we, could not follow."""
    for option in ("user", "vhost", "nova_vhost"):
        if not PLAIN_NAME.fullmatch(params[option]):
            raise AosError(
                f'{option} {params[option]!r} is empty, begins with a dash or a space, or holds one of " $ ` \\ or a '
                f"control character; choose another name"
            )
    if params["vhost"] == params["nova_vhost"]:
        raise AosError(f"vhost and nova_vhost are both {params['vhost']}, but Nova's is not ours; give another vhost")
    if params["via"] != "rabbitmqctl" and params["user"] == params["login_user"]:
        raise AosError(f"user and login_user are both {params['user']}; log in as another administrator")
    if params["state"] == "present" and not params["password"]:
        raise AosError("the user's password is missing; give password or AOS_RABBITMQ_PASSWORD")
    return Wanted(
        user=params["user"],
        password=params["password"] or "",
        tags=None if params["tags"] is None else frozenset(params["tags"]),
        vhost=params["vhost"],
        nova_vhost=params["nova_vhost"],
        permissions=params["permissions"],
        keep_password=params["update_password"] == "on_create",
    )


def look(params: dict[str, t.Any], wanted: Wanted) -> tuple[Broker, Holdings]:
    """The broker in the way that answers, and what it has."""
    names = (wanted.user, (wanted.vhost, wanted.nova_vhost))
    command = command_of(params)
    api = api_of(params)
    if api is None and command is None:
        raise AosError(
            f"RabbitMQ cannot be asked: give login_password or AOS_RABBITMQ_ADMIN_PASSWORD for its API, or set "
            f"rabbitmqctl to the path of the command {params['rabbitmqctl']}; via={params['via']}"
        )
    if api is not None:
        try:
            return api, api.read(*names)
        except NobodyListens:
            if command is None or not api.is_local:
                raise
    command = t.cast(Rabbitmqctl, command)
    return command, command.read(*names)


def api_of(params: dict[str, t.Any]) -> ManagementApi | None:
    """The API, if it may be used and somebody can log in."""
    if params["via"] == "rabbitmqctl" or not params["login_password"]:
        return None
    return ManagementApi(
        params["api_url"], params["login_user"], params["login_password"], params["validate_certs"], params["ca_cert"]
    )


def command_of(params: dict[str, t.Any]) -> Rabbitmqctl | None:
    """The command, if it may be used and is there."""
    path = None if params["via"] == "api" else shutil.which(params["rabbitmqctl"])
    return Rabbitmqctl(path) if path else None


def run(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """What the module returns. Raises AosError."""
    wanted = wanted_by(params)
    broker, found = look(params, wanted)
    kept: list[str] = []
    if params["state"] == "present":
        target = made(found, wanted)
    else:
        target, kept = removed(found, wanted, params["force"])
    changes = changes_between(found, target)
    if changes and not check_mode:
        apply(broker, changes)
    return {
        "changed": bool(changes),
        "via": broker.via,
        "user": wanted.user,
        "vhost": wanted.vhost,
        "changes": [change.sentence for change in changes],
        "kept": kept,
        "diff": {"before": visible(found), "after": visible(target)},
    }


def main() -> None:
    module = AosModule(ARGUMENTS, supports_check_mode=True)
    with module.errors_reported():
        module.exit_json(**run(module.params, module.check_mode))


if __name__ == "__main__":
    main()
