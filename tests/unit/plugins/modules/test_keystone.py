# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud import IDENTITY
from ansible_collections.aos.cloud_manager.plugins.modules import keystone
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.fake_keystone import FakeKeystone

PASSWORD = "a-secret-of-the-test"
URL = "http://controller:9362"
ENDPOINTS = {"internal": URL, "admin": URL, "public": URL}
Outcome = dict[str, t.Any]
Run = t.Callable[..., Outcome]


@pytest.fixture
def cloud() -> FakeKeystone:
    return FakeKeystone()


@pytest.fixture
def run(cloud: FakeKeystone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the module against the keystone, and return what it printed."""

    def connect(_params: Outcome, microversion: None, api: object) -> FakeKeystone:
        assert (microversion, api) == (None, IDENTITY)
        return cloud

    def call(**options: t.Any) -> Outcome:
        monkeypatch.setattr(keystone, "connect", connect)
        given = {"password": PASSWORD, "endpoints": ENDPOINTS, **options}
        with patch_module_args(given), pytest.raises(SystemExit):
            keystone.main()
        printed = capsys.readouterr().out
        assert PASSWORD not in printed
        return t.cast(Outcome, json.loads(printed))

    return call


def test_all_that_is_missing_is_made_and_the_second_run_changes_nothing(cloud: FakeKeystone, run: Run) -> None:
    outcome = run()
    assert outcome["changes"][:3] == [
        "project service is made", "user aos is made", "user aos gets role service on project service",
    ]  # fmt: skip
    user, project, service = cloud.one("users"), cloud.one("projects"), cloud.one("services")
    assert cloud.assignments == {(user["id"], project["id"], "role-1")}
    assert {item["interface"]: item["url"] for item in cloud.things["endpoints"]} == ENDPOINTS
    assert {item["service_id"] for item in cloud.things["endpoints"]} == {service["id"]}
    assert service["description"] == "Cloud Manager Service (aos.cloud_manager)"
    assert "aos.cloud_manager" in user["description"]
    assert (outcome["user"]["id"], outcome["service"]["id"]) == (user["id"], service["id"])
    sent = list(cloud.sent)
    assert not run()["changed"]
    assert cloud.sent == sent


def test_check_mode_sends_nothing_and_shows_what_a_real_run_shows(cloud: FakeKeystone, run: Run) -> None:
    options = {"application_credential": "aos", "_ansible_diff": True}
    rehearsed = run(_ansible_check_mode=True, **options)
    assert cloud.sent == []
    real = run(**options)
    assert (rehearsed["changes"], rehearsed["diff"]) == (real["changes"], real["diff"])


def test_another_password_replaces_the_old_one_unless_it_is_to_stay(cloud: FakeKeystone, run: Run) -> None:
    run()
    cloud.one("users")["password"] = "the old one"
    assert not run(update_password="on_create")["changed"]
    assert run()["changes"] == ["user aos gets another password"]
    assert not run()["changed"]


def test_a_right_password_is_not_set_again_because_a_role_is_missing(cloud: FakeKeystone, run: Run) -> None:
    run()
    cloud.assignments.clear()
    assert run()["changes"] == ["user aos gets role service on project service"]


def test_what_is_disabled_is_enabled(cloud: FakeKeystone, run: Run) -> None:
    run()
    for collection in ("projects", "users", "services"):
        cloud.one(collection)["enabled"] = False
    cloud.things["endpoints"][0]["enabled"] = False
    assert run()["changes"] == [
        "project service is enabled",
        "user aos is enabled",
        "service cloud-manager gets enabled=True",
        f"internal endpoint in region RegionOne becomes {URL}, was {URL} (disabled)",
    ]
    assert not run()["changed"]


def test_an_endpoint_with_another_url_is_changed_and_shown(cloud: FakeKeystone, run: Run) -> None:
    run()
    outcome = run(endpoints={"admin": "https://new:9362"}, _ansible_diff=True)
    assert outcome["changes"] == [f"admin endpoint in region RegionOne becomes https://new:9362, was {URL}"]
    assert outcome["diff"]["before"]["endpoints"] == ENDPOINTS
    assert outcome["diff"]["after"]["endpoints"] == ENDPOINTS | {"admin": "https://new:9362"}


def test_two_endpoints_of_one_interface_are_both_named(cloud: FakeKeystone, run: Run) -> None:
    run()
    first = cloud.things["endpoints"][0]
    twin = cloud.add("endpoints", **{key: first[key] for key in ("interface", "region_id", "service_id", "url")})
    outcome = run()
    assert outcome["failed"]
    assert first["id"] in outcome["msg"]
    assert twin["id"] in outcome["msg"]


def test_endpoints_of_other_regions_stay(cloud: FakeKeystone, run: Run) -> None:
    run()
    cloud.things["regions"].append({"id": "RegionTwo"})
    assert len(run(region="RegionTwo")["changes"]) == 3
    assert len(cloud.things["endpoints"]) == 6


def test_a_service_that_was_there_keeps_its_description(cloud: FakeKeystone, run: Run) -> None:
    cloud.add("services", name="cloud-manager", type="cloud-manager", description="by hand")
    run()
    assert cloud.one("services")["description"] == "by hand"


def test_our_services_description_follows_the_option(cloud: FakeKeystone, run: Run) -> None:
    run()
    outcome = run(service_description="Other words")
    assert outcome["changes"] == ["service cloud-manager gets description=Other words (aos.cloud_manager)"]


def test_an_application_credential_is_made_by_its_user_and_told_once(cloud: FakeKeystone, run: Run) -> None:
    made = run(application_credential="aos")["application_credential"]
    assert (made["name"], made["secret"]) == ("aos", "told once")
    again = run(application_credential="aos")
    assert not again["changed"]
    assert "application_credential" not in again


def test_an_application_credential_of_another_project_is_told_of(cloud: FakeKeystone, run: Run) -> None:
    run(application_credential="aos")
    cloud.one("application_credentials")["project_id"] = "elsewhere"
    assert "belongs to another project" in run(application_credential="aos")["msg"]


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"region": "RegionTwo"}, "no region RegionTwo; give one of RegionOne"),
        ({"roles": ["nobody"]}, "no role nobody; give one of reader, service"),
        ({"domain": "elsewhere"}, "no domain elsewhere; give one of Default"),
        ({"roles": []}, "name one in roles"),
        ({"password": ""}, "AOS_KEYSTONE_PASSWORD"),
        ({"endpoints": {}}, "endpoints names no URL"),
        ({"endpoints": {"admin": "controller:9362"}}, "admin endpoint 'controller:9362' is no URL"),
        ({"endpoints": {"public": "http://controller:port"}}, "public endpoint"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(
    cloud: FakeKeystone, run: Run, options: Outcome, part: str
) -> None:
    assert part in run(**options)["msg"]
    assert cloud.sent == []


def test_a_domain_is_found_by_its_name_too(cloud: FakeKeystone, run: Run) -> None:
    run(domain="Default")
    assert cloud.one("users")["domain_id"] == "default"


@pytest.mark.parametrize("others", [[("other", "cloud-manager")], [("a", "cloud-manager"), ("b", "cloud-manager")]])
def test_a_type_that_others_use_is_told_of(cloud: FakeKeystone, run: Run, others: list[tuple[str, str]]) -> None:
    made = [cloud.add("services", name=name, type=kind) for name, kind in others]
    outcome = run()
    assert outcome["failed"]
    assert all(item["id"] in outcome["msg"] for item in made)


def test_what_is_ours_goes(cloud: FakeKeystone, run: Run) -> None:
    run(application_credential="aos")
    outcome = run(state="absent", password=None, endpoints=None)
    assert outcome["changes"] == [
        "service cloud-manager is removed",
        "user aos is removed",
        "project service is removed",
    ]
    assert [cloud.things[name] for name in ("services", "users", "projects", "endpoints")] == [[], [], [], []]
    outcome = run(state="absent")
    assert (outcome["changed"], outcome["kept"]) == (False, [])


def test_what_somebody_else_made_stays_and_is_named(cloud: FakeKeystone, run: Run) -> None:
    run()
    for item in (item for name in ("services", "users", "projects", "endpoints") for item in cloud.things[name]):
        item["description"] = "by hand"
    sent = list(cloud.sent)
    outcome = run(state="absent")
    assert [sentence.split(" stays")[0] for sentence in outcome["kept"]] == [
        "service cloud-manager", *(f"{interface} endpoint in region RegionOne" for interface in ENDPOINTS),
        "user aos", "project service",
    ]  # fmt: skip
    assert cloud.sent == sent


def test_our_endpoints_go_from_the_service_that_somebody_else_made(cloud: FakeKeystone, run: Run) -> None:
    service = cloud.add("services", name="cloud-manager", type="cloud-manager")
    cloud.add("endpoints", interface="public", region_id="RegionOne", service_id=service["id"], url=URL)
    assert not any("public endpoint" in sentence for sentence in run()["changes"])
    outcome = run(state="absent", _ansible_diff=True)
    assert [sentence for sentence in outcome["changes"] if "endpoint" in sentence] == [
        "internal endpoint in region RegionOne is removed",
        "admin endpoint in region RegionOne is removed",
    ]
    assert "public endpoint in region RegionOne stays" in outcome["kept"][1]
    assert outcome["diff"]["after"]["endpoints"] == {"public": URL}
    assert cloud.one("endpoints")["interface"] == "public"


@pytest.mark.parametrize("force", [False, True])
def test_another_regions_cloud_manager_keeps_what_it_needs(cloud: FakeKeystone, run: Run, force: bool) -> None:
    cloud.things["regions"].append({"id": "RegionTwo"})
    run()
    run(region="RegionTwo")
    outcome = run(state="absent", force=force)
    assert outcome["changes"] == [f"{interface} endpoint in region RegionOne is removed" for interface in ENDPOINTS]
    assert [sentence.split(":")[0] for sentence in outcome["kept"]] == [
        "service cloud-manager stays", "user aos stays", "project service stays",
    ]  # fmt: skip
    assert "endpoints in RegionTwo too" in outcome["kept"][0]
    assert {item["region_id"] for item in cloud.things["endpoints"]} == {"RegionTwo"}
    assert not run(region="RegionTwo")["changed"]
    run(state="absent", region="RegionTwo")
    assert [cloud.things[name] for name in ("services", "users", "projects", "endpoints")] == [[], [], [], []]


def test_force_is_for_user_and_service_not_for_the_project(cloud: FakeKeystone, run: Run) -> None:
    run()
    for collection in ("services", "users", "projects"):
        cloud.one(collection)["description"] = None
    outcome = run(state="absent", force=True)
    assert outcome["changes"] == ["service cloud-manager is removed", "user aos is removed"]
    assert cloud.one("projects")["name"] == "service"


def test_a_project_that_others_use_stays(cloud: FakeKeystone, run: Run) -> None:
    run()
    project = cloud.one("projects")
    cloud.assignments.add(("nova", project["id"], "role-1"))
    assert run(state="absent", force=True)["kept"] == ["project service stays: 1 roles on it belong to others"]
    cloud.assignments.clear()
    cloud.add("projects", name="below", parent_id=project["id"])
    assert run(state="absent")["kept"] == ["project service stays: it has 1 projects below it"]


def test_a_project_stays_with_the_user_that_somebody_else_made(cloud: FakeKeystone, run: Run) -> None:
    run()
    cloud.one("users")["description"] = "by hand"
    outcome = run(state="absent")
    assert outcome["changes"] == ["service cloud-manager is removed"]
    assert outcome["kept"][1] == "project service stays: user aos has it"
