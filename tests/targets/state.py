# SPDX-License-Identifier: GPL-3.0-or-later
"""All that an installation may change: on a target, in MariaDB, in RabbitMQ and in keystone.

A state is {section: lines}; two of them are compared line by line, so that a difference can be read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.lab.client import Lab
from tests.targets.services import keystone, rabbitmq

State = Mapping[str, Sequence[str]]
# Runs a Python program, given as text, inside the target; returns what it printed.
RunPython = Callable[[str], str]

PROBE = Path(__file__).with_name("probe.py")
DATABASES = """SELECT schema_name, default_character_set_name, default_collation_name, schema_comment
FROM information_schema.schemata ORDER BY 1"""
# Those that the server knows; it passes over some that stand in its tables.
ACCOUNTS = "SELECT DISTINCT grantee FROM information_schema.user_privileges"
PASSWORD_HASH = re.compile(r" IDENTIFIED (BY|VIA|WITH) .*?(?= WITH GRANT OPTION|$)")


def gather(run_python: RunPython, lab: Lab) -> State:
    return {**of_target(run_python), **of_services(lab)}


def of_target(run_python: RunPython) -> State:
    found: State = json.loads(run_python(PROBE.read_text()))
    return found


def of_services(lab: Lab) -> State:
    return {
        "databases": [" ".join(row).strip() for row in lab.sql(DATABASES)],
        "grants": sorted(_grants(lab)),
        "rabbitmq": sorted(_rabbitmq(lab)),
        "keystone": sorted(_keystone(lab)),
    }


def differences(before: State, after: State, sections: Sequence[str] | None = None) -> list[str]:
    """`- section: line` for what went, `+ section: line` for what came; empty where both are the same."""
    found = []
    for section in sections if sections is not None else before:
        old, new = set(before[section]), set(after[section])
        found += [f"- {section}: {line}" for line in sorted(old - new)]
        found += [f"+ {section}: {line}" for line in sorted(new - old)]
    return found


def marked(name: object, marks: object) -> str:
    """The name, and in parentheses what it is marked by, if it is."""
    return f"{name} ({marks})" if marks else str(name)


def _grants(lab: Lab) -> Iterator[str]:
    """Each account's grants, without its password."""
    for (account,) in lab.sql(ACCOUNTS):
        for (grant,) in lab.sql(f"SHOW GRANTS FOR {account}"):
            yield PASSWORD_HASH.sub("", grant)


def _rabbitmq(lab: Lab) -> Iterator[str]:
    for vhost in rabbitmq(lab, "GET", "vhosts"):
        yield f"vhost {marked(vhost['name'], ' '.join(vhost['tags']))}"
    for user in rabbitmq(lab, "GET", "users"):
        yield f"user {marked(user['name'], ' '.join(user['tags']))}"
    for right in rabbitmq(lab, "GET", "permissions"):
        rights = " ".join(str(right[name]) for name in ("configure", "write", "read"))
        yield f"permissions of {right['user']} on {right['vhost']}: {rights}"


def _keystone(lab: Lab) -> Iterator[str]:
    ask = keystone(lab)

    def listed(path: str, kind: str = "") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = ask("GET", path)[kind or path]
        return found

    users, services = listed("users"), {service["id"]: service for service in listed("services")}
    for kind, things in (("user", users), ("project", listed("projects")), ("region", listed("regions"))):
        for thing in things:
            yield f"{kind} {marked(thing.get('name', thing['id']), thing.get('description'))}{able(thing)}"
    for user in users:
        for credential in listed(f"users/{user['id']}/application_credentials", "application_credentials"):
            yield f"application credential {credential['name']} of {user['name']}"
    for service in services.values():
        yield f"service {service['type']} {marked(service['name'], service.get('description'))}{able(service)}"
    for endpoint in listed("endpoints"):
        kind = services[endpoint["service_id"]]["type"]
        yield f"endpoint {kind} {endpoint['region_id']} {endpoint['interface']} {endpoint['url']}{able(endpoint)}"
    for assigned in listed("role_assignments?include_names=true", "role_assignments"):
        who = assigned.get("user") or assigned["group"]
        where = assigned["scope"].get("project", {}).get("name") or "no project"
        yield f"role {assigned['role']['name']} of {who['name']} on {where}"


def able(thing: Mapping[str, object]) -> str:
    """A word for what keystone does not let anyone use."""
    return "" if thing.get("enabled", True) else " disabled"
