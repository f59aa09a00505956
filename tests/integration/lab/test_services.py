# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's control plane can be stopped piece by piece, is reached as any cloud is, and gives no secret away."""

from __future__ import annotations

import time
from pathlib import Path

import openstack
import pytest

from tests.lab.rest import RestError


def test_a_client_reaches_the_cloud_by_its_clouds_yaml(sound_lab, monkeypatch):
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(sound_lab.clouds_yaml))
    cloud = openstack.connect(cloud="lab")
    hosts = {service.host for service in cloud.compute.services(binary="nova-compute")}
    assert hosts == set(sound_lab.hosts)
    assert [image.name for image in cloud.image.images()] == ["cirros"]
    assert list(cloud.network.networks()) == []


def test_a_stopped_nova_api_answers_nothing_and_a_started_one_does(sound_lab):
    sound_lab.stop("nova-api")
    with pytest.raises(RestError, match="no answer"):
        sound_lab.nova.services()
    assert not sound_lab.services()["nova-api"]
    sound_lab.start("nova-api")
    assert set(sound_lab.nova.services()) == set(sound_lab.hosts)


def test_without_the_message_bus_every_host_goes_down_and_returns_with_it(sound_lab):
    sound_lab.stop("rabbitmq")

    def states():
        return {service["state"] for service in sound_lab.nova.services().values()}

    sound_lab.nova.wait(lambda: states() == {"down"}, 40, "all hosts to be down")
    assert all(sound_lab.compute_alive(host) for host in sound_lab.hosts)
    sound_lab.start("rabbitmq")
    sound_lab.nova.wait(lambda: states() == {"up"}, 90, "all hosts to be up")


def test_the_database_keeps_its_content_over_a_stop(sound_lab):
    sound_lab.stop("mariadb")
    assert not sound_lab.services()["mariadb"]
    sound_lab.start("mariadb")
    names = sound_lab.sql("SELECT name FROM nova_api.cell_mappings ORDER BY name")
    assert names == [["cell0"], ["cell1"]]


def test_a_second_up_of_a_running_lab_returns_quickly(sound_lab):
    pids = {path.name: path.read_text() for path in sound_lab.plan.pids.iterdir()}
    started = time.monotonic()
    sound_lab.up(hosts=2)
    assert time.monotonic() - started < 10
    assert {path.name: path.read_text() for path in sound_lab.plan.pids.iterdir()} == pids


def test_up_restarts_what_died(sound_lab):
    sound_lab.kill("compute-01")
    sound_lab.stop("placement")
    sound_lab.up(hosts=2)
    assert sound_lab.compute_alive("compute-01")
    assert sound_lab.services()["placement"]


def test_synthetic_hosts_are_listed_by_nova_and_go_down_without_a_refresh(sound_lab):
    names = sound_lab.synthetic_hosts(200)
    assert set(names) | set(sound_lab.hosts) == set(sound_lab.nova.services())

    def states():
        return {service["state"] for host, service in sound_lab.nova.services().items() if host in names}

    assert states() == {"up"}
    sound_lab.nova.wait(lambda: states() == {"down"}, 30, "the synthetic hosts to be down")
    sound_lab.refresh_synthetic()
    assert states() == {"up"}
    sound_lab.remove_synthetic()
    assert set(sound_lab.nova.services()) == set(sound_lab.hosts)


def test_no_password_is_in_a_process_list_or_readable_by_others(sound_lab):
    secrets = [secret.encode() for secret in sound_lab.secrets()]
    assert len(secrets) == 1 + 2 * len(sound_lab.hosts)
    sound_lab.bmc("compute-01", "wrong-password")
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = command.read_bytes()
        except OSError:
            continue
        assert not any(secret in arguments for secret in secrets)
    assert sound_lab.plan.folder.stat().st_mode & 0o077 == 0
