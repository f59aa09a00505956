# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import http.server
import json
import socket
import threading
import typing as t
from pathlib import Path

import pytest
from keystoneauth1 import exceptions as keystone

from ansible_collections.aos.cloud_manager.plugins.module_utils import cloud as cloud_module
from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud import (
    CloudRefused,
    CloudUnavailable,
    connect,
    explanation_of,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.scripted_api import ScriptedApi, Step

PASSWORD = "a-secret-of-the-test"
PARAMS: dict[str, t.Any] = {"cloud": "example", "api_timeout": 5.0, "api_patience": 0.0}


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> t.Callable[[str], None]:
    """Write a clouds.yaml whose identity service is at the given address."""
    for name in ("OS_CLOUD", "OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    place = tmp_path / "clouds.yaml"
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(place))

    def write(address: str) -> None:
        auth = {"auth_url": address, "username": "admin", "password": PASSWORD, "project_name": "admin"}
        auth |= {"user_domain_id": "default", "project_domain_id": "default"}
        place.write_text(json.dumps({"clouds": {"example": {"auth": auth, "region_name": "one"}}}))

    return write


class Identity(http.server.BaseHTTPRequestHandler):
    """A keystone that tells its version and answers every login with one status."""

    status = 401

    def do_GET(self) -> None:
        version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": "/v3/"}]}
        self._answer(200 if self.status == 401 else self.status, {"version": version})

    def do_POST(self) -> None:
        self._answer(self.status, {"error": {"message": "no", "code": self.status, "title": "no"}})

    def _answer(self, status: int, body: dict[str, t.Any]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *arguments: t.Any) -> None:
        pass


@pytest.fixture
def identity() -> t.Iterator[http.server.HTTPServer]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Identity)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def refused_address() -> str:
    """An address where nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v3"


def test_a_cloud_that_is_not_configured_is_named(configured: t.Callable[[str], None]) -> None:
    configured("http://192.0.2.1/v3")
    with pytest.raises(AosError, match=r"cloud elsewhere is in no clouds\.yaml"):
        connect(PARAMS | {"cloud": "elsewhere"}, "2.79")


def test_a_configuration_file_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", "/nowhere/clouds.yaml")
    with pytest.raises(AosError, match=r"names /nowhere/clouds\.yaml, which does not exist"):
        connect(PARAMS, "2.79")


def test_a_configuration_file_that_is_not_yaml_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "clouds.yaml"
    place.write_text(f"clouds:\n  example: {{auth: {{password: {PASSWORD}")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(place))
    with pytest.raises(AosError, match=r"clouds\.yaml cannot be read: it is not YAML \(line 2\)") as raised:
        connect(PARAMS, "2.79")
    assert PASSWORD not in str(raised.value)


def test_no_configuration_at_all_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OS_CLOUD", "OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD", "OS_CLIENT_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AosError, match="no cloud is configured"):
        connect(PARAMS | {"cloud": None}, "2.79")


def test_a_refused_connection_is_unavailable_and_was_never_sent(configured: t.Callable[[str], None]) -> None:
    configured(refused_address())
    with pytest.raises(CloudUnavailable, match="cannot be reached") as raised:
        connect(PARAMS, "2.79").get("/os-services")
    assert not raised.value.sent
    assert PASSWORD not in str(raised.value)


def test_wrong_credentials_are_no_matter_of_waiting(
    configured: t.Callable[[str], None], identity: http.server.HTTPServer
) -> None:
    configured(f"http://127.0.0.1:{identity.server_port}/v3")
    with pytest.raises(CloudRefused, match="refuses the credentials") as raised:
        connect(PARAMS | {"api_patience": 60.0}, "2.79").get("/os-services")
    assert PASSWORD not in str(raised.value)


def test_a_keystone_that_fails_is_a_matter_of_waiting(
    configured: t.Callable[[str], None], identity: http.server.HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Identity, "status", 503)
    configured(f"http://127.0.0.1:{identity.server_port}/v3")
    with pytest.raises(CloudUnavailable):
        connect(PARAMS, "2.79").get("/os-services")


@pytest.mark.parametrize("failure", [{"status": 503}, {"status": 502}, {"status": 500}])
def test_a_reading_is_repeated_until_the_api_is_back(failure: dict[str, t.Any]) -> None:
    api = ScriptedApi(*[Step("GET", "/x", {}, **failure)] * 4, Step("GET", "/x", {"found": 1}))
    assert api.cloud().get("/x") == {"found": 1}
    assert api.slept == [0.2, 0.4, 0.8, 1.6]


def test_patience_has_an_end() -> None:
    api = ScriptedApi(*[Step("GET", "/x", {}, 503)] * 50)
    with pytest.raises(CloudUnavailable, match="HTTP 503 to GET /x"):
        api.cloud(patience=10).get("/x")
    assert sum(api.slept) <= 10


def test_a_connection_that_fails_while_reading_is_tried_again() -> None:
    api = ScriptedApi(Step("GET", "/x", keystone.ConnectFailure("reset")), Step("GET", "/x", {"found": 1}))
    assert api.cloud().get("/x") == {"found": 1}


def test_setting_a_state_is_repeated_and_asking_for_an_action_is_not() -> None:
    api = ScriptedApi(Step("PUT", "/x", {}, 503), Step("PUT", "/x", {"done": 1}), Step("POST", "/y", {}, 503))
    assert api.cloud().put("/x", {}) == {"done": 1}
    with pytest.raises(CloudUnavailable) as raised:
        api.cloud().post("/y", {})
    assert not raised.value.sent  # 503 comes from a proxy or from keystone's middleware: Nova has not seen it
    assert api.done()


@pytest.mark.parametrize("status", [500, 502, 504])
def test_an_action_whose_answer_is_an_error_of_the_server_may_have_happened(status: int) -> None:
    with pytest.raises(CloudUnavailable) as raised:
        ScriptedApi(Step("POST", "/y", {}, status)).cloud().post("/y", {})
    assert raised.value.sent


@pytest.mark.parametrize("status", [400, 403, 404, 409])
def test_a_refusal_carries_what_nova_says(status: int) -> None:
    body = {"badRequest": {"code": status, "message": "Compute service is\nstill in use."}}
    with pytest.raises(CloudRefused) as raised:
        ScriptedApi(Step("GET", "/x", body, status)).cloud().get("/x")
    assert (raised.value.status, raised.value.explanation) == (status, "Compute service is still in use.")


@pytest.mark.parametrize("text", ["", "<html>bad gateway</html>", "[]", "{}", '{"a": 1}', '{"a": {}}', "null", "7"])
def test_an_error_of_any_form_is_explained(text: str) -> None:
    assert explanation_of(text)


def test_an_answer_that_is_not_json_is_not_taken_for_empty() -> None:
    with pytest.raises(CloudUnavailable, match="something else than JSON"):
        ScriptedApi(Step("GET", "/x", "<html>")).cloud(patience=0).get("/x")


def test_a_list_is_read_to_its_last_page_even_if_pages_are_smaller_than_asked_for() -> None:
    more = [{"rel": "next", "href": "x"}]
    api = ScriptedApi(
        Step("GET", "/x", {"things": [{"id": "a"}, {"id": "b"}], "things_links": more}, query={"host": "h"}),
        Step("GET", "/x", {"things": [{"id": "c"}], "things_links": more}, query={"host": "h", "marker": "b"}),
        Step("GET", "/x", {"things": [{"id": "d"}]}, query={"marker": "c"}),
    )
    assert [one["id"] for one in api.cloud().pages("/x", "things", {"host": "h"})] == ["a", "b", "c", "d"]


def test_a_page_that_names_a_next_one_but_is_empty_ends_the_list() -> None:
    api = ScriptedApi(Step("GET", "/x", {"things": [], "things_links": [{"rel": "next"}]}))
    assert api.cloud().pages("/x", "things", {}) == []


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud_module, "IMPORT_ERROR", ImportError("no"))
    with pytest.raises(AosError, match="openstacksdk"):
        connect(PARAMS, "2.79")
