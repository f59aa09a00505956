# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual hosts over SSH against a real sshd, a real libvirtd and QEMU guests."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import Control
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_ssh import Ssh
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_switch import Limits, Switching
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.power_contract import (
    SECONDS,
    PowerControlContract,
    children,
    eventually,
    refusal,
    switch,
)
from tests.integration.power.conftest import HOST
from tests.integration.power.hypervisor import UUID, Hypervisor, processes


@pytest.fixture(scope="module")
def hypervisor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hypervisor]:
    running = Hypervisor(tmp_path_factory.mktemp("hypervisor"), HOST)
    yield running
    running.close()


@pytest.fixture
def bench(hypervisor: Hypervisor) -> Iterator[Hypervisor]:
    hypervisor.host_is("off")
    hypervisor.forget_commands()
    yield hypervisor
    hypervisor.fault("none")


class TestSsh(PowerControlContract):
    """The fixture `bench` is the one above; the guest of the bench obeys a soft off."""

    patience = 12.0


def test_an_off_is_confirmed_and_the_guest_is_gone(bench: Hypervisor) -> None:
    bench.host_is("on")
    power = switch(bench.device, "off")
    assert power["result"] == "OFF_CONFIRMED"
    assert bench.state() == "shut off"


def test_an_operating_system_that_ignores_a_soft_off_is_still_on(bench: Hypervisor) -> None:
    bench.host_is("on", "deaf")
    power = switch(bench.device_with(domain="deaf"), "soft_off", timeout=8)
    assert (power["result"], power["state"]) == ("STILL_ON", "on")
    assert bench.commands() == ["shutdown"]
    bench.host_is("off", "deaf")


def test_a_paused_guest_holds_its_disks_and_is_on(bench: Hypervisor) -> None:
    bench.host_is("on")
    bench.virsh("suspend", HOST)
    assert bench.state() == "paused"
    assert bench.device.read(SECONDS) == "on"
    assert refusal(bench.device, "on").refused
    bench.device.send("off", SECONDS)
    assert bench.state() == "shut off"


def test_a_crashed_qemu_is_off(bench: Hypervisor) -> None:
    bench.host_is("on")
    (qemu,) = processes("qemu-system", str(bench.folder))
    os.kill(qemu, signal.SIGKILL)
    assert eventually(bench.device, "off")


def test_a_cycle_starts_the_guest_anew(bench: Hypervisor) -> None:
    bench.host_is("on")
    before = bench.virsh("domid", HOST)
    bench.device.send("cycle", SECONDS)
    assert bench.state() == "running"
    assert bench.virsh("domid", HOST) != before
    assert bench.commands() == ["destroy", "start"]


@pytest.mark.parametrize("action", ["cycle", "soft_off"])
def test_a_restart_of_a_guest_that_is_off_is_refused(bench: Hypervisor, action: str) -> None:
    error = refusal(bench.device, action)
    assert "refuses (" in str(error)
    assert "domain is not running" in str(error)
    assert bench.state() == "shut off"


def test_the_identity_is_the_uuid_of_the_domain(bench: Hypervisor) -> None:
    assert Ssh().identity(bench.device.control, SECONDS) == UUID


def test_the_domain_may_be_named_by_its_uuid(bench: Hypervisor) -> None:
    bench.host_is("on")
    assert bench.device_with(domain=UUID).read(SECONDS) == "on"


def test_an_unknown_domain_is_final_and_named(bench: Hypervisor) -> None:
    error = refusal(bench.device_with(domain="compute-99"), "off")
    assert error.final
    assert "has no domain compute-99; set the option domain" in str(error)


def test_a_domain_name_is_never_a_command(bench: Hypervisor) -> None:
    target = bench.folder / "injected"
    name = f"a 'b\" $(touch {target}) `touch {target}`; touch {target} && touch {target} | touch {target} #"
    error = refusal(bench.device_with(domain=name), "off")
    assert f"has no domain {name}" in str(error)
    assert not target.exists()


def test_an_unknown_host_key_is_final(bench: Hypervisor) -> None:
    empty = bench.folder / "empty"
    empty.touch()
    error = refusal(bench.device_with(known_hosts=str(empty)), "off")
    assert error.final
    assert "shows a host key that is not known; compare it" in str(error)
    assert empty.read_text() == ""
    assert bench.commands() == []


def test_a_changed_host_key_is_final(bench: Hypervisor) -> None:
    error = refusal(bench.device_with(known_hosts=bench.trust("other_host_key", "changed")), "off")
    assert error.final
    assert "shows another host key than the known one" in str(error)
    assert bench.commands() == []


def test_a_refused_login_offers_the_given_key_only(bench: Hypervisor) -> None:
    error = refusal(bench.device_with(private_key=str(bench.folder / "strange_key")), "off")
    assert error.final
    assert "refuses the login; add the public key" in str(error)


def test_a_key_that_all_may_read_is_named(bench: Hypervisor) -> None:
    key = bench.folder / "open_key"
    key.write_bytes((bench.folder / "user_key").read_bytes())
    key.chmod(0o644)
    error = refusal(bench.device_with(private_key=str(key)))
    assert error.final
    assert "private key is not usable" in str(error)


def test_a_port_where_nobody_listens_is_said(bench: Hypervisor) -> None:
    item = bench.item()
    control = Control(HOST, "h", "ssh", "127.0.0.1", 1, username="root", options=item["options"])
    error = refusal(Device(control, Ssh()))
    assert not error.final
    assert "cannot be reached by ssh" in str(error)
    assert "refused" in str(error)


def test_an_address_that_does_not_resolve_is_said(bench: Hypervisor) -> None:
    control = Control(HOST, "h", "ssh", "hypervisor.invalid", 22, username="root", options=bench.item()["options"])
    assert "has an address that does not resolve" in str(refusal(Device(control, Ssh())))


def test_libvirt_that_is_away_is_said_and_may_come_back(bench: Hypervisor) -> None:
    error = refusal(bench.device_with(uri="qemu+unix:///system?socket=/run/libvirt/away"))
    assert not error.final
    assert "cannot reach libvirt" in str(error)
    assert "start libvirtd" in str(error)


def test_a_hung_libvirt_is_unknown_in_time_and_nothing_waits_for_it(bench: Hypervisor) -> None:
    bench.host_is("on")
    bench.fault("hung")
    started = time.monotonic()
    power = switch(bench.device, "off", timeout=3)
    assert time.monotonic() - started < 4.5
    assert power["result"] == "UNKNOWN"
    assert "answer" in power["message"]
    deadline = time.monotonic() + 5
    while (left := processes("/usr/bin/virsh", HOST)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left
    bench.fault("none")
    assert switch(bench.device, "off")["result"] == "OFF_CONFIRMED"


def test_an_off_reading_before_an_on_reading_is_no_proof(bench: Hypervisor) -> None:
    """The guest is started behind the fence's back, between two readings."""
    bench.host_is("on")
    device = bench.device_with()
    switching = Switching(device, "off", Limits(20, 2, 0.2))
    switching.look()
    take, taken = device.read, []

    def start_after_the_first(seconds: float) -> str:
        taken.append(take(seconds))
        if len(taken) == 1:
            bench.host_is("on")
        return taken[-1]

    device.read = start_after_the_first  # type: ignore[method-assign]
    power = switching.apply()
    assert taken[:2] == ["off", "on"]
    assert taken[-2:] == ["off", "off"]
    assert power["result"] == "OFF_CONFIRMED"


def test_no_secret_is_in_an_argument_list_and_nothing_stays(bench: Hypervisor) -> None:
    device = bench.device_with(password="never-to-be-seen")
    exchange = device.start_reading(SECONDS)
    seen = b""
    deadline = time.monotonic() + 0.5
    while time.monotonic() < deadline:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen += path.read_bytes()
            except OSError:  # it ended meanwhile
                continue
    assert exchange.result() == "off"
    assert b"StrictHostKeyChecking=yes" in seen
    assert b"never-to-be-seen" not in seen
    assert children() == [bench._process.pid]
