# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests that give AWX what is missing or different, and what they are planned from.

PRIVATE to the collection aos.cloud_manager: may change in any release.

What is wanted is a list of parts, in the order in which they can be made. Every part looks for itself in AWX and yields
the steps that bring it about. Other objects are named (Ref); their numbers are put in when a request is sent, since
some come into being by an earlier one.
"""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.awx_api import Awx, AwxRefused, Item
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

LONGEST_PAUSE = 2.0
UNDER_WAY = ("new", "pending", "waiting", "running", "never updated")
WORDS = {
    "organizations": "organization",
    "galaxy_credentials": "Galaxy credential",
    "credential_types": "credential type",
    "credentials": "credential",
    "execution_environments": "execution environment",
    "projects": "project",
    "inventories": "inventory",
    "inventory_sources": "inventory source",
    "job_templates": "job template",
    "workflow_job_templates": "workflow",
    "workflow_job_template_nodes": "workflow node",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Ref:
    """An object by its name. kind: as in the API's paths."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{WORDS[self.kind]} {self.name}"


Numbers = dict[Ref, int]


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One request and the sentence for it.

    path: a Ref stands for its number. makes: the object that comes into being. before, after: what a diff shows.
    """

    sentence: str
    method: str
    path: tuple[str | Ref | int, ...]
    body: Item
    makes: Ref | None = None
    before: t.Any = None
    after: t.Any = None

    def take(self, awx: Awx, numbers: Numbers) -> None:
        """Send it. Raises AosError, with the remedy for a playbook that a project lacks."""
        path = "/".join(str(numbers[part] if isinstance(part, Ref) else part) for part in self.path)
        try:
            answer = awx.send(self.method, path, with_numbers(self.body, numbers))
        except AwxRefused as error:
            remedy = "correct the data that it names"
            if "Playbook not found" in error.explanation:
                remedy = (
                    f"update its project in AWX, or correct the project's branch: {self.body.get('playbook')} is not "
                    f"in what AWX has fetched"
                )
            raise AosError(f"{self.sentence}: {error}; {remedy}") from error
        if self.makes:
            numbers[self.makes] = answer["id"]


@dataclasses.dataclass(frozen=True, slots=True)
class Wait:
    """Until AWX has fetched a project, which it begins by itself. It changes nothing, so no sentence tells it."""

    project: Ref
    address: str
    seconds: float

    def take(self, awx: Awx, numbers: Numbers) -> None:
        """Look until the update is over. Raises AosError where it failed or takes too long."""
        end, pause = time.monotonic() + self.seconds, 0.1
        while (status := (awx.get(f"projects/{numbers[self.project]}") or {}).get("status", "unknown")) in UNDER_WAY:
            if time.monotonic() >= end:
                raise AosError(
                    f"AWX has not fetched {self.project} from {self.address} in {self.seconds:g} seconds (its update "
                    f"is {status}); see in AWX what its jobs wait for, or raise project_timeout"
                )
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        if status != "successful":
            raise AosError(
                f"AWX could not fetch {self.project} from {self.address} (its update is {status}); read that update's "
                f"output in AWX, correct the address or the branch, or give the project a source control credential, "
                f"and update it there"
            )


class Step(t.Protocol):
    """A Change or a Wait."""

    def take(self, awx: Awx, numbers: Numbers) -> None:
        """Do it. Raises AosError."""


class Part(t.Protocol):
    """Something that AWX should have."""

    def read(self, awx: Awx, numbers: Numbers) -> t.Any:
        """What AWX has of it; None for nothing. Adds the number of an object that is there."""

    def steps(self, found: t.Any, numbers: Numbers) -> t.Iterator[Step]:
        """What is to be done, found being what AWX has."""


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """An object that must be there: others name it, and it is not among those that are made."""

    ref: Ref
    kind: str
    where: Item
    remedy: str

    def read(self, awx: Awx, numbers: Numbers) -> Item:
        found = find(awx, self.kind, self.where, numbers)
        if found is None:
            raise AosError(f"AWX has no {self.ref}{self.remedy}")
        numbers[self.ref] = found["id"]
        return found

    def steps(self, _found: Item, _numbers: Numbers) -> t.Iterator[Step]:
        return iter(())


@dataclasses.dataclass(frozen=True, slots=True)
class Object:
    """An object with the API's fields; one that is there keeps all others.

    where: tells it from others of its kind.
    """

    ref: Ref
    fields: Item
    where: Item

    def read(self, awx: Awx, numbers: Numbers) -> Item | None:
        found = find(awx, self.ref.kind, self.where, numbers)
        if found:
            numbers[self.ref] = found["id"]
        return found

    def steps(self, found: Item | None, numbers: Numbers) -> t.Iterator[Step]:
        if found is None:
            sentence, after = f"{self.ref} is made", shown(self.fields)
            yield Change(sentence, "POST", (self.ref.kind,), self.fields, self.ref, after=after)
            return
        body = differing(self.fields, found, numbers)
        if body:
            yield Change(
                f"{self.ref} gets another {' and '.join(body)}",
                "PATCH",
                (self.ref.kind, self.ref),
                body,
                before={name: found.get(name) for name in body},
                after=shown(body),
            )


@dataclasses.dataclass(frozen=True, slots=True)
class Project(Object):
    """A project, and that AWX has fetched it: job templates need its playbooks. seconds: that AWX has for it."""

    seconds: float = 300.0

    def steps(self, found: Item | None, numbers: Numbers) -> t.Iterator[Step]:
        changes = list(Object.steps(self, found, numbers))
        yield from changes
        if changes or (found and found["status"] != "successful"):
            yield Wait(self.ref, self.fields["scm_url"], self.seconds)


@dataclasses.dataclass(frozen=True, slots=True)
class Survey:
    """What a template asks. questions: as AWX's survey_spec has them."""

    owner: Ref
    questions: list[Item]

    def read(self, awx: Awx, numbers: Numbers) -> list[Item] | None:
        if self.owner not in numbers:
            return None
        return (awx.get(f"{self.owner.kind}/{numbers[self.owner]}/survey_spec") or {}).get("spec")

    def steps(self, found: list[Item] | None, _numbers: Numbers) -> t.Iterator[Step]:
        if found != self.questions:
            sentence = f"{self.owner} gets {'another' if found else 'its'} survey"
            body = {"name": self.owner.name, "description": "", "spec": self.questions}
            path = (self.owner.kind, self.owner, "survey_spec")
            yield Change(sentence, "POST", path, body, before=found, after=self.questions)


@dataclasses.dataclass(frozen=True, slots=True)
class Members:
    """Objects that are in a list of another one, where others may be too. verb: what the other does with them."""

    owner: Ref
    list: str
    members: tuple[Ref, ...]
    verb: str = "gets"

    def read(self, awx: Awx, numbers: Numbers) -> set[int]:
        """The numbers of all that are in the list."""
        if self.owner not in numbers:
            return set()
        return {item["id"] for item in awx.pages(f"{self.owner.kind}/{numbers[self.owner]}/{self.list}")}

    def steps(self, found: set[int], numbers: Numbers) -> t.Iterator[Step]:
        for member in self.members:
            if numbers.get(member) not in found:
                sentence = f"{self.owner} {self.verb} {member}"
                path = (self.owner.kind, self.owner, self.list)
                yield Change(sentence, "POST", path, {"id": member}, before="no", after="yes")


@dataclasses.dataclass(frozen=True, slots=True)
class Approval:
    """What a node of a workflow asks a person."""

    node: Ref
    fields: Item

    def read(self, awx: Awx, numbers: Numbers) -> Item | None:
        if self.node not in numbers:
            return None
        node = awx.get(f"{self.node.kind}/{numbers[self.node]}") or {}
        number = node.get("unified_job_template")
        return awx.get(f"workflow_approval_templates/{number}") if number else None

    def steps(self, found: Item | None, numbers: Numbers) -> t.Iterator[Step]:
        if found is None:
            path = (self.node.kind, self.node, "create_approval_template")
            yield Change(f"{self.node} asks for approval", "POST", path, self.fields, after=self.fields)
        elif body := differing(self.fields, found, numbers):
            sentence = f"{self.node} asks with another {' and '.join(body)}"
            path = ("workflow_approval_templates", found["id"])
            before = {name: found.get(name) for name in body}
            yield Change(sentence, "PATCH", path, body, before=before, after=body)


def find(awx: Awx, kind: str, where: Item, numbers: Numbers) -> Item | None:
    """The object of a kind; None also where one that it belongs to is not there yet."""
    if any(isinstance(value, Ref) and value not in numbers for value in where.values()):
        return None
    return next(awx.pages(kind, **with_numbers(where, numbers)), None)


def with_numbers(fields: Item, numbers: Numbers) -> Item:
    """The fields as the API takes them."""
    return {name: numbers[value] if isinstance(value, Ref) else value for name, value in fields.items()}


def differing(fields: Item, found: Item, numbers: Numbers) -> Item:
    """The fields that an object has otherwise; also those that name what is not there yet."""
    known = {name: numbers.get(value, value) if isinstance(value, Ref) else value for name, value in fields.items()}
    return {name: fields[name] for name, value in known.items() if name not in found or found[name] != value}


def shown(fields: Item) -> Item:
    """The fields as a diff shows them: other objects by name."""
    return {name: value.name if isinstance(value, Ref) else value for name, value in fields.items()}


def plan(awx: Awx, parts: t.Iterable[Part], numbers: Numbers) -> list[Step]:
    """The steps that bring the parts about. Only reads; adds the numbers of what is there."""
    found = [(part, part.read(awx, numbers)) for part in parts]
    return [step for part, there in found for step in part.steps(there, numbers)]


def apply(awx: Awx, steps: t.Iterable[Step], numbers: Numbers) -> None:
    """Take the steps. Raises AosError; what was done before an error is found by the next run."""
    for step in steps:
        step.take(awx, numbers)


def difference(changes: t.Iterable[Change]) -> dict[str, Item]:
    """What diff mode shows."""
    changes = list(changes)
    return {
        "before": {change.sentence: change.before for change in changes},
        "after": {change.sentence: change.after for change in changes},
    }
