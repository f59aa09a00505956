# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's hosts fail and come back as real ones do."""

from __future__ import annotations

import time

VICTIM = "compute-01"
# Nova counts the seconds since the last heartbeat, which is up to one interval old; then comes the load of the machine.
DOWN_SECONDS = 30


def state(lab, host=VICTIM):
    return lab.nova.services()[host]["state"]


def wait_state(lab, wanted, timeout=DOWN_SECONDS):
    lab.nova.wait(lambda: state(lab) == wanted, timeout, f"{VICTIM} to be {wanted}")


def commands(lab):
    """The switching commands that the victim's BMC got."""
    return [arguments for _, operation, arguments in lab.chassis_log(VICTIM) if operation == "set"]


def test_a_host_that_loses_its_power_goes_down_in_nova_and_its_bmc_knows_of_no_command(sound_lab):
    before = commands(sound_lab)
    killed = sound_lab.kill(VICTIM)
    assert not sound_lab.compute_alive(VICTIM)
    assert time.time() - killed < 5
    wait_state(sound_lab, "down")
    assert commands(sound_lab) == before
    assert sound_lab.power(VICTIM, "status") == "Chassis Power is off"


def test_power_off_by_ipmi_kills_the_compute_and_on_brings_it_back(sound_lab):
    asked = time.time()
    sound_lab.power(VICTIM, "off")
    assert not sound_lab.compute_alive(VICTIM)
    (died,) = [at for at, operation, _ in sound_lab.chassis_log(VICTIM) if operation == "dead" and at > asked]
    assert died < time.time()
    sound_lab.power(VICTIM, "on")
    assert sound_lab.compute_alive(VICTIM)
    sound_lab.wait_computes(VICTIM)


def test_a_cut_host_lives_on_unseen_and_returns_when_healed(sound_lab):
    sound_lab.cut(VICTIM)
    wait_state(sound_lab, "down")
    assert sound_lab.compute_alive(VICTIM)
    assert state(sound_lab, "compute-02") == "up"
    sound_lab.heal(VICTIM)
    wait_state(sound_lab, "up", 60)


def test_a_server_leaves_a_dead_host_and_keeps_its_power_state(sound_lab):
    nova = sound_lab.nova
    ids = nova.boot(3, VICTIM, shutoff=1, priority=7)
    assert {nova.server(server)["metadata"]["recovery_priority"] for server in ids} == {"7"}
    sound_lab.kill(VICTIM)
    wait_state(sound_lab, "down")
    for server in ids:
        nova.evacuate(server)
    nova.wait(lambda: not nova.servers(VICTIM), 90, "the servers to leave")
    nova.wait_status(ids[:2], "ACTIVE")
    nova.wait_status(ids[2:], "SHUTOFF")


def test_a_refusing_destination_fails_an_evacuation_until_it_stops_refusing(sound_lab):
    nova, refusing = sound_lab.nova, "compute-02"
    (server,) = nova.boot(1, VICTIM)
    sound_lab.refuse(refusing)
    sound_lab.kill(VICTIM)
    wait_state(sound_lab, "down")
    nova.evacuate(server, refusing)
    nova.wait_status([server], "ERROR")
    assert nova.server(server)["OS-EXT-SRV-ATTR:host"] == VICTIM
    assert [migration["status"] for migration in nova.migrations(instance_uuid=server)] == ["failed"]
    sound_lab.refuse(refusing, False)
    nova.evacuate(server, refusing)
    nova.wait(lambda: nova.server(server)["OS-EXT-SRV-ATTR:host"] == refusing, 60, "the server to arrive")
    nova.wait_status([server], "ACTIVE")


def test_a_server_that_never_started_is_listed_on_its_host(sound_lab):
    server = sound_lab.nova_boot_unlaunched(VICTIM)
    (listed,) = sound_lab.nova.servers(VICTIM)
    assert listed["id"] == server
    assert (listed["status"], listed["OS-SRV-USG:launched_at"]) == ("BUILD", None)


def test_reset_leaves_a_sound_and_empty_lab_after_all_of_it(sound_lab):
    lab, nova = sound_lab, sound_lab.nova
    nova.boot(2, VICTIM)
    lab.nova_boot_unlaunched("compute-03")
    lab.refuse("compute-02")
    lab.cut("compute-02")
    lab.kill(VICTIM)
    lab.bmc(VICTIM, "wrong-password")
    lab.bmc("compute-02", "frozen")
    nova.set_service(VICTIM, status="disabled", disabled_reason="test", forced_down=True)
    lab.synthetic_hosts(3)
    lab.stop("scheduler")
    lab.reset()
    services = nova.services()
    assert sorted(services) == lab.hosts
    assert all(
        (service["state"], service["status"], service["forced_down"]) == ("up", "enabled", False)
        for service in services.values()
    )
    assert nova.servers() == nova.migrations() == []
    assert all(lab.power(host, "status") == "Chassis Power is on" for host in lab.hosts)
    assert all(lab.services().values())
    # Every host takes servers again.
    nova.wait_status([nova.boot(1, host)[0] for host in ("compute-01", "compute-02", "compute-03")], "ACTIVE")
