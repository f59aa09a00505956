# SPDX-License-Identifier: GPL-3.0-or-later
"""The module rabbitmq against a real broker, by its API and by its command."""

from __future__ import annotations

import base64
import functools
import os
import shlex
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from ansible_collections.aos.cloud_manager.plugins.modules import rabbitmq
from tests.lab import rest
from tests.lab.client import Lab
from tests.lab.infrastructure import MessageBus

PASSWORD, OTHER = 'a $ecret; of `the` "test" \\ ü', "another of the test"
BY_HAND = "password"
ALL = {"configure": ".*", "write": ".*", "read": ".*"}
WAYS = ["api", "rabbitmqctl"]
Run = Callable[..., dict[str, Any]]


@dataclass
class Broker:
    """The lab's, asked in other ways than the module asks."""

    url: str
    command: Path
    spoken: Path

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        login = base64.b64encode(b"guest:guest").decode()
        return rest.call(method, f"{self.url}/api{path}", body, {"Authorization": f"Basic {login}"})[0]

    def names(self, kind: str) -> set[str]:
        return {item["name"] for item in self.ask("GET", f"/{kind}")}

    def permissions(self, vhost: str) -> dict[str, dict[str, str]]:
        """user -> what it may do."""
        found = self.ask("GET", f"/vhosts/{quote(vhost, safe='')}/permissions")
        return {item["user"]: {kind: item[kind] for kind in ALL} for item in found}

    def lets_in(self, user: str, password: str) -> bool:
        command = [self.command, "authenticate_user", user]
        return subprocess.run(command, input=password, capture_output=True, text=True, check=False).returncode == 0

    def as_the_guide_says(self, user: str, vhost: str) -> None:
        """Step 5 of the guide, which names the password as an argument."""
        for arguments in (
            ["add_user", user, BY_HAND],
            ["add_vhost", vhost],
            ["set_permissions", "-p", vhost, user, ".*", ".*", ".*"],
            ["set_permissions", user, ".*", ".*", ".*"],
        ):
            subprocess.run([self.command, *arguments], capture_output=True, check=True)


@pytest.fixture
def broker(lab: Lab, tmp_path: Path) -> Iterator[Broker]:
    """As it was before afterwards. spoken: the arguments that the command was given."""
    plan, command, spoken = lab.plan, tmp_path / "rabbitmqctl", tmp_path / "spoken"
    given = " ".join(f"{name}={shlex.quote(value)}" for name, value in MessageBus(plan).environment().items())
    command.write_text(
        f'#!/bin/sh\necho "$@" >>{shlex.quote(str(spoken))}\n'
        f'exec env -u LOGS {given} /usr/lib/rabbitmq/bin/rabbitmqctl "$@"\n'
    )
    command.chmod(0o700)
    broker = Broker(plan.url("rabbitmq-management"), command, spoken)
    before = {kind: broker.names(kind) for kind in ("users", "vhosts")}
    yield broker
    for kind, names in before.items():
        for name in broker.names(kind) - names:
            broker.ask("DELETE", f"/{kind}/{quote(name, safe='')}")


@pytest.fixture
def made(run: Run, broker: Broker) -> Run:
    """Run the module in a way that is named."""
    common = {"password": PASSWORD, "api_url": broker.url, "login_password": "guest"}
    return functools.partial(run, rabbitmq, **common, rabbitmqctl=str(broker.command))


@pytest.mark.parametrize("way", WAYS)
def test_both_ways_make_the_same_and_each_finds_nothing_left_to_do(made: Run, broker: Broker, way: str) -> None:
    rehearsed = made(via=way, _ansible_check_mode=True)
    assert "aos" not in broker.names("vhosts")
    outcome = made(via=way)
    assert outcome["changes"] == rehearsed["changes"]
    assert len(outcome["changes"]) == 4
    assert broker.permissions("aos") == {"aos": ALL}
    assert broker.permissions("/") == {"aos": ALL, "guest": ALL}
    assert broker.lets_in("aos", PASSWORD)
    assert [made(via=other)["changed"] for other in WAYS] == [False, False]


@pytest.mark.parametrize("way", WAYS)
def test_it_ends_where_the_guide_ends(made: Run, broker: Broker, way: str) -> None:
    broker.as_the_guide_says("by-hand", "by hand")
    made(via=way)
    assert broker.permissions("aos") == {"aos": broker.permissions("by hand")["by-hand"]}
    assert broker.permissions("/")["aos"] == broker.permissions("/")["by-hand"]
    assert not made(via=way, user="by-hand", vhost="by hand", password=BY_HAND)["changed"]


@pytest.mark.parametrize("way", WAYS)
def test_password_tags_and_permissions_are_set_right(made: Run, broker: Broker, way: str) -> None:
    made(via=way)
    assert made(via=way, password=OTHER, update_password="on_create")["changed"] is False
    assert made(via=way, password=OTHER)["changes"] == ["user aos gets another password"]
    assert (broker.lets_in("aos", OTHER), broker.lets_in("aos", PASSWORD)) == (True, False)
    made(via=way, password=OTHER, tags=["monitoring"])
    assert broker.lets_in("aos", OTHER)
    assert set(broker.ask("GET", "/users/aos")["tags"]) == {"aos.cloud_manager", "monitoring"}
    made(via=way, password=OTHER, permissions={"configure": "^aos$"})
    assert broker.permissions("/")["aos"] == ALL | {"configure": "^aos$"}


@pytest.mark.parametrize("way", WAYS)
def test_names_may_hold_a_slash_and_a_space(made: Run, broker: Broker, way: str) -> None:
    names = {"user": "aos/ü 1", "vhost": "/aos/é 2"}
    assert made(via=way, **names)["changed"]
    assert not made(via=way, **names)["changed"]
    assert broker.permissions("/aos/é 2") == {"aos/ü 1": ALL}
    assert len(made(via=way, state="absent", **names)["changes"]) == 2
    assert "/aos/é 2" not in broker.names("vhosts")


@pytest.mark.parametrize("way", WAYS)
def test_removal_leaves_the_broker_as_it_was(made: Run, broker: Broker, way: str) -> None:
    def everything() -> list[Any]:
        return [broker.names("users"), broker.names("vhosts"), broker.permissions("/")]

    before = everything()
    made(via=way)
    assert made(via=way, state="absent", _ansible_check_mode=True)["changed"]
    assert made(via=way, state="absent")["changed"]
    assert everything() == before
    assert not made(via=way, state="absent")["changed"]


@pytest.mark.parametrize("way", WAYS)
def test_what_was_made_by_hand_stays_until_it_is_forced(made: Run, broker: Broker, way: str) -> None:
    broker.as_the_guide_says("aos", "aos")
    outcome = made(via=way, state="absent")
    assert (outcome["changed"], len(outcome["kept"])) == (False, 4)
    assert broker.permissions("/")["aos"] == ALL
    made(via=way, state="absent", force=True)
    assert "aos" not in broker.names("users") | broker.names("vhosts")
    assert "/" in broker.names("vhosts")


def test_no_password_is_an_argument_of_the_command(made: Run, broker: Broker) -> None:
    made(via="rabbitmqctl")
    made(via="rabbitmqctl", password=OTHER)
    spoken = broker.spoken.read_text()
    assert "import_definitions" in spoken
    assert not any(part in spoken for part in (PASSWORD, OTHER, "$ecret"))


def test_without_the_plugin_the_command_is_used(made: Run, broker: Broker) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert made(api_url=nowhere)["via"] == "rabbitmqctl"
    assert not made()["changed"]
    assert made()["via"] == "api"
    refused = made(via="api", api_url=nowhere)
    assert "rabbitmq-plugins enable rabbitmq_management" in refused["msg"]


def test_who_may_not_administer_is_told_what_he_lacks(made: Run, broker: Broker) -> None:
    assert "Login failed; correct login_user" in made(login_password="wrong")["msg"]
    broker.ask("PUT", "/users/clerk", {"password": "clerk", "tags": "management"})
    assert "needs the tag administrator" in made(login_user="clerk", login_password="clerk")["msg"]
    assert "aos" not in broker.names("vhosts")


def test_a_missing_vhost_of_nova_is_named(made: Run, broker: Broker) -> None:
    assert "no vhost nova" in made(nova_vhost="nova")["msg"]
    assert "aos" not in broker.names("users")


@pytest.mark.parametrize("way", WAYS)
def test_a_permission_that_is_no_expression_is_told_of(made: Run, way: str) -> None:
    outcome = made(via=way, permissions={"write": "("})
    assert outcome["failed"]
    assert "invalid_regexp" in outcome["msg"]


def test_a_broker_that_does_not_run_is_told_of(made: Run, broker: Broker, tmp_path: Path) -> None:
    lost = tmp_path / "lost"
    lost.write_text(broker.command.read_text().replace("RABBITMQ_NODENAME=", "RABBITMQ_NODENAME=no"))
    os.chmod(lost, 0o700)
    outcome = made(via="rabbitmqctl", rabbitmqctl=str(lost))
    assert "export_definitions" in outcome["msg"]
    assert "where RabbitMQ runs" in outcome["msg"]
