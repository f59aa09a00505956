# SPDX-License-Identifier: GPL-3.0-or-later
"""Services of the cloud, the playbook itself, or a power control fail in the middle."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.modules.playing import fail, inventory, module, play, start
from tests.lab.client import Lab

HOST, SECOND = "compute-01", "compute-02"
QUICK = {"prioritized_evacuation_timeout": 0, "poll_interval": 0.5}


def evacuations(lab: Lab, host: str = HOST) -> list[dict[str, Any]]:
    return lab.nova.migrations(migration_type="evacuation", source_compute=host)


def all_elsewhere(lab: Lab, servers: list[str], host: str = HOST) -> bool:
    seen = [lab.nova.server(server) for server in servers]
    return all(one["status"] == "ACTIVE" and one["OS-EXT-SRV-ATTR:host"] != host for one in seen)


def test_killed_in_the_middle_the_next_run_goes_on_and_moves_nothing_twice(sound_lab: Lab, tmp_path: Path) -> None:
    servers = sound_lab.nova.boot(8, HOST)
    fail(sound_lab, HOST)
    started = start(sound_lab, tmp_path, "recover_host", host=HOST, parallel_evacuations=2, **QUICK)
    sound_lab.nova.wait(lambda: len(evacuations(sound_lab)) >= 3, 60, "some servers to be asked for")
    kill_all_of(inventory(sound_lab, tmp_path))
    started.wait(30)
    assert len(evacuations(sound_lab)) < len(servers)
    played = play(sound_lab, tmp_path, "recover_host", host=HOST, **QUICK)
    assert played.rc == 0, played.output
    assert played.of("host_evacuate")["evacuation"]["counts"]["evacuated"] == len(servers)
    assert all_elsewhere(sound_lab, servers)
    assert sorted(one["instance_uuid"] for one in evacuations(sound_lab)) == sorted(servers)


def kill_all_of(named: Path) -> None:
    """kill -9 every process that has the file in its command line: the playbook and its workers."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(named) in command and int(entry.name) != os.getpid():
            os.kill(int(entry.name), signal.SIGKILL)


def test_the_api_may_be_away_in_the_middle(sound_lab: Lab, tmp_path: Path) -> None:
    servers = sound_lab.nova.boot(8, HOST)
    fail(sound_lab, HOST)
    started = start(sound_lab, tmp_path, "recover_host", host=HOST, parallel_evacuations=2, **QUICK)
    sound_lab.nova.wait(lambda: len(evacuations(sound_lab)) >= 2, 60, "some servers to be asked for")
    sound_lab.stop("nova-api")
    time.sleep(15)
    sound_lab.start("nova-api")
    assert started.wait(180) == 0, (tmp_path / "started.log").read_text()
    assert all_elsewhere(sound_lab, servers)
    assert sorted(one["instance_uuid"] for one in evacuations(sound_lab)) == sorted(servers)


def test_a_host_that_is_switched_on_in_the_middle_is_left_alone_from_then_on(sound_lab: Lab, tmp_path: Path) -> None:
    servers = sound_lab.nova.boot(16, HOST)
    fail(sound_lab, HOST)
    started = start(sound_lab, tmp_path, "recover_host", host=HOST, parallel_evacuations=1, **QUICK)
    sound_lab.nova.wait(lambda: len(evacuations(sound_lab)) >= 2, 60, "some servers to be asked for")
    sound_lab.power(HOST, "on")
    assert started.wait(120) != 0
    assert "may run (it has reported" in (tmp_path / "started.log").read_text()
    moved = {one["instance_uuid"] for one in evacuations(sound_lab)}
    assert 2 <= len(moved) < len(servers)
    assert {one["id"] for one in sound_lab.nova.servers() if one["OS-EXT-SRV-ATTR:host"] == HOST} == {*servers} - moved


def test_destinations_that_refuse_at_first_are_asked_again(sound_lab: Lab, tmp_path: Path) -> None:
    (on,) = sound_lab.nova.boot(1, HOST)
    (off,) = sound_lab.nova.boot(1, HOST, prefix="off", shutoff=1)
    fail(sound_lab, HOST)
    others = [host for host in sound_lab.hosts if host != HOST]
    for host in others:
        sound_lab.refuse(host)
    started = start(sound_lab, tmp_path, "recover_host", host=HOST, evacuation_retries=10, **QUICK)
    sound_lab.nova.wait(
        lambda: (
            {one["instance_uuid"] for one in evacuations(sound_lab) if one["status"] in ("error", "failed")}
            == {on, off}
        ),
        60,
        "both servers to be refused",
    )
    for host in others:
        sound_lab.refuse(host, False)
    assert started.wait(120) == 0, (tmp_path / "started.log").read_text()
    assert sound_lab.nova.server(on)["status"] == "ACTIVE"
    assert sound_lab.nova.server(off)["status"] == "SHUTOFF"


def test_a_host_that_cannot_be_fenced_drops_out_and_the_others_go_on(sound_lab: Lab, tmp_path: Path) -> None:
    stays = sound_lab.nova.boot(1, HOST, prefix="stays")
    goes = sound_lab.nova.boot(1, SECOND, prefix="goes")
    fail(sound_lab, HOST, SECOND)
    sound_lab.bmc(HOST, "frozen")
    played = play(sound_lab, tmp_path, "recover_host", host=f"{HOST},{SECOND}", power_timeout=4, **QUICK)
    assert played.rc != 0
    assert played.of("power", HOST)["power"]["result"] == "UNKNOWN"
    assert played.of("host_evacuate")["evacuation"]["hosts"] == [SECOND]
    assert all_elsewhere(sound_lab, goes, SECOND)
    assert sound_lab.nova.server(stays[0])["OS-EXT-SRV-ATTR:host"] == HOST
    assert not sound_lab.nova.services()[HOST]["forced_down"]
    assert sound_lab.nova.services()[HOST]["status"] == "enabled"


def test_a_running_host_is_not_evacuated_by_hand(sound_lab: Lab, tmp_path: Path) -> None:
    sound_lab.nova.boot(1, HOST)
    played = play(sound_lab, tmp_path, "evacuate_host", host=HOST, **QUICK)
    assert played.rc != 0
    assert "reads on" in played.output
    played = play(sound_lab, tmp_path, "evacuate_host", host=HOST, override="Jo: by mistake", **QUICK)
    assert played.rc != 0
    assert "does not show nova-compute as down" in played.of("host_evacuate")["msg"]
    assert evacuations(sound_lab) == []
    assert sound_lab.compute_alive(HOST)


def test_a_host_that_is_off_is_evacuated_by_hand_without_being_switched(sound_lab: Lab, tmp_path: Path) -> None:
    servers = sound_lab.nova.boot(2, HOST)
    sound_lab.power(HOST, "off")
    sound_lab.nova.set_service(HOST, forced_down=True)
    switched = [entry for entry in sound_lab.chassis_log(HOST) if entry[1] == "set"]
    played = play(sound_lab, tmp_path, "evacuate_host", host=HOST, **QUICK)
    assert played.rc == 0, played.output
    assert all_elsewhere(sound_lab, servers)
    assert [entry for entry in sound_lab.chassis_log(HOST) if entry[1] == "set"] == switched


def test_what_an_operator_disabled_or_forced_down_is_never_given_back(sound_lab: Lab, tmp_path: Path) -> None:
    sound_lab.nova.set_service(HOST, status="disabled", disabled_reason="broken fan")
    sound_lab.nova.set_service(SECOND, forced_down=True)
    played = play(sound_lab, tmp_path, "return_host", host=f"{HOST},{SECOND}")
    assert played.rc == 0, played.output
    assert not played.ran("compute_service")
    assert sound_lab.nova.services()[HOST]["disabled_reason"] == "broken fan"
    assert sound_lab.nova.services()[SECOND]["forced_down"]


def test_what_an_operator_disabled_stays_disabled_through_recovery_and_return(sound_lab: Lab, tmp_path: Path) -> None:
    sound_lab.nova.set_service(HOST, status="disabled", disabled_reason="broken fan")
    fail(sound_lab, HOST)
    assert play(sound_lab, tmp_path, "recover_host", host=HOST, **QUICK).rc == 0
    assert sound_lab.nova.services()[HOST]["disabled_reason"] == "broken fan"
    assert sound_lab.nova.services()[HOST]["forced_down"]
    sound_lab.power(HOST, "on")
    played = play(sound_lab, tmp_path, "return_host", host=HOST, clear_forced_down=True)
    assert played.rc == 0, played.output
    service = sound_lab.nova.services()[HOST]
    assert (service["state"], service["forced_down"], service["status"]) == ("up", False, "disabled")
    assert service["disabled_reason"] == "broken fan"


@pytest.mark.parametrize("playbook", ["recover_host", "return_host", "evacuate_host"])
def test_an_unknown_host_is_named_and_nothing_is_done(lab: Lab, tmp_path: Path, playbook: str) -> None:
    played = play(lab, tmp_path, playbook, host="compute-01,compute-1")
    assert played.rc != 0
    assert "Unknown host compute-1:" in played.output
    assert played.results == []


def test_a_module_returns_the_same_inside_ansibles_process_and_outside(lab: Lab, tmp_path: Path) -> None:
    elsewhere = tmp_path / "python"
    mark = tmp_path / "ran"
    elsewhere.write_text(f'#!/bin/sh\ntouch {mark}\nexec {sys.executable} "$@"\n')
    elsewhere.chmod(0o700)
    options = {"hosts": ["compute-03"], "servers": True}
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    inside = module(lab, tmp_path / "in", "hypervisor_info", sys.executable, **options)
    assert not mark.exists()
    outside = module(lab, tmp_path / "out", "hypervisor_info", str(elsewhere), **options)
    assert mark.exists()
    for result in (inside, outside):
        assert [one["host"] for one in result["hypervisors"]] == ["compute-03"]
    assert set(inside["hypervisors"][0]) == set(outside["hypervisors"][0])
