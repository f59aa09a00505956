# SPDX-License-Identifier: GPL-3.0-or-later
"""What is planned for AWX, in which order, and what AWX's answers mean. A small AWX has the rest: tests/integration."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest
import requests

from ansible_collections.aos.cloud_manager.plugins.module_utils.awx_api import Awx, AwxRefused
from ansible_collections.aos.cloud_manager.plugins.module_utils.awx_data import Wanted
from ansible_collections.aos.cloud_manager.plugins.module_utils.awx_plan import (
    Change,
    Members,
    Object,
    Project,
    Ref,
    Survey,
    Wait,
    difference,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

BASE = "https://awx.test/api/v2"
TOKEN = "token-of-tests"


@dataclasses.dataclass
class Answer:
    status_code: int = 200
    text: str = "{}"

    @property
    def content(self) -> bytes:
        return self.text.encode()

    def json(self) -> t.Any:
        return json.loads(self.text)


class Script:
    """In the place of a requests.Session: gives the answers, keeps what was asked."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, str, dict[str, t.Any]]] = []

    def request(self, method: str, url: str, **content: t.Any) -> Answer:
        self.asked.append((method, url, content))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def awx(self, url: str = "https://awx.test/", prefix: str = "api/v2/") -> Awx:
        return Awx(url, prefix, TOKEN, True, 30.0, self)


def said(content: t.Any) -> str:
    return json.dumps(content)


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer(401), "AWX at https://awx.test/api/v2 refuses the token (HTTP 401); make a new one"),
        (Answer(403, said({"detail": "No."})), f"AWX does not allow GET {BASE}/me/ (HTTP 403): detail: No.; take a"),
        (Answer(404, "<html>"), f"there is no API at {BASE}; set prefix"),
        (Answer(302), f"{BASE} leads elsewhere (HTTP 302); set url"),
        (Answer(503, "<html>"), f"AWX failed at GET {BASE}/me/ (HTTP 503): no explanation; see AWX's log"),
        (Answer(200, "<html>"), f"GET {BASE}/me/ is answered with something else than JSON; correct url"),
        (requests.exceptions.SSLError("self-signed"), f"the certificate of {BASE} is not trusted (self-signed); set"),
        (requests.exceptions.ReadTimeout("slow"), f"AWX does not answer at {BASE} (slow); check url"),
        (OSError("no such ca_cert"), f"AWX does not answer at {BASE} (no such ca_cert); check url and ca_cert"),
    ],
)
def test_an_answer_that_is_no_success_is_told_with_the_remedy(answer: Answer | Exception, sentence: str) -> None:
    with pytest.raises(AosError) as told:
        Script(answer).awx().check_access()
    assert str(told.value).startswith(sentence)
    assert TOKEN not in str(told.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"name": ["Too long.", "Odd."], "kind": ["No."]}, "name: Too long. Odd.; kind: No."),
        ({"error": "'variable' missing"}, "error: 'variable' missing"),
        (["a list"], "no explanation"),
    ],
)
def test_a_refusal_is_told_in_awx_words(body: t.Any, words: str) -> None:
    with pytest.raises(AwxRefused) as told:
        Script(Answer(400, said(body))).awx().send("POST", "projects", {})
    assert (told.value.status, told.value.explanation) == (400, words)


def test_the_token_is_the_requests_own_login_and_follows_no_redirect() -> None:
    script = Script(Answer())
    script.awx().check_access()
    ((method, url, content),) = script.asked
    assert (method, url, content["allow_redirects"]) == ("GET", f"{BASE}/me/", False)
    request = content["auth"](requests.Request("GET", url, headers={"Authorization": "Basic of netrc"}))
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"


def test_every_page_of_a_list_is_read() -> None:
    pages = [
        Answer(200, said({"results": [{"id": number}], "next": following}))
        for number, following in ((1, "?"), (2, None))
    ]
    script = Script(*pages)
    assert [item["id"] for item in script.awx().pages("projects", name="a")] == [1, 2]
    assert [content["params"]["page"] for _method, _url, content in script.asked] == [1, 2]
    assert all(content["params"]["name"] == "a" for _method, _url, content in script.asked)


PROJECT = Ref("projects", "p")
TEMPLATE = Ref("job_templates", "j")
TYPE = Ref("credential_types", "c")


def steps_of(part: t.Any, found: t.Any, numbers: dict[Ref, int]) -> list[t.Any]:
    return list(part.steps(found, numbers))


@pytest.mark.parametrize(
    ("found", "numbers", "body"),
    [
        ({"name": "j", "project": 7, "mine": 1}, {PROJECT: 7}, {}),
        ({"name": "j", "project": 8}, {PROJECT: 7}, {"project": PROJECT}),
        ({"name": "j", "project": None}, {}, {"project": PROJECT}),
        ({"project": 7}, {PROJECT: 7}, {"name": "j"}),
    ],
)
def test_only_what_differs_is_changed(found: dict[str, t.Any], numbers: dict[Ref, int], body: dict[str, t.Any]) -> None:
    steps = steps_of(Object(TEMPLATE, {"name": "j", "project": PROJECT}, {}), found, numbers)
    assert [(step.method, step.body) for step in steps] == ([("PATCH", body)] if body else [])


@pytest.mark.parametrize(
    ("found", "kinds"),
    [
        (None, [Change, Wait]),
        ({"scm_url": "u", "status": "successful"}, []),
        ({"scm_url": "u", "status": "failed"}, [Wait]),
        ({"scm_url": "old", "status": "successful"}, [Change, Wait]),
    ],
)
def test_a_project_is_waited_for_unless_it_is_fetched_as_wanted(found: t.Any, kinds: list[type]) -> None:
    assert [type(step) for step in steps_of(Project(PROJECT, {"scm_url": "u"}, {}), found, {})] == kinds


def test_what_is_in_a_list_stays_and_what_is_missing_is_added() -> None:
    cloud, power = Ref("credentials", "cloud"), Ref("credentials", "power")
    steps = steps_of(Members(TEMPLATE, "credentials", (cloud, power)), {1, 9}, {cloud: 1, power: 2})
    assert [(step.sentence, step.body) for step in steps] == [("job template j gets credential power", {"id": power})]


def test_a_diff_shows_other_objects_by_their_names() -> None:
    questions = [{"variable": "host"}]
    steps = steps_of(Object(TEMPLATE, {"project": PROJECT}, {}), None, {})
    steps += steps_of(Survey(TEMPLATE, questions), None, {})
    assert difference(steps) == {
        "before": {"job template j is made": None, "job template j gets its survey": None},
        "after": {"job template j is made": {"project": "p"}, "job template j gets its survey": questions},
    }


def params(**options: t.Any) -> dict[str, t.Any]:
    kinds = ("credential_types", "credentials", "execution_environments", "projects", "inventories")
    lists: dict[str, t.Any] = {kind: [] for kind in (*kinds, "inventory_sources", "job_templates", "workflows")}
    return {"organization": "Default", "galaxy_credential": None, "project_timeout": 1.0, **lists, **options}


def test_a_name_that_nobody_makes_must_be_there_and_comes_first() -> None:
    credentials = [{"name": "ours", "credential_type": "c"}, {"name": "machine", "credential_type": "Machine"}]
    wanted = params(credential_types=[{"name": "c", "kind": "cloud"}], credentials=credentials)
    organization, known, *made = Wanted(wanted).parts()
    assert [part.ref for part in (organization, known)] == [
        Ref("organizations", "Default"),
        Ref("credential_types", "Machine"),
    ]
    assert [part.ref for part in made] == [TYPE, Ref("credentials", "ours"), Ref("credentials", "machine")]


def test_what_is_not_given_is_left_to_awx() -> None:
    *_others, made = Wanted(params(inventories=[{"name": "i", "description": None}])).parts()
    assert made.fields == {"name": "i", "organization": Ref("organizations", "Default")}
