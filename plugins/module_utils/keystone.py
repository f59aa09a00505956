# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keystone has of ours: project, user, roles, service, endpoints, application credential.

PRIVATE to the collection aos.cloud_manager: may change in any release.

Source: the Identity API v3 reference. Items are the API's own dictionaries.
"""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud import Cloud, CloudRefused
from ansible_collections.aos.cloud_manager.plugins.module_utils.mark import MADE_BY
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

# keystone takes a token of the second in which its user was changed for a revoked one.
NEXT_SECOND = 1.2

Item = dict[str, t.Any]


def is_ours(item: Item) -> bool:
    """Whether this collection made it, by its description."""
    return MADE_BY in (item.get("description") or "")


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What the module's options ask for. endpoints: interface -> URL. credential: None for none."""

    user: str
    password: str = dataclasses.field(repr=False)
    keep_password: bool
    project: str
    domain: str
    roles: tuple[str, ...]
    service_name: str
    service_type: str
    service_description: str
    region: str
    endpoints: dict[str, str]
    credential: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """What there is. roles: name -> id of those wanted; granted: the ids that the user has on the project.

    strangers: why the project is not ours alone. elsewhere: the other regions where the service has endpoints (both
    where nothing is to be made). password_is_right: None where nobody tried.
    """

    domain_id: str
    roles: dict[str, str]
    project: Item | None
    user: Item | None
    granted: frozenset[str]
    strangers: str
    service: Item | None
    endpoints: dict[str, Item]
    elsewhere: list[str]
    credential: Item | None
    password_is_right: bool | None

    @property
    def ids(self) -> dict[str, str]:
        """The id of each thing that is there."""
        things = {"project": self.project, "user": self.user, "service": self.service}
        return {name: item["id"] for name, item in things.items() if item}


class Identity:
    """Questions to keystone as the administrator. Each raises AosError."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def find(self, wanted: Wanted, to_make: bool) -> Found:
        """What there is of the things wanted; to make them, role and region must be there."""
        domain = self._domain(wanted.domain)
        roles = {name: self._role(name) for name in wanted.roles} if to_make else {}
        if to_make:
            self._require_region(wanted.region)
        project = self._one("projects", {"name": wanted.project, "domain_id": domain})
        user = self._one("users", {"name": wanted.user, "domain_id": domain})
        service = self._service(wanted)
        return Found(
            domain,
            roles,
            project,
            user,
            self._granted(user, project) if to_make else frozenset(),
            "" if to_make or not project else self._strangers(project, user),
            service,
            self._endpoints(service, wanted.region) if service else {},
            self._other_regions(service, wanted.region) if service and not to_make else [],
            self._credential(user, project, wanted.credential),
            self._password_is_right(user, wanted) if to_make else None,
        )

    def prove_login(self, user_id: str, project_id: str, wanted: Wanted) -> None:
        """Raise AosError unless the user logs in with its password and may use the project."""
        try:
            allowed = project_id in self._projects_of_changed(user_id, wanted.password)
        except CloudRefused as error:
            raise AosError(
                f"keystone made user {wanted.user} and does not let it log in: {error.explanation}; check that domain "
                f"{wanted.domain} is enabled, and keystone's rules for passwords"
            ) from error
        if not allowed:
            raise AosError(f"user {wanted.user} has no role on project {wanted.project}; name one in roles")

    def _one(self, collection: str, query: Item) -> Item | None:
        found = self._list(collection, query)
        return found[0] if found else None

    def _list(self, collection: str, query: Item | None = None) -> list[Item]:
        return self._cloud.get(f"/{collection}", query)[collection]

    def _domain(self, name: str) -> str:
        try:
            return self._cloud.get(f"/domains/{name}")["domain"]["id"]
        except CloudRefused as error:
            if error.status != 404:
                raise
        named = self._one("domains", {"name": name})
        if not named:
            raise AosError(f"keystone has no domain {name}; {self._there_are('domains', 'name')}")
        return named["id"]

    def _role(self, name: str) -> str:
        role = self._one("roles", {"name": name})
        if not role:
            raise AosError(
                f"keystone has no role {name}; {self._there_are('roles', 'name')}, or make it "
                f"(openstack role create {name})"
            )
        return role["id"]

    def _require_region(self, region: str) -> None:
        known = [item["id"] for item in self._list("regions")]
        if region not in known:
            raise AosError(f"keystone has no region {region}; {self._there_are('regions', 'id')}")

    def _there_are(self, collection: str, field: str) -> str:
        names = sorted(item[field] for item in self._list(collection))
        return f"give one of {', '.join(names)}" if names else f"there are no {collection} at all"

    def _granted(self, user: Item | None, project: Item | None) -> frozenset[str]:
        if not user or not project:
            return frozenset()
        query = {"user.id": user["id"], "scope.project.id": project["id"]}
        return frozenset(item["role"]["id"] for item in self._list("role_assignments", query))

    def _strangers(self, project: Item, user: Item | None) -> str:
        ours = user["id"] if user else None
        assigned = self._list("role_assignments", {"scope.project.id": project["id"]})
        others = [item for item in assigned if item.get("user", {}).get("id") != ours]
        if others:
            return f"{len(others)} roles on it belong to others"
        children = self._list("projects", {"parent_id": project["id"]})
        return f"it has {len(children)} projects below it" if children else ""

    def _service(self, wanted: Wanted) -> Item | None:
        found = self._list("services", {"type": wanted.service_type})
        if len(found) > 1:
            ids = ", ".join(item["id"] for item in found)
            raise AosError(f"keystone has several services of type {wanted.service_type}: {ids}; delete all but one")
        if found and found[0].get("name") != wanted.service_name:
            raise AosError(
                f"the service of type {wanted.service_type} is named {found[0].get('name')} ({found[0]['id']}), not "
                f"{wanted.service_name}; give that as service_name, or another service_type"
            )
        return found[0] if found else None

    def _endpoints(self, service: Item, region: str) -> dict[str, Item]:
        endpoints: dict[str, Item] = {}
        for item in self._list("endpoints", {"service_id": service["id"], "region_id": region}):
            twin = endpoints.setdefault(item["interface"], item)
            if twin is not item:
                raise AosError(
                    f"service {service['name']} has two {item['interface']} endpoints in region {region}: {twin['id']} "
                    f"({twin['url']}) and {item['id']} ({item['url']}); delete one of them"
                )
        return endpoints

    def _other_regions(self, service: Item, region: str) -> list[str]:
        endpoints = self._list("endpoints", {"service_id": service["id"]})
        return sorted({item["region_id"] or "no region" for item in endpoints} - {region})

    def _credential(self, user: Item | None, project: Item | None, name: str | None) -> Item | None:
        if not user or name is None:
            return None
        answer = self._cloud.get(f"/users/{user['id']}/application_credentials", {"name": name})
        found = answer["application_credentials"]
        if found and project and found[0]["project_id"] != project["id"]:
            raise AosError(
                f"application credential {name} of user {user['name']} belongs to another project than "
                f"{project['name']} ({found[0]['project_id']}); delete it, or choose another name"
            )
        return found[0] if found else None

    def _password_is_right(self, user: Item | None, wanted: Wanted) -> bool | None:
        if not user or not user["enabled"] or wanted.keep_password:
            return None
        try:
            self._projects_of(user["id"], wanted.password)
        except CloudRefused as error:
            if error.status != 401:
                raise
            return False
        return True

    def _projects_of_changed(self, user_id: str, password: str) -> set[str]:
        try:
            return self._projects_of(user_id, password)
        except CloudRefused as error:
            if error.status != 401:
                raise
        time.sleep(NEXT_SECOND)
        return self._projects_of(user_id, password)

    def _projects_of(self, user_id: str, password: str) -> set[str]:
        """The projects that the user may use: without naming one, a wrong password is the only refusal."""
        answer = self._cloud.as_user(user_id, password).get("/auth/projects")
        return {item["id"] for item in answer["projects"]}
