# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import (
    Compute,
    epoch,
    microversion_of,
    server_of,
    service_of,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.scripted_api import (
    ScriptedApi,
    Step,
    a_service,
)

DISABLED = {"status": "disabled", "disabled_reason": "aos-cloud-manager: incident 1: powered off"}


@pytest.mark.parametrize(
    ("fields", "ours"),
    [
        (DISABLED, True),
        (DISABLED | {"status": "enabled"}, False),
        (DISABLED | {"disabled_reason": "broken fan"}, False),
        (DISABLED | {"disabled_reason": None}, False),
        (DISABLED | {"disabled_reason": "see aos-cloud-manager: incident 1"}, False),
    ],
)
def test_a_service_is_ours_by_the_mark_at_the_beginning_of_its_reason(fields: dict[str, str], ours: bool) -> None:
    assert service_of(a_service("c1", **fields)).is_ours is ours


def test_a_service_in_a_cell_out_of_reach_is_unknown_and_not_down() -> None:
    service = service_of({"binary": "nova-compute", "host": "c1", "status": "UNKNOWN"})
    assert (service.state, service.status, service.id) == ("unknown", "unknown", None)


def test_a_server_in_a_cell_out_of_reach_has_no_host() -> None:
    server = server_of({"id": "x", "status": "UNKNOWN", "tenant_id": "p", "created": "2026-01-01T00:00:00Z"})
    assert (server.host, server.status, server.launched) == (None, "UNKNOWN", False)


@pytest.mark.parametrize(("image", "backed"), [("", False), ({"id": "i"}, True), (None, False)])
def test_a_server_without_an_image_boots_from_a_volume(image: object, backed: bool) -> None:
    assert server_of({"id": "x", "image": image}).image_backed is backed


@pytest.mark.parametrize(
    "text", ["1970-01-02T00:00:01.000000", "1970-01-02T00:00:01Z", "1970-01-02T00:00:01", "1970-01-02T00:00:01+00:00"]
)
def test_all_forms_of_times_are_utc(text: str) -> None:
    assert epoch(text) == 86401.0


def test_fractions_of_seconds_are_kept() -> None:
    assert epoch("1970-01-01T00:00:01.250000") == 1.25


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(AosError, match="no nova-compute service on c9"):
        Compute(ScriptedApi(Step("GET", "/os-services", {"services": []})).cloud()).service("c9")


def test_evacuations_are_asked_for_with_a_window_and_all_their_pages() -> None:
    item = {
        "id": 3, "uuid": "u3", "instance_uuid": "s", "source_compute": "c1", "dest_compute": None,
        "status": "accepted", "created_at": "1970-01-01T00:00:10.000000", "updated_at": None,
    }  # fmt: skip
    api = ScriptedApi(
        Step(
            "GET",
            "/os-migrations",
            {"migrations": [item], "migrations_links": [{"rel": "next"}]},
            query={"migration_type": "evacuation", "source_compute": "c1"},
        ),
        Step("GET", "/os-migrations", {"migrations": []}, query={"marker": "u3"}),
    )
    (found,) = Compute(api.cloud()).evacuations(since=5.0, source="c1")
    assert (found.id, found.server, found.created_at, found.updated_at) == (3, "s", 10.0, 10.0)


def test_evacuations_of_before_are_not_read_on_for() -> None:
    def item(number: int, day: int) -> dict[str, object]:
        created = f"1970-01-{day:02d}T00:00:00.000000"
        return {"id": number, "uuid": f"u{number}", "instance_uuid": "s", "status": "done", "created_at": created}

    answer = {"migrations": [item(3, 9), item(2, 7)], "migrations_links": [{"rel": "next"}]}
    api = ScriptedApi(Step("GET", "/os-migrations", answer))
    assert [one.id for one in Compute(api.cloud()).evacuations(since=7 * 86400.0)] == [3]


def test_a_deleted_server_is_none() -> None:
    assert Compute(ScriptedApi(Step("GET", "/servers/x", {}, 404)).cloud()).server("x") is None


def test_an_evacuation_names_no_destination() -> None:
    api = ScriptedApi(Step("POST", "/servers/x/action", "", body={"evacuate": {}}))
    Compute(api.cloud()).evacuate("x")
    assert api.done()


@pytest.mark.parametrize("text", ["2.79", "2.59", "2.94"])
def test_a_good_microversion_is_taken(text: str) -> None:
    assert microversion_of(text, (2, 59), (2, 94)) == text


@pytest.mark.parametrize("text", ["2.95", "2.58", "latest", "2", "2.79.1", "", "3.1"])
def test_a_microversion_that_the_requests_were_not_written_for_is_refused(text: str) -> None:
    with pytest.raises(AosError, match="microversion"):
        microversion_of(text, (2, 59), (2, 94))
