# SPDX-License-Identifier: GPL-3.0-or-later
"""The module keystone against a real one."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.aos.cloud_manager.plugins.modules import keystone
from tests.lab import lifecycle, rest
from tests.lab.client import Lab

PASSWORD, OTHER = secrets.token_hex(8), secrets.token_hex(8)
URL = "http://controller.example.org:9362"
ENDPOINTS = {"internal": URL, "admin": URL, "public": URL}
COLLECTIONS = ("users", "projects", "services", "endpoints", "role_assignments", "domains", "roles", "regions")
Run = Callable[..., dict[str, Any]]


@dataclass
class Identity:
    """The lab's keystone, asked in another way than the module asks."""

    url: str
    session: rest.Session

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        return self.session.request(method, f"{self.url}/v3{path}", body)

    def items(self, collection: str) -> list[Any]:
        found: list[Any] = self.ask("GET", f"/{collection}")[collection]
        return found

    def ids(self, collection: str) -> set[str]:
        return {item.get("id") or repr(item) for item in self.items(collection)}

    def token(self, method: str, **credentials: Any) -> Any:
        """Log in; the token's body. RestError 401 where that is refused."""
        scope = credentials.pop("scope", None)
        auth = {"identity": {"methods": [method], method: credentials}} | ({"scope": scope} if scope else {})
        return rest.call("POST", f"{self.url}/v3/auth/tokens", {"auth": auth})[0]["token"]

    def log_in(self, user_id: str, password: str, project_id: str) -> Any:
        scope = {"project": {"id": project_id}}
        return self.token("password", user={"id": user_id, "password": password}, scope=scope)


@pytest.fixture
def identity(lab: Lab) -> Iterator[Identity]:
    """As it was before afterwards."""
    url = lab.plan.url("keystone")
    identity = Identity(url, rest.Session(url, lifecycle.password_of(lab.plan)))
    before = {name: identity.ids(name) for name in COLLECTIONS}
    yield identity
    for name in ("endpoints", "services", "users", "projects", "domains"):
        for gone in identity.ids(name) - before[name]:
            if name == "domains":
                identity.ask("PATCH", f"/domains/{gone}", {"domain": {"enabled": False}})
            identity.ask("DELETE", f"/{name}/{gone}")


@pytest.fixture
def made(run: Run, identity: Identity) -> Run:
    return functools.partial(run, keystone, password=PASSWORD, endpoints=ENDPOINTS)


def test_the_user_logs_in_and_finds_its_service_in_the_catalogue(made: Run, identity: Identity) -> None:
    rehearsed = made(_ansible_check_mode=True)
    assert not any(user["name"] == "aos" for user in identity.items("users"))
    outcome = made()
    assert outcome["changes"] == rehearsed["changes"]
    token = identity.log_in(outcome["user"]["id"], PASSWORD, outcome["project"]["id"])
    assert [role["name"] for role in token["roles"]] == ["service"]
    (entry,) = [entry for entry in token["catalog"] if entry["type"] == "cloud-manager"]
    assert {item["interface"]: item["url"] for item in entry["endpoints"]} == ENDPOINTS
    assert {item["region"] for item in entry["endpoints"]} == {"RegionOne"}
    again = made()
    assert (again["changed"], again["user"]) == (False, outcome["user"])
    assert not made(_ansible_check_mode=True)["changed"]


def test_removal_leaves_keystone_as_it_was(made: Run, identity: Identity) -> None:
    before = {name: identity.ids(name) for name in COLLECTIONS}
    made(project="of its own", application_credential="aos")
    outcome = made(project="of its own", state="absent", password=None, endpoints=None)
    assert len(outcome["changes"]) == 3
    assert {name: identity.ids(name) for name in COLLECTIONS} == before
    assert not made(project="of its own", state="absent")["changed"]


def test_another_regions_cloud_manager_keeps_what_it_needs(made: Run, identity: Identity) -> None:
    before = {name: identity.ids(name) for name in COLLECTIONS}
    identity.ask("POST", "/regions", {"region": {"id": "RegionTwo"}})
    try:
        made()
        outcome = made(region="RegionTwo")
        assert len(made(state="absent")["changes"]) == 3
        token = identity.log_in(outcome["user"]["id"], PASSWORD, outcome["project"]["id"])
        (entry,) = [entry for entry in token["catalog"] if entry["type"] == "cloud-manager"]
        assert {(item["region"], item["url"]) for item in entry["endpoints"]} == {("RegionTwo", URL)}
        assert not made(region="RegionTwo")["changed"]
        made(region="RegionTwo", state="absent")
    finally:
        identity.ask("DELETE", "/regions/RegionTwo")
    assert {name: identity.ids(name) for name in COLLECTIONS} == before


def test_the_project_of_the_other_services_stays(made: Run, identity: Identity) -> None:
    made()
    outcome = made(state="absent", force=True)
    assert any(sentence.startswith("project service stays") for sentence in outcome["kept"])
    assert any(project["name"] == "service" for project in identity.items("projects"))


def test_a_project_of_ours_that_others_came_to_use_stays(made: Run, identity: Identity) -> None:
    outcome = made(project="of its own")
    place, role = outcome["project"]["id"], identity.items("roles")[0]["id"]
    stranger = identity.ask("POST", "/users", {"user": {"name": "stranger", "domain_id": "default"}})["user"]["id"]
    identity.ask("PUT", f"/projects/{place}/users/{stranger}/roles/{role}", {})
    assert "belong to others" in made(project="of its own", state="absent")["kept"][0]


def test_a_wrong_password_is_replaced_a_right_one_is_left(made: Run, identity: Identity) -> None:
    outcome = made()
    assert not made(password=OTHER, update_password="on_create")["changed"]
    assert made(password=OTHER)["changes"] == ["user aos gets another password"]
    assert identity.log_in(outcome["user"]["id"], OTHER, outcome["project"]["id"])
    with pytest.raises(rest.RestError, match="401"):
        identity.log_in(outcome["user"]["id"], PASSWORD, outcome["project"]["id"])
    assert not made(password=OTHER)["changed"]


def test_a_lost_role_comes_back_without_another_password(made: Run, identity: Identity) -> None:
    outcome = made()
    place, user = outcome["project"]["id"], outcome["user"]["id"]
    (role,) = [role["id"] for role in identity.items("roles") if role["name"] == "service"]
    identity.ask("DELETE", f"/projects/{place}/users/{user}/roles/{role}")
    assert made()["changes"] == ["user aos gets role service on project service"]


def test_what_an_operator_disabled_is_enabled(made: Run, identity: Identity) -> None:
    outcome = made()
    for thing in ("user", "service"):
        identity.ask("PATCH", f"/{thing}s/{outcome[thing]['id']}", {thing: {"enabled": False}})
    assert made()["changes"] == ["user aos is enabled", "service cloud-manager gets enabled=True"]
    assert not made()["changed"]


def test_an_endpoint_with_another_url_is_changed_in_its_place(made: Run, identity: Identity) -> None:
    made()
    before = identity.ids("endpoints")
    outcome = made(endpoints={"public": "https://cloud.example.org:9362"}, _ansible_diff=True)
    assert outcome["changes"] == [
        f"public endpoint in region RegionOne becomes https://cloud.example.org:9362, was {URL}"
    ]
    assert outcome["diff"]["before"]["endpoints"]["public"] == URL
    assert identity.ids("endpoints") == before


def test_two_endpoints_of_one_interface_are_both_named(made: Run, identity: Identity) -> None:
    service = made()["service"]["id"]
    twin = {"interface": "admin", "region_id": "RegionOne", "service_id": service, "url": "http://twin"}
    identifier = identity.ask("POST", "/endpoints", {"endpoint": twin})["endpoint"]["id"]
    assert identifier in made()["msg"]


def test_an_application_credential_logs_in_and_is_told_once(made: Run, identity: Identity) -> None:
    outcome = made(application_credential="aos")
    told = outcome["application_credential"]
    token = identity.token("application_credential", id=told["id"], secret=told["secret"])
    assert token["project"]["id"] == outcome["project"]["id"]
    again = made(application_credential="aos")
    assert not again["changed"]
    assert "application_credential" not in again


def test_what_was_made_by_hand_stays_until_it_is_forced(made: Run, identity: Identity) -> None:
    user = identity.ask("POST", "/users", {"user": {"name": "aos", "password": PASSWORD, "domain_id": "default"}})
    service = {"name": "cloud-manager", "type": "cloud-manager", "description": "Cloud Manager Service"}
    identity.ask("POST", "/services", {"service": service})
    assert len(made()["changes"]) == 4
    assert len(made(state="absent", _ansible_check_mode=True)["changes"]) == 3
    assert [sentence.split(" stays")[0] for sentence in made(state="absent")["kept"]] == [
        "service cloud-manager", "user aos", "project service",
    ]  # fmt: skip
    assert made(state="absent", force=True)["changes"] == ["service cloud-manager is removed", "user aos is removed"]
    assert user["user"]["id"] not in identity.ids("users")


def test_a_domain_is_known_by_its_name_or_its_id(made: Run, identity: Identity) -> None:
    domain = identity.ask("POST", "/domains", {"domain": {"name": "Of Services"}})["domain"]["id"]
    outcome = made(domain="Of Services")
    assert not made(domain=domain)["changed"]
    assert identity.ask("GET", f"/users/{outcome['user']['id']}")["user"]["domain_id"] == domain


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"region": "RegionTwo"}, "no region RegionTwo; give one of RegionOne"),
        ({"roles": ["service", "nobody"]}, "no role nobody; give one of"),
        ({"domain": "nowhere"}, "no domain nowhere; give one of Default"),
    ],
)
def test_what_is_missing_in_the_cloud_is_named_before_anything_is_made(
    made: Run, identity: Identity, options: dict[str, Any], part: str
) -> None:
    before = {name: identity.ids(name) for name in COLLECTIONS}
    assert part in made(**options)["msg"]
    assert {name: identity.ids(name) for name in COLLECTIONS} == before


def test_an_administrator_who_is_refused_is_told_so(
    made: Run, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = lifecycle.password_of(lab.plan)
    place = tmp_path / "clouds.yaml"
    place.write_text(lab.clouds_yaml.read_text().replace(password, "wrong"))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(place))
    assert "cloud lab refuses the credentials" in made()["msg"]


def test_who_is_no_administrator_is_told_so(
    made: Run, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made()
    text = lab.clouds_yaml.read_text().replace(lifecycle.password_of(lab.plan), PASSWORD)
    place = tmp_path / "clouds.yaml"
    place.write_text(
        text.replace("username: admin", "username: aos").replace("project_name: admin", "project_name: service")
    )
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(place))
    assert "needs the role admin" in made(service_name="another")["msg"]


def test_a_keystone_that_is_away_is_told_of(
    made: Run, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "clouds.yaml"
    place.write_text(lab.clouds_yaml.read_text().replace("127.0.0.1", "127.0.0.254"))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(place))
    assert "cannot be reached" in made(api_patience=0)["msg"]
