# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests that give keystone what is missing of ours, or take it away again.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud import Cloud
from ansible_collections.aos.cloud_manager.plugins.module_utils.keystone import Found, Item, Wanted, is_ours
from ansible_collections.aos.cloud_manager.plugins.module_utils.mark import MADE_BY

MADE_HERE = f"CloudManager ({MADE_BY})"
STRANGER = f"its description does not name {MADE_BY}, so it was not made here"


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One request and the sentence for it.

    path: with {project}, {user} and {service} for ids that may come into being by an earlier change.
    thing: under which name fields are sent and the answer comes. refers: field -> thing whose id it holds.
    by_user: sent as our user, not as the administrator.
    """

    sentence: str
    method: str
    path: str
    thing: str = ""
    fields: Item = dataclasses.field(default_factory=dict, repr=False)
    refers: dict[str, str] = dataclasses.field(default_factory=dict)
    by_user: bool = False


def plan_present(found: Found, wanted: Wanted) -> list[Change]:
    """What is missing or different, in the order in which it can be made."""
    return [
        *project_changes(found, wanted),
        *user_changes(found, wanted),
        *role_changes(found, wanted),
        *service_changes(found, wanted),
        *endpoint_changes(found, wanted),
        *credential_changes(found, wanted),
    ]


def project_changes(found: Found, wanted: Wanted) -> t.Iterator[Change]:
    """Made, or enabled."""
    if found.project is None:
        fields = {"name": wanted.project, "domain_id": found.domain_id, "description": MADE_HERE}
        yield Change(f"project {wanted.project} is made", "POST", "/projects", "project", fields)
    elif not found.project["enabled"]:
        yield Change(
            f"project {wanted.project} is enabled", "PATCH", "/projects/{project}", "project", {"enabled": True}
        )


def user_changes(found: Found, wanted: Wanted) -> t.Iterator[Change]:
    """Made, enabled, or given the password."""
    secret = {"password": wanted.password}
    if found.user is None:
        fields = {"name": wanted.user, "domain_id": found.domain_id, "description": MADE_HERE, **secret}
        yield Change(f"user {wanted.user} is made", "POST", "/users", "user", fields)
        return
    if not found.user["enabled"]:
        # a disabled user cannot log in to show that the password is right
        fields = {"enabled": True, **({} if wanted.keep_password else secret)}
        yield Change(f"user {wanted.user} is enabled", "PATCH", "/users/{user}", "user", fields)
    elif found.password_is_right is False:
        yield Change(f"user {wanted.user} gets another password", "PATCH", "/users/{user}", "user", secret)


def role_changes(found: Found, wanted: Wanted) -> t.Iterator[Change]:
    """Each role that the user lacks on the project."""
    for name, role in found.roles.items():
        if role not in found.granted:
            sentence = f"user {wanted.user} gets role {name} on project {wanted.project}"
            yield Change(sentence, "PUT", f"/projects/{{project}}/users/{{user}}/roles/{role}")


def service_changes(found: Found, wanted: Wanted) -> t.Iterator[Change]:
    """Made, or enabled; of one that was made here also the description."""
    described = {"description": service_description(wanted)}
    if found.service is None:
        fields = {"name": wanted.service_name, "type": wanted.service_type, **described}
        yield Change(f"service {wanted.service_name} is made", "POST", "/services", "service", fields)
        return
    fields = {} if found.service.get("enabled", True) else {"enabled": True}
    if is_ours(found.service) and found.service["description"] != described["description"]:
        fields |= described
    if fields:
        sentence = f"service {wanted.service_name} gets {' and '.join(f'{key}={fields[key]}' for key in fields)}"
        yield Change(sentence, "PATCH", "/services/{service}", "service", fields)


def service_description(wanted: Wanted) -> str:
    """What is wanted, with our mark."""
    return f"{wanted.service_description} ({MADE_BY})"


def endpoint_changes(found: Found, wanted: Wanted) -> t.Iterator[Change]:
    """Made, enabled, or given the URL."""
    for interface, url in wanted.endpoints.items():
        name = f"{interface} endpoint in region {wanted.region}"
        known = found.endpoints.get(interface)
        if known is None:
            fields = {"interface": interface, "region_id": wanted.region, "url": url, "description": MADE_HERE}
            refers = {"service_id": "service"}
            yield Change(f"{name} is made: {url}", "POST", "/endpoints", "endpoint", fields, refers)
        elif known["url"] != url or not known["enabled"]:
            sentence = f"{name} becomes {url}, was {address(known)}"
            fields = {"interface": interface, "url": url, "enabled": True}
            yield Change(sentence, "PATCH", f"/endpoints/{known['id']}", "endpoint", fields)


def address(endpoint: Item) -> str:
    """Its URL, and whether it counts."""
    return endpoint["url"] if endpoint["enabled"] else f"{endpoint['url']} (disabled)"


def credential_changes(found: Found, wanted: Wanted) -> t.Iterator[Change]:
    """The application credential, which a user can make for himself only."""
    if wanted.credential is not None and found.credential is None:
        sentence = f"application credential {wanted.credential} of user {wanted.user} is made"
        fields = {"name": wanted.credential, "description": MADE_HERE}
        path = "/users/{user}/application_credentials"
        yield Change(sentence, "POST", path, "application_credential", fields, by_user=True)


def plan_absent(found: Found, wanted: Wanted, force: bool) -> tuple[list[Change], list[str]]:
    """What is ours and goes, and a sentence for each thing that stays.

    Endpoints go with their service, roles and application credentials with the user. force is neither for what another
    region's CloudManager needs, nor for the project, which a cloud's other services share.
    """
    changes: list[Change] = []
    kept: list[str] = []
    regions = " and ".join(found.elsewhere)
    needed = f"the service has endpoints in {regions} too; to remove CloudManager there removes it" if regions else ""

    def goes(thing: str, name: str, item: Item, why_not: str, fields: Item | None = None) -> bool:
        if why_not:
            kept.append(f"{name} stays: {why_not}")
        else:
            changes.append(Change(f"{name} is removed", "DELETE", f"/{thing}s/{item['id']}", thing, fields or {}))
        return not why_not

    def strange(*items: Item) -> str:
        return "" if force or any(map(is_ours, items)) else f"{STRANGER}; force removes it"

    service, user, project = found.service, found.user, found.project
    if service and not goes("service", f"service {wanted.service_name}", service, needed or strange(service)):
        for interface, item in found.endpoints.items():
            name = f"{interface} endpoint in region {wanted.region}"
            goes("endpoint", name, item, strange(item, service), {"interface": interface})
    user_stays = user and not goes("user", f"user {wanted.user}", user, needed or strange(user))
    if user_stays:
        kept[-1] += "; its roles stay with it"
    if project:
        shared = found.strangers or (f"user {wanted.user} has it" if user_stays else "")
        goes("project", f"project {wanted.project}", project, shared if is_ours(project) else STRANGER)
    return changes, kept


def apply(cloud: Cloud, changes: t.Sequence[Change], ids: dict[str, str], password: str) -> dict[str, Item]:
    """Send the requests; the things that were made or changed, as keystone answers. Raises AosError.

    ids: those of the things that are there. What was done before an error is found by the next run.
    """
    ids, answers = dict(ids), {}
    for change in changes:
        sender = cloud.as_user(ids["user"], password, ids["project"]) if change.by_user else cloud
        path = change.path.format(**ids)
        if change.method == "DELETE":
            sender.delete(path)
            continue
        fields = {**change.fields, **{field: ids[thing] for field, thing in change.refers.items()}}
        send = getattr(sender, change.method.lower())
        answer = send(path, {change.thing: fields} if change.thing else {})
        if change.thing:
            answers[change.thing] = answer[change.thing]
            ids[change.thing] = answer[change.thing]["id"]
    return answers


def difference(found: Found, changes: t.Sequence[Change]) -> dict[str, t.Any]:
    """What diff mode shows; of a password only that it is set."""
    before: dict[str, t.Any] = {
        "project": shown(found.project),
        "user": shown(found.user),
        "roles": sorted(name for name, role in found.roles.items() if role in found.granted),
        "service": shown(found.service),
        "endpoints": {interface: address(item) for interface, item in found.endpoints.items()},
        "application_credential": shown(found.credential),
    }
    after = {**before, "roles": sorted(found.roles), "endpoints": dict(before["endpoints"])}
    for change in changes:
        if change.method == "DELETE" and change.thing == "endpoint":
            del after["endpoints"][change.fields["interface"]]
        elif change.method == "DELETE":
            after[change.thing] = None
        elif change.thing == "endpoint":
            after["endpoints"][change.fields["interface"]] = change.fields["url"]
        elif change.thing:
            after[change.thing] = {**(after[change.thing] or {}), **(shown(change.fields) or {})}
    if after["service"] is None:
        after["endpoints"] = {}
    if after["user"] is None:
        after["application_credential"] = None
    return {"before": before, "after": after}


def shown(item: Item | None) -> Item | None:
    """What a diff shows of a thing."""
    if item is None:
        return None
    fields = {field: item[field] for field in ("name", "type", "description", "enabled") if field in item}
    return fields | ({"password": "(set)"} if "password" in item else {})
