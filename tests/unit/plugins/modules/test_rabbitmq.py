# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import stat
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.aos.cloud_manager.plugins.module_utils.rabbitmq import Definitions, Holdings, User
from ansible_collections.aos.cloud_manager.plugins.module_utils.rabbitmq_api import NobodyListens
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from ansible_collections.aos.cloud_manager.plugins.modules import rabbitmq

PASSWORD, MARK = "a-secret-of-the-test", frozenset(["aos.cloud_manager"])
ALL = {"configure": ".*", "write": ".*", "read": ".*"}
Outcome = dict[str, t.Any]


def login(password: str, algorithm: str = "sha256") -> dict[str, str]:
    """What RabbitMQ keeps of a password."""
    digest = hashlib.new(algorithm, b"salt" + password.encode()).digest()
    return {
        "password_hash": base64.b64encode(b"salt" + digest).decode(),
        "hashing_algorithm": f"rabbit_password_hashing_{algorithm}",
    }


@dataclasses.dataclass
class FakeBroker:
    """A broker in memory, of one user."""

    holdings: Holdings = dataclasses.field(default_factory=lambda: Holdings(None, {"/": frozenset()}, {}))
    via: str = "api"
    asked: list[str] = dataclasses.field(default_factory=list)

    def read(self, _user: str, _vhosts: t.Sequence[str]) -> Holdings:
        return self.holdings

    def put(self, definitions: Definitions) -> None:
        self.asked.append("put")
        user, vhosts, permissions = self.holdings.user, dict(self.holdings.vhosts), dict(self.holdings.permissions)
        for item in definitions["vhosts"]:
            vhosts[item["name"]] = frozenset(item["tags"])
        for item in definitions["users"]:
            kept = {key: item[key] for key in ("password_hash", "hashing_algorithm") if key in item}
            user = User(item["name"], frozenset(item["tags"]), kept or login(item["password"]))
        for item in definitions["permissions"]:
            permissions[item["vhost"]] = {kind: item[kind] for kind in ALL}
        self.holdings = Holdings(user, vhosts, permissions)

    def remove(self, kind: str, name: str) -> None:
        self.asked.append(f"remove {kind} {name}")
        vhosts = {vhost: tags for vhost, tags in self.holdings.vhosts.items() if (kind, name) != ("vhosts", vhost)}
        self.holdings = Holdings(None if kind == "users" else self.holdings.user, vhosts, {})


def broker_with(tags: frozenset[str] = MARK, vhost_tags: frozenset[str] = MARK, password: str = PASSWORD) -> FakeBroker:
    """One that has all, made by us unless other tags are given."""
    user = User("aos", tags, login(password))
    return FakeBroker(Holdings(user, {"/": frozenset(), "aos": vhost_tags}, {"/": ALL, "aos": ALL}))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> t.Callable[..., Outcome]:
    """Run the module against a broker, and return what it printed."""

    def call(broker: FakeBroker | None = None, **options: t.Any) -> Outcome:
        if broker:
            monkeypatch.setattr(rabbitmq, "look", lambda _params, _wanted: (broker, broker.holdings))
        with patch_module_args({"password": PASSWORD, **options}), pytest.raises(SystemExit):
            rabbitmq.main()
        printed = capsys.readouterr().out
        assert PASSWORD not in printed
        return t.cast(Outcome, json.loads(printed))

    return call


Run = t.Callable[..., Outcome]


def test_all_that_is_missing_is_made_at_once_and_the_second_run_changes_nothing(run: Run) -> None:
    broker = FakeBroker()
    outcome = run(broker)
    assert outcome["changes"] == [
        "vhost aos is made", "user aos is made", "user aos may use vhost aos", "user aos may use vhost /",
    ]  # fmt: skip
    assert broker.holdings == broker_with().holdings
    assert not run(broker)["changed"]
    assert broker.asked == ["put"]


def test_check_mode_changes_nothing_and_shows_what_a_real_run_shows(run: Run) -> None:
    broker = FakeBroker()
    rehearsed = run(broker, _ansible_check_mode=True, _ansible_diff=True)
    assert broker.asked == []
    real = run(broker, _ansible_diff=True)
    assert (rehearsed["changes"], rehearsed["diff"]) == (real["changes"], real["diff"])


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_password_is_known_by_its_salted_hash(algorithm: str) -> None:
    user = User("aos", MARK, login(PASSWORD, algorithm))
    assert user.has_password(PASSWORD)
    assert not user.has_password("another")


def test_a_hash_of_another_kind_is_told_of() -> None:
    user = User("aos", MARK, login(PASSWORD) | {"hashing_algorithm": "rabbit_password_hashing_md5"})
    with pytest.raises(AosError, match="update_password=on_create"):
        user.has_password(PASSWORD)


def test_another_password_replaces_the_old_one_unless_it_is_to_stay(run: Run) -> None:
    broker = broker_with(password="the old one")
    assert not run(broker, update_password="on_create")["changed"]
    assert run(broker)["changes"] == ["user aos gets another password"]
    assert broker.holdings.user
    assert broker.holdings.user.has_password(PASSWORD)


def test_other_tags_leave_password_and_mark_as_they_are(run: Run) -> None:
    broker = broker_with(password="the old one")
    outcome = run(broker, tags=["monitoring"], update_password="on_create")
    assert outcome["changes"] == ["user aos gets the tags aos.cloud_manager, monitoring"]
    assert broker.holdings.user == User("aos", MARK | {"monitoring"}, login("the old one"))
    assert not run(broker, update_password="on_create")["changed"]


def test_a_user_that_was_there_never_gets_our_mark(run: Run) -> None:
    broker = broker_with(tags=frozenset(["policymaker"]))
    run(broker, tags=["monitoring"])
    assert broker.holdings.user
    assert broker.holdings.user.tags == {"monitoring"}


def test_other_permissions_are_set_right_in_both_vhosts(run: Run) -> None:
    broker = broker_with()
    outcome = run(broker, permissions={"configure": "^aos"})
    assert outcome["changes"] == ["user aos may use vhost aos", "user aos may use vhost /"]
    assert set(map(str, broker.holdings.permissions.values())) == {str(ALL | {"configure": "^aos"})}


def test_novas_vhost_is_never_made(run: Run) -> None:
    broker = FakeBroker()
    outcome = run(broker, nova_vhost="nova")
    assert "no vhost nova, which belongs to Nova" in outcome["msg"]
    assert broker.asked == []


def test_what_is_ours_goes(run: Run) -> None:
    broker = broker_with()
    assert run(broker, state="absent", password=None)["changes"] == ["user aos is removed", "vhost aos is removed"]
    assert broker.holdings.vhosts == {"/": frozenset()}
    outcome = run(broker, state="absent")
    assert (outcome["changed"], outcome["kept"]) == (False, [])


def test_what_somebody_else_made_stays_and_is_named(run: Run) -> None:
    broker = broker_with(frozenset(), frozenset())
    outcome = run(broker, state="absent")
    assert not outcome["changed"]
    assert [sentence.split(" stay")[0] for sentence in outcome["kept"]] == [
        "user aos", "vhost aos", "permissions of user aos on vhost /", "permissions of user aos on vhost aos",
    ]  # fmt: skip
    assert broker.asked == []


def test_the_vhost_goes_without_the_user_that_somebody_else_made(run: Run) -> None:
    broker = broker_with(tags=frozenset())
    outcome = run(broker, state="absent", _ansible_diff=True)
    assert broker.asked == ["remove vhosts aos"]
    assert outcome["diff"]["after"]["permissions"] == {"/": ALL}
    assert outcome["kept"][-1].endswith("rabbitmqctl clear_permissions -p / aos")


def test_force_removes_what_somebody_else_made_but_never_novas_vhost(run: Run) -> None:
    broker = broker_with(frozenset(), frozenset())
    assert run(broker, state="absent", force=True)["kept"] == []
    assert broker.holdings.vhosts == {"/": frozenset()}


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"vhost": "/"}, "both /"),
        ({"user": "guest"}, "both guest"),
        ({"password": ""}, "AOS_RABBITMQ_PASSWORD"),
        ({"user": ""}, "user ''"),
        ({"user": "--help"}, "begins with a dash"),
        ({"vhost": "$(reboot)"}, "vhost '$(reboot)'"),
        ({"rabbitmqctl": "/nowhere/rabbitmqctl"}, "AOS_RABBITMQ_ADMIN_PASSWORD"),
    ],
)
def test_options_that_cannot_be_followed_are_refused(run: Run, options: Outcome, part: str) -> None:
    outcome = run(**options)
    assert outcome["failed"]
    assert part in outcome["msg"]


class NoApi(FakeBroker):
    """In the place of ManagementApi where nothing listens."""

    is_local = True

    def read(self, _user: str, _vhosts: t.Sequence[str]) -> Holdings:
        raise NobodyListens("nobody listens")


@pytest.fixture
def command(tmp_path: Path) -> str:
    """A rabbitmqctl that tells of an empty broker."""
    place = tmp_path / "rabbitmqctl"
    exported = {"users": [], "permissions": [], "vhosts": [{"name": "/", "metadata": {"tags": []}}]}
    place.write_text(f"#!/bin/sh\necho '{json.dumps(exported)}'\n")
    place.chmod(stat.S_IRWXU)
    return str(place)


@pytest.mark.parametrize(
    ("via", "local", "used"),
    [("auto", True, "rabbitmqctl"), ("auto", False, None), ("api", True, None), ("rabbitmqctl", True, "rabbitmqctl")],
)
def test_the_command_stands_in_only_for_an_api_of_the_same_machine(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str, via: str, local: bool, used: str | None
) -> None:
    api = NoApi()
    api.is_local = local
    monkeypatch.setattr(rabbitmq, "ManagementApi", lambda *_arguments: api)
    outcome = run(via=via, login_password="admin", rabbitmqctl=command, _ansible_check_mode=True)
    assert outcome.get("via") == used
    assert used or outcome["msg"] == "nobody listens"


def test_without_an_administrators_password_the_command_is_used(run: Run, command: str) -> None:
    assert run(rabbitmqctl=command, _ansible_check_mode=True)["via"] == "rabbitmqctl"
