# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the module awx as the parts that AWX should have.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.awx_api import Item
from ansible_collections.aos.cloud_manager.plugins.module_utils.awx_plan import (
    Approval,
    Known,
    Members,
    Object,
    Part,
    Project,
    Ref,
    Survey,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

NODES = "workflow_job_template_nodes"


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """What the objects of a kind have. key: fields that tell one from others. refers: field -> kind of what it names.

    owned: whether they belong to the organization. states_owner: whether they say so by a field of their own, and not
    through their project.
    """

    key: tuple[str, ...] = ("name",)
    refers: dict[str, str] = dataclasses.field(default_factory=dict)
    owned: bool = True
    states_owner: bool = True


# In the order in which they can be made.
KINDS = {
    "credential_types": Kind(owned=False),
    "credentials": Kind(("name", "credential_type"), {"credential_type": "credential_types"}),
    "execution_environments": Kind(owned=False),
    "projects": Kind(refers={"default_environment": "execution_environments"}),
    "inventories": Kind(),
    "inventory_sources": Kind(
        ("name", "inventory"), {"inventory": "inventories", "source_project": "projects"}, owned=False
    ),
    "job_templates": Kind(refers={"project": "projects", "inventory": "inventories"}, states_owner=False),
    "workflow_job_templates": Kind(refers={"inventory": "inventories"}),
    NODES: Kind(
        ("identifier", "workflow_job_template"),
        {"unified_job_template": "job_templates", "workflow_job_template": "workflow_job_templates"},
        owned=False,
    ),
}


class Wanted:
    """The parts by the module's options, in the order in which they can be made."""

    def __init__(self, params: dict[str, t.Any]) -> None:
        self._params = params
        self._organization = Ref("organizations", params["organization"])

    def parts(self) -> list[Part]:
        """All of them, after those that must be there because others name them."""
        name = {"name": self._organization.name}
        made = [
            *self._galaxy(),
            *self._objects("credential_types", "credentials", "execution_environments"),
            *(self._project(given) for given in self._params["projects"]),
            *self._objects("inventories", "inventory_sources"),
            *(part for given in self._params["job_templates"] for part in self._job_template(given)),
            *(part for given in self._params["workflows"] for part in self._workflow(given)),
        ]
        return [Object(self._organization, name, name), *self._known(made), *made]

    def _objects(self, *kinds: str) -> t.Iterator[Object]:
        return (self._object(kind, given) for kind in kinds for given in self._params[kind])

    def _object(self, kind: str, given: Item, called: str | None = None) -> Object:
        """An object by what an option says; what is not given is left to AWX. called: where it has no name."""
        about = KINDS[kind]
        fields = {
            name: Ref(about.refers[name], value) if name in about.refers else value
            for name, value in given.items()
            if value is not None
        }
        owner = {"organization": self._organization} if about.owned else {}
        where = {**{name: fields[name] for name in about.key}, **owner}
        ref = Ref(kind, called or given["name"])
        return Object(ref, {**fields, **(owner if about.states_owner else {})}, where)

    def _project(self, given: Item) -> Project:
        made = self._object("projects", given)
        return Project(made.ref, made.fields, made.where, seconds=self._params["project_timeout"])

    def _job_template(self, given: Item) -> t.Iterator[Part]:
        fields = {name: value for name, value in given.items() if name not in ("credentials", "survey")}
        made = self._object("job_templates", {**fields, "survey_enabled": bool(given["survey"])})
        yield made
        yield from self._survey(made, given)
        yield Members(made.ref, "credentials", tuple(Ref("credentials", name) for name in given["credentials"]))

    def _workflow(self, given: Item) -> t.Iterator[Part]:
        fields = {name: value for name, value in given.items() if name not in ("nodes", "survey", "ways")}
        made = self._object("workflow_job_templates", {**fields, "survey_enabled": bool(given["survey"])})
        yield made
        yield from self._survey(made, given)
        nodes = {node["identifier"]: Ref(NODES, f"{made.ref.name}: {node['identifier']}") for node in given["nodes"]}
        for node in given["nodes"]:
            fields = {name: value for name, value in node.items() if name != "approval"}
            ref = nodes[node["identifier"]]
            yield self._object(NODES, {**fields, "workflow_job_template": made.ref.name}, ref.name)
            if node["approval"]:
                yield Approval(ref, {name: value for name, value in node["approval"].items() if value is not None})
        for way in given["ways"]:
            verb = f"leads on {way['outcome']} to"
            start, end = (node_of(nodes, way[side], made.ref) for side in ("from", "to"))
            yield Members(start, f"{way['outcome']}_nodes", (end,), verb)

    def _survey(self, made: Object, given: Item) -> t.Iterator[Part]:
        if given["survey"]:
            yield Survey(made.ref, given["survey"])

    def _galaxy(self) -> t.Iterator[Part]:
        name = self._params["galaxy_credential"]
        if name:
            ref = Ref("galaxy_credentials", name)
            remedy = (
                ", without which it installs no collection for a job; make one of the type "
                '"Ansible Galaxy/Automation Hub API Token", or name yours by galaxy_credential'
            )
            yield Known(ref, "credentials", {"name": name, "credential_type__kind": "galaxy"}, remedy)
            yield Members(self._organization, "galaxy_credentials", (ref,))

    def _known(self, made: list[Part]) -> t.Iterator[Part]:
        """Those that parts name and nobody makes."""
        there = {part.ref for part in made if isinstance(part, (Known, Object))}
        for ref in dict.fromkeys(ref for part in made for ref in named_by(part)):
            if ref not in there | {self._organization}:
                owner = {"organization": self._organization} if KINDS[ref.kind].owned else {}
                remedy = ", which another object names; make it, correct the name, or give it to the module too"
                yield Known(ref, ref.kind, {"name": ref.name, **owner}, remedy)


def node_of(nodes: dict[str, Ref], identifier: str, workflow: Ref) -> Ref:
    """The node that a way names. Raises AosError."""
    if identifier not in nodes:
        raise AosError(f"a way of {workflow} names node {identifier}, which is none of {', '.join(nodes)}; correct it")
    return nodes[identifier]


def named_by(part: Part) -> t.Iterator[Ref]:
    """The objects that a part names."""
    if isinstance(part, Object):
        yield from (value for value in part.fields.values() if isinstance(value, Ref))
    elif isinstance(part, Members):
        yield from part.members
