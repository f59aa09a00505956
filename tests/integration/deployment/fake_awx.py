# SPDX-License-Identifier: GPL-3.0-or-later
"""A small AWX: the part of its API that the module awx uses, stricter than AWX where a mistake goes unnoticed there.

Shapes, HTTP statuses and rules after the public API reference of AWX 24: lists by pages, 401 on a bad token, 400 on a
field that is missing, of a wrong type, not unique, or naming what is not there; secrets are never read back. Stricter:
a field that AWX would ignore is refused too.
"""

from __future__ import annotations

import json
import re
import threading
import typing as t
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

PAGE = 2
ENCRYPTED = "$encrypted$"
QUESTIONS = {
    "text": str,
    "textarea": str,
    "password": str,
    "integer": int,
    "float": (int, float),
    "multiplechoice": str,
    "multiselect": str,
}


@dataclass(frozen=True)
class Kind:
    """What one kind of object has. fields: name -> default, or REQUIRED; names: field -> kind of what it names."""

    fields: dict[str, t.Any]
    names: dict[str, str] = field(default_factory=dict)
    unique: tuple[str, ...] = ("name",)
    lists: dict[str, str] = field(default_factory=dict)


REQUIRED = object()
TEMPLATES = "job_templates"
NODES = "workflow_job_template_nodes"
WAYS = {"success_nodes": NODES, "failure_nodes": NODES, "always_nodes": NODES}
SURVEYED = {"survey_enabled": False, "allow_simultaneous": False, "extra_vars": ""}
KINDS = {
    "organizations": Kind({"name": REQUIRED, "description": ""}, lists={"galaxy_credentials": "credentials"}),
    "credential_types": Kind(
        {"name": REQUIRED, "description": "", "kind": REQUIRED, "inputs": {}, "injectors": {}}, unique=("name", "kind")
    ),
    "credentials": Kind(
        {"name": REQUIRED, "description": "", "organization": None, "credential_type": REQUIRED, "inputs": {}},
        {"organization": "organizations", "credential_type": "credential_types"},
        ("name", "organization", "credential_type"),
    ),
    "execution_environments": Kind({"name": REQUIRED, "description": "", "image": REQUIRED, "pull": ""}),
    "projects": Kind(
        {"name": REQUIRED, "description": "", "organization": None, "default_environment": None}
        | {"scm_type": "", "scm_url": "", "scm_branch": "", "scm_update_on_launch": False},
        {"organization": "organizations", "default_environment": "execution_environments"},
        ("name", "organization"),
    ),
    "inventories": Kind(
        {"name": REQUIRED, "description": "", "organization": REQUIRED, "variables": ""},
        {"organization": "organizations"},
        ("name", "organization"),
    ),
    "inventory_sources": Kind(
        {"name": REQUIRED, "description": "", "inventory": REQUIRED, "source": REQUIRED, "source_project": None}
        | {"source_path": "", "overwrite": False, "overwrite_vars": False, "update_on_launch": False},
        {"inventory": "inventories", "source_project": "projects"},
        ("name", "inventory"),
    ),
    TEMPLATES: Kind(
        {"name": REQUIRED, "description": "", "job_type": "run", "project": REQUIRED, "inventory": None}
        | SURVEYED
        | {"playbook": REQUIRED},
        {"project": "projects", "inventory": "inventories"},
        lists={"credentials": "credentials"},
    ),
    "workflow_job_templates": Kind(
        {"name": REQUIRED, "description": "", "organization": None, "inventory": None} | SURVEYED,
        {"organization": "organizations", "inventory": "inventories"},
        ("name", "organization"),
    ),
    NODES: Kind(
        {"identifier": REQUIRED, "workflow_job_template": REQUIRED, "unified_job_template": None, "extra_data": {}},
        {"workflow_job_template": "workflow_job_templates", "unified_job_template": TEMPLATES},
        ("identifier", "workflow_job_template"),
        WAYS,
    ),
    "workflow_approval_templates": Kind({"name": REQUIRED, "description": "", "timeout": 0}, unique=()),
}


class Refused(Exception):
    """An answer that is no success: HTTP status and body."""

    def __init__(self, status: int, body: t.Any) -> None:
        super().__init__(status, body)
        self.status, self.body = status, body


class FakeAwx:
    """The objects of one AWX and the changes asked of it.

    A fetched project has all that is below playbooks/ but lacking. unfetchable, slow: addresses of repositories.
    """

    def __init__(self, token: str) -> None:
        self.token = token
        self.objects: dict[str, dict[int, dict[str, t.Any]]] = {kind: {} for kind in KINDS}
        self.lists: dict[tuple[str, int, str], list[int]] = {}
        self.surveys: dict[tuple[str, int], t.Any] = {}
        self.changes: list[str] = []
        self.reads = 0
        self.unfetchable: set[str] = set()
        self.slow: set[str] = set()
        self.lacking: set[str] = set()
        self._looks: dict[int, int] = {}
        self._numbers = iter(range(1, 10_000))
        # What every AWX has from the beginning.
        galaxy = self._keep("credential_types", {"name": "Ansible Galaxy/Automation Hub API Token", "kind": "galaxy"})
        self._keep("credential_types", {"name": "Machine", "kind": "ssh"})
        self._keep("credentials", {"name": "Ansible Galaxy", "credential_type": galaxy["id"]})
        self._keep("organizations", {"name": "Default"})

    def one(self, kind: str, name: str) -> dict[str, t.Any]:
        """Return the only object of the name."""
        (found,) = (one for one in self.objects[kind].values() if name in (one.get("name"), one.get("identifier")))
        return found

    def answer(self, method: str, path: str, query: dict[str, str], body: t.Any) -> tuple[int, t.Any]:
        """Return status and body; path without the API's prefix; raise Refused."""
        if method == "GET":
            self.reads += 1
        else:
            self.changes.append(f"{method} {path}")
        match [part for part in path.split("/") if part]:
            case ["me"]:
                return 200, self._page([{"id": 1, "username": "admin"}], {})
            case [kind] if kind in KINDS and method == "GET":
                chosen = self._chosen(self.objects[kind].values(), query)
                return 200, self._page([self._shown(kind, one) for one in chosen], query)
            case [kind] if kind in KINDS and method == "POST":
                return 201, self._shown(kind, self._keep(kind, self._checked(kind, body)))
            case [kind, number, *rest] if kind in KINDS and int(number) in self.objects[kind]:
                return self._of_one(method, kind, self.objects[kind][int(number)], rest, query, body)
        raise Refused(404, {"detail": "The requested resource could not be found."})

    def _of_one(
        self, method: str, kind: str, one: dict, rest: list[str], query: dict, body: t.Any
    ) -> tuple[int, t.Any]:
        match method, rest:
            case "GET", []:
                return 200, self._shown(kind, one)
            case "PATCH", []:
                one |= self._checked(kind, body, one)
                if {"scm_url", "scm_branch"} & set(body):
                    self._looks[one["id"]] = 0
                return 200, self._shown(kind, one)
            case "GET", ["survey_spec"] if "survey_enabled" in one:
                return 200, self.surveys.get((kind, one["id"]), {})
            case "POST", ["survey_spec"] if "survey_enabled" in one:
                self.surveys[kind, one["id"]] = checked_survey(body)
                return 200, None
            case "POST", ["create_approval_template"] if kind == NODES:
                approval = self._keep("workflow_approval_templates", self._checked("workflow_approval_templates", body))
                one["unified_job_template"] = approval["id"]
                return 201, approval
            case "GET", [name] if name in KINDS[kind].lists:
                members = self.lists.get((kind, one["id"], name), [])
                found = [self.objects[KINDS[kind].lists[name]][number] for number in members]
                return 200, self._page(self._chosen(found, query), query)
            case "POST", [name] if name in KINDS[kind].lists:
                if set(body) != {"id"} or body["id"] not in self.objects[KINDS[kind].lists[name]]:
                    raise Refused(400, {"msg": '"id" is required to associate, and must be there'})
                self.lists.setdefault((kind, one["id"], name), []).append(body["id"])
                return 204, None
        raise Refused(405, {"detail": f"Method {method} not allowed."})

    def _keep(self, kind: str, fields: dict[str, t.Any]) -> dict[str, t.Any]:
        number = next(self._numbers)
        defaults = {name: value for name, value in KINDS[kind].fields.items() if value is not REQUIRED}
        self.objects[kind][number] = {"id": number} | defaults | fields
        return self.objects[kind][number]

    def _shown(self, kind: str, one: dict[str, t.Any]) -> dict[str, t.Any]:
        """Return the object as the API tells it: a project with its status, which changes while it is looked at."""
        if kind == "credentials":
            return one | {"inputs": dict.fromkeys(one["inputs"], ENCRYPTED)}
        if kind != "projects":
            return one
        looks = self._looks[one["id"]] = self._looks.get(one["id"], 0) + 1
        ended = "failed" if one["scm_url"] in self.unfetchable else "successful"
        looks = min(looks, 2) if one["scm_url"] in self.slow else looks
        return one | {"status": ("pending", "running", ended)[min(looks, 3) - 1]}

    def _checked(self, kind: str, body: dict[str, t.Any], one: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Return the body if the object may have it; raise Refused."""
        about, wrong = KINDS[kind], {}
        for name in about.fields:
            if one is None and about.fields[name] is REQUIRED and name not in body:
                wrong[name] = ["This field is required."]
        for name, value in body.items():
            if name not in about.fields:
                wrong[name] = ["AWX has no such field."]
            elif name in about.names:
                if value is not None and (type(value) is not int or not self._is_there(about.names[name], value)):
                    wrong[name] = [f'Invalid pk "{value}" - object does not exist.']
            elif type(about.fields[name]) in (bool, int, str, dict) and type(value) is not type(about.fields[name]):
                wrong[name] = ["Not a valid value of that type."]
        if wrong:
            raise Refused(400, wrong)
        self._check_unique(kind, (one or {}) | body, one)
        self._check_playbook(kind, (one or {}) | body)
        return body

    def _is_there(self, kind: str, number: int) -> bool:
        kinds = (kind, "workflow_approval_templates") if kind == TEMPLATES else (kind,)
        return any(number in self.objects[name] for name in kinds)

    def _check_unique(self, kind: str, wanted: dict[str, t.Any], one: dict[str, t.Any] | None) -> None:
        key = [wanted.get(name) for name in KINDS[kind].unique]
        for other in self.objects[kind].values():
            if key and other is not one and [other.get(name) for name in KINDS[kind].unique] == key:
                raise Refused(
                    400, {"__all__": [f"{kind} with this {' and '.join(KINDS[kind].unique)} already exists."]}
                )

    def _check_playbook(self, kind: str, wanted: dict[str, t.Any]) -> None:
        fetched = self._looks.get(wanted.get("project", 0), 0) >= 3
        there = wanted.get("playbook", "").startswith("playbooks/") and wanted["playbook"] not in self.lacking
        if kind == TEMPLATES and not (fetched and there):
            raise Refused(400, {"playbook": ["Playbook not found for project."]})

    def _chosen(self, found: t.Iterable[dict[str, t.Any]], query: dict[str, str]) -> list[dict[str, t.Any]]:
        chosen = list(found)
        for name, value in query.items():
            if name not in ("page", "page_size"):
                chosen = [one for one in chosen if str(self._followed(one, name)) == value]
        return chosen

    def _followed(self, one: dict[str, t.Any], name: str) -> t.Any:
        """Return the field that a filter names, through other objects where it says so by two underscores."""
        if name == "organization" and "project" in one:
            name = "project__organization"
        first, _underscores, rest = name.partition("__")
        if first not in one:
            raise Refused(400, {"detail": f"There is no field {first}."})
        if not rest:
            return one[first]
        kind = next(about.names[first] for about in KINDS.values() if first in about.names)
        return self._followed(self.objects[kind][one[first]], rest)

    def _page(self, found: list[dict[str, t.Any]], query: dict[str, str]) -> dict[str, t.Any]:
        """Return a page, never larger than PAGE, whatever size is asked for."""
        number = int(query.get("page", 1))
        first, last = (number - 1) * PAGE, number * PAGE
        following = f"/api/v2/?page={number + 1}" if last < len(found) else None
        return {"count": len(found), "next": following, "previous": None, "results": found[first:last]}


def checked_survey(body: t.Any) -> t.Any:
    """Return the survey if AWX would take it; raise Refused."""
    if set(body) != {"name", "description", "spec"} or not body["spec"]:
        raise Refused(400, {"error": "name, description and a spec with questions are wanted"})
    variables = [question.get("variable") for question in body["spec"]]
    if len(set(variables)) != len(variables):
        raise Refused(400, {"error": "'variable' is not unique"})
    for question in body["spec"]:
        missing = {"question_name", "variable", "type", "required"} - set(question)
        kind = question.get("type")
        default = question.get("default", "")
        if missing or kind not in QUESTIONS or (default != "" and not isinstance(default, QUESTIONS[kind])):
            raise Refused(400, {"error": f"survey question {question.get('variable')}: {missing or (kind, default)}"})
        if kind == "multiplechoice" and default not in ("", *question["choices"]):
            raise Refused(400, {"error": f"survey question {question['variable']}: default is no choice"})
    return body


class Handler(BaseHTTPRequestHandler):
    """Carries requests to the server's FakeAwx."""

    server: Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def log_message(self, *_arguments: t.Any) -> None:
        pass

    def _answer(self) -> None:
        awx, url = self.server.awx, urlsplit(self.path)
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.lock:
            try:
                status, body = self._admitted(awx, url.path, dict(parse_qsl(url.query)), json.loads(content or "{}"))
            except Refused as refused:
                status, body = refused.status, refused.body
        told = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def _admitted(self, awx: FakeAwx, path: str, query: dict[str, str], body: t.Any) -> tuple[int, t.Any]:
        below = re.fullmatch(f"{self.server.prefix}(/.*/)", path)
        if not below:
            raise Refused(404, {"detail": "The requested resource could not be found."})
        if self.headers.get("Authorization") != f"Bearer {awx.token}":
            raise Refused(401, {"detail": "Authentication credentials were not provided."})
        return awx.answer(self.command, below[1], query, body)


class Server(ThreadingHTTPServer):
    """One FakeAwx on a free port of the loopback."""

    daemon_threads = True

    def __init__(self, awx: FakeAwx, prefix: str = "/api/v2") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.awx, self.prefix, self.lock = awx, prefix, threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"
