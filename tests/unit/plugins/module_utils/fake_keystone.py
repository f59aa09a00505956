# SPDX-License-Identifier: GPL-3.0-or-later
"""A keystone in memory: as much of the Identity API as making and removing our things needs."""

from __future__ import annotations

import copy
import itertools
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud import CloudRefused

Item = dict[str, t.Any]


class FakeKeystone:
    """In the place of Cloud, for the administrator. sent: what was asked for that changes something."""

    def __init__(self) -> None:
        self.things: dict[str, list[Item]] = {
            "domains": [{"id": "default", "name": "Default"}],
            "regions": [{"id": "RegionOne"}],
            "roles": [{"id": "role-1", "name": "service"}, {"id": "role-2", "name": "reader"}],
            "projects": [],
            "users": [],
            "services": [],
            "endpoints": [],
            "application_credentials": [],
        }
        self.assignments: set[tuple[str, str, str]] = set()
        self.sent: list[str] = []
        self._numbers = itertools.count(1)

    def add(self, collection: str, **fields: t.Any) -> Item:
        item = {"id": f"{collection}-{next(self._numbers)}", "enabled": True, **fields}
        self.things[collection].append(item)
        return item

    def one(self, collection: str) -> Item:
        (found,) = self.things[collection]
        return found

    def get(self, path: str, query: Item | None = None) -> Item:
        parts = path.strip("/").split("/")
        if parts[0] == "role_assignments":
            return {"role_assignments": self._assigned(query or {})}
        if parts[0] == "domains" and len(parts) > 1:
            return {"domain": self._by_id("domains", parts[1])}
        wanted = (query or {}).items()
        found = [item for item in self.things[parts[-1]] if all(item.get(key) == value for key, value in wanted)]
        return {parts[-1]: copy.deepcopy(found)}

    def post(self, path: str, body: Item) -> Item:
        self.sent.append(f"POST {path}")
        ((thing, fields),) = body.items()
        return {thing: self.add(path.split("/")[-1], **fields)}

    def patch(self, path: str, body: Item) -> Item:
        self.sent.append(f"PATCH {path}")
        ((thing, fields),) = body.items()
        _root, collection, name = path.split("/")
        item = self._by_id(collection, name)
        item.update(fields)
        return {thing: item}

    def put(self, path: str, _body: Item) -> Item:
        self.sent.append(f"PUT {path}")
        _root, _projects, project, _users, user, _roles, role = path.split("/")
        self.assignments.add((user, project, role))
        return {}

    def delete(self, path: str) -> None:
        self.sent.append(f"DELETE {path}")
        _root, collection, name = path.split("/")
        self.things[collection].remove(self._by_id(collection, name))
        self.assignments = {one for one in self.assignments if name not in one}
        self.things["endpoints"] = [item for item in self.things["endpoints"] if item["service_id"] != name]

    def as_user(self, user_id: str, password: str, project_id: str | None = None) -> AsUser:
        return AsUser(self, user_id, password, project_id)

    def _assigned(self, query: Item) -> list[Item]:
        return [
            {"user": {"id": user}, "role": {"id": role}}
            for user, project, role in sorted(self.assignments)
            if project == query["scope.project.id"] and user == query.get("user.id", user)
        ]

    def _by_id(self, collection: str, name: str) -> Item:
        for item in self.things[collection]:
            if item["id"] == name:
                return item
        raise CloudRefused(f"there is no {name}", 404, "not found")


class AsUser:
    """The same keystone for somebody who must log in."""

    def __init__(self, keystone: FakeKeystone, user_id: str, password: str, project_id: str | None) -> None:
        self._keystone = keystone
        self._user_id = user_id
        self._password = password
        self._project_id = project_id

    def get(self, path: str) -> Item:
        assert path == "/auth/projects"
        self._log_in()
        return {"projects": [{"id": project} for project in self._projects()]}

    def post(self, path: str, body: Item) -> Item:
        self._log_in()
        assert self._project_id in self._projects()
        answer = self._keystone.post(path, body)
        answer["application_credential"] |= {"secret": "told once", "project_id": self._project_id}
        return answer

    def _projects(self) -> list[str]:
        return [project for user, project, _role in self._keystone.assignments if user == self._user_id]

    def _log_in(self) -> None:
        users = {user["id"]: user for user in self._keystone.things["users"]}
        user = users[self._user_id]
        if not user["enabled"] or user["password"] != self._password:
            raise CloudRefused("cloud example refuses the credentials", 401, "the request requires authentication")
