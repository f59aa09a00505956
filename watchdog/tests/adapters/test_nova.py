# SPDX-License-Identifier: GPL-3.0-or-later
"""Nova over real sockets: what is understood, what is not, what fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud_manager.adapters.cloud_access import open_access
from cloud_manager.adapters.compute_api import ComputeApi
from cloud_manager.adapters.nova import NovaCloud
from cloud_manager.config.own import Cloud as CloudOptions
from cloud_manager.domain.facts import Observation
from cloud_manager.errors import CloudUnavailable
from watchdog.tests.fakes.openstack_api import PASSWORD, Answer, OpenStackApi, Script

Connect = Callable[[Script], NovaCloud]


class Nova:
    """One scripted installation and the adapter that talks to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.api: OpenStackApi | None = None

    def __call__(self, script: Script, **options: Any) -> NovaCloud:
        self.api = OpenStackApi(script)
        clouds = self.api.clouds_yaml(self._folder)
        options = {"read_timeout": 0.5, "connect_timeout": 0.5, **options}
        access = open_access(CloudOptions(cloud="scripted", clouds_yaml=str(clouds), **options), "2.79")
        api = ComputeApi(access.adapter, access.label, options["connect_timeout"], options["read_timeout"])
        return NovaCloud(api)

    def close(self) -> None:
        if self.api:
            self.api.close()


@pytest.fixture
def nova(tmp_path: Path) -> Iterator[Nova]:
    nova = Nova(tmp_path)
    yield nova
    nova.close()


def service(host: str, **changes: Any) -> dict[str, Any]:
    row = {
        "id": f"id-{host}",
        "binary": "nova-compute",
        "host": host,
        "state": "up",
        "status": "enabled",
        "disabled_reason": None,
        "forced_down": False,
        "updated_at": "2026-11-22T17:00:00.000000",
        "zone": "nova",
    }
    return {**row, **changes}


def services(*rows: Any) -> Script:
    return lambda path, query: Answer({"services": list(rows)})


def test_a_look_is_one_request_with_the_pinned_microversion(nova: Nova) -> None:
    cloud = nova(services(service("c1"), service("x", binary="nova-scheduler")))
    view = cloud.look()
    assert nova.api is not None
    assert [(r.path, r.microversion) for r in nova.api.requests] == [("/os-services", "compute 2.79")]
    assert view.hosts["c1"].observation is Observation.UP
    assert view.hosts["c1"].heartbeat_at == view.nova_now == 1795366800.0
    assert view.control_plane == {"nova-scheduler": 1}


def test_the_control_plane_counts_what_is_up_and_names_what_is_down(nova: Nova) -> None:
    rows = [service("a", binary="nova-conductor"), service("b", binary="nova-conductor", state="down")]
    rows += [service("a", binary="nova-scheduler", state="down")]
    assert nova(services(*rows)).look().control_plane == {"nova-conductor": 1, "nova-scheduler": 0}


def test_a_disabled_and_forced_down_host_is_read_with_its_reason(nova: Nova) -> None:
    row = service("c1", state="down", status="disabled", forced_down=True, disabled_reason="aos-cloud-manager: x")
    host = nova(services(row)).look().hosts["c1"]
    assert (host.observation, host.forced_down, host.enabled, host.marked) == (Observation.DOWN, True, False, True)


@pytest.mark.parametrize(
    "row",
    [
        {"binary": "nova-compute", "host": "c1", "status": "UNKNOWN"},  # its cell is down, microversion 2.69
        service("c1", state="dwon"),
        service("c1", state=None),
        service("c1", state=7),
        service("c1", state="down", status="?"),
        service("c1", state="down", forced_down="maybe"),
        service("c1", state="down", updated_at="yesterday"),
        service("c1", state="down", updated_at=12),
    ],
)
def test_a_row_that_is_not_understood_is_unknown_never_down(
    nova: Nova, row: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    cloud = nova(services(row, service("c2")))
    with caplog.at_level(logging.WARNING):
        view = cloud.look()
        cloud.look()
    assert view.hosts["c1"].observation is Observation.UNKNOWN
    assert view.hosts["c2"].observation is Observation.UP
    assert [record.getMessage()[:23] for record in caplog.records] == ["nova.unreadable host=c1"], "said once"


def test_rows_without_a_name_are_passed_over(nova: Nova) -> None:
    view = nova(services(service(""), service("c1"), {"binary": "nova-compute"}, "garbage", None)).look()
    assert list(view.hosts) == ["c1"]


@pytest.mark.parametrize(
    ("one", "other", "seen"),
    [("up", "down", "up"), ("down", "up", "up"), ("down", "down", "down"), ("down", "?", "unknown")],
)
def test_two_rows_of_one_host_call_it_down_only_together(nova: Nova, one: str, other: str, seen: str) -> None:
    view = nova(services(service("c1", state=one), service("c1", state=other))).look()
    assert view.hosts["c1"].observation == seen


def paged(name: str, rows: list[dict[str, Any]], size: int, marker: str) -> Script:
    """A list that pages by its own, smaller limit."""

    def script(path: str, query: dict[str, str]) -> Answer:
        keys = [row[marker] for row in rows]
        start = keys.index(query["marker"]) + 1 if "marker" in query else 0
        page = rows[start : start + size]
        more = [{"rel": "next", "href": "http://192.0.2.1/"}] if start + size < len(rows) else []
        return Answer({name: page, **({f"{name}_links": more} if more else {})})

    return script


def server(name: str, host: str = "c1") -> dict[str, Any]:
    return {"id": f"id-{name}", "name": name, "status": "ACTIVE", "OS-EXT-SRV-ATTR:host": host}


@pytest.mark.parametrize("count", [0, 1, 3, 4, 7])
def test_all_pages_of_a_hosts_servers_are_read(nova: Nova, count: int) -> None:
    rows = [server(f"s{number}") for number in range(count)]
    cloud = nova(paged("servers", rows, 3, "id"))
    assert [found.name for found in cloud.servers_on("c1")] == [row["name"] for row in rows]
    assert nova.api is not None
    assert {r.query["host"] for r in nova.api.requests} == {"c1"}
    assert {r.query["all_tenants"] for r in nova.api.requests} == {"1"}


def test_a_server_that_has_moved_meanwhile_is_not_the_hosts(nova: Nova) -> None:
    cloud = nova(paged("servers", [server("s1"), server("s2", host="c2")], 10, "id"))
    assert [found.name for found in cloud.servers_on("c1")] == ["s1"]


def test_servers_without_a_host_make_the_list_unknown_not_empty(nova: Nova) -> None:
    cloud = nova(paged("servers", [{"id": "s1", "name": "web", "status": "ACTIVE"}], 10, "id"))
    with pytest.raises(CloudUnavailable, match="role admin"):
        cloud.servers_on("c1")


def test_a_list_that_pages_in_circles_is_an_error_not_an_endless_loop(nova: Nova) -> None:
    body = {"servers": [server("s1")], "servers_links": [{"rel": "next", "href": "x"}]}
    with pytest.raises(CloudUnavailable, match="does not page"):
        nova(lambda path, query: Answer(body)).servers_on("c1")


def migration(number: int, instance: str, status: str, dest: str = "c2") -> dict[str, Any]:
    return {
        "id": number,
        "uuid": f"m-{number}",
        "instance_uuid": instance,
        "status": status,
        "source_compute": "c1",
        "dest_compute": dest,
        "created_at": "2026-11-22T17:00:00.000000",
        "updated_at": "2026-11-22T17:00:09.000000",
    }


def test_the_newest_evacuation_of_each_server_counts(nova: Nova) -> None:
    rows = [migration(3, "a", "done"), migration(2, "b", "error"), migration(1, "a", "error", "c3")]
    cloud = nova(paged("migrations", rows, 2, "uuid"))
    moves = {move.server_id: move for move in cloud.moves_from("c1", 1795366800.0)}
    assert (moves["a"].outcome, moves["a"].destination, moves["a"].finished_at) == ("evacuated", "c2", 1795366809.0)
    assert (moves["b"].outcome, moves["b"].reason) == ("failed", "evacuation ended as error")
    assert nova.api is not None
    query = nova.api.requests[0].query
    assert (query["migration_type"], query["source_compute"]) == ("evacuation", "c1")
    assert query["changes-since"] == "2026-11-22T17:00:00+00:00"


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("accepted", "moving"), ("pre-migrating", "moving"), ("migrating", "moving"), ("completed", "evacuated"),
     ("failed", "failed"), ("cancelled", "failed")],
)  # fmt: skip
def test_states_of_a_migration_are_outcomes(nova: Nova, status: str, outcome: str) -> None:
    (move,) = nova(paged("migrations", [migration(1, "a", status)], 9, "uuid")).moves_from("c1", 0.0)
    assert move.outcome == outcome
    assert (move.finished_at is None) is (outcome == "moving")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer({"computeFault": {"message": "no database"}}, 500), "no database"),
        (Answer(b"<html>busy</html>", 503), "503"),
        (Answer(b"{not json"), "something else than OpenStack's JSON"),
        (Answer([1, 2]), "no list 'services'"),
        (Answer({"services": {}}), "no list 'services'"),
        (Answer({"forbidden": {"message": "Policy doesn't allow"}}, 403), "role admin"),
        (Answer(silent=True), "does not answer"),
        (Answer(status=0), "does not answer"),
    ],
)
def test_a_nova_that_fails_is_unavailable_with_the_reason(nova: Nova, answer: Answer, words: str) -> None:
    cloud = nova(lambda path, query: answer)
    began = time.monotonic()
    with pytest.raises(CloudUnavailable, match=words) as caught:
        cloud.look()
    assert time.monotonic() - began < 5
    assert PASSWORD not in str(caught.value)
    assert "scripted" in str(caught.value) or "os-services" in str(caught.value)


def test_one_connection_that_breaks_is_tried_again(nova: Nova) -> None:
    answers = [Answer(status=0), Answer({"services": [service("c1")]})]
    assert "c1" in nova(lambda path, query: answers.pop(0)).look().hosts


def test_a_port_where_nobody_listens_is_unavailable(nova: Nova) -> None:
    cloud = nova(services())
    cloud.look()
    nova.close()
    with pytest.raises(CloudUnavailable, match="nova-api"):
        cloud.look()


def test_a_token_that_was_revoked_is_replaced_without_a_blind_look(nova: Nova) -> None:
    cloud = nova(services(service("c1")))
    cloud.look()
    assert nova.api is not None
    nova.api.revoke()
    assert "c1" in cloud.look().hosts
    assert nova.api.logins == 2


@pytest.mark.parametrize(
    "answer", [Answer({"error": {"message": "busy", "code": 503}}, 503), Answer(b"hello", 201), Answer({"a": 1}, 201)]
)
def test_after_keystone_was_away_the_session_logs_in_again(nova: Nova, answer: Answer) -> None:
    cloud = nova(services(service("c1")))
    assert nova.api is not None
    nova.api.tokens = [Answer(answer.body, answer.status if answer.status != 201 else 200)]
    with pytest.raises(CloudUnavailable):
        cloud.look()
    nova.api.tokens = []
    assert "c1" in cloud.look().hosts


def test_wrong_credentials_are_named_without_the_password(nova: Nova) -> None:
    cloud = nova(services())
    assert nova.api is not None
    nova.api.tokens = [Answer({"error": {"message": "The request you have made requires authentication."}}, 401)]
    with pytest.raises(CloudUnavailable, match="refuses our credentials") as caught:
        cloud.look()
    assert PASSWORD not in str(caught.value)


def test_an_interface_without_nova_is_named(nova: Nova) -> None:
    with pytest.raises(CloudUnavailable, match="no compute endpoint"):
        nova(services(), interface="internal").look()
