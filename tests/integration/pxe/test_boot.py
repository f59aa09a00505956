# SPDX-License-Identifier: GPL-3.0-or-later
"""From a host's name to its boot: real dhcpd, PXELINUX in QEMU and ipmi_sim, by the playbook as an operator runs it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import typing as t
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from ansible_collections.aos.cloud_manager.plugins.modules import boot_device
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.lease_files import isc
from tests.integration.power.bmc import Bmc
from tests.integration.pxe.dhcp import MAC, Dhcpd, Network, eventually

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
MACHINE = Path(__file__).with_name("machine.sh")
HOST = "compute-01.example.org"
LOADER = (
    "/usr/lib/PXELINUX/pxelinux.0",
    *(f"/usr/lib/syslinux/modules/bios/{name}.c32" for name in ("ldlinux", "poweroff")),
)
FILE = f"pxelinux.cfg/01-{MAC.replace(':', '-')}"
# What every other card gets: it waits for ever.
FOR_ALL = "DEFAULT wait\nPROMPT 1\nTIMEOUT 0\nLABEL wait\n  LOCALBOOT -1\n"


class Machine(Bmc):
    """A controller whose host is a QEMU process that boots from the network when it is told to, and only then."""

    def __init__(self, folder: Path) -> None:
        missing = [path for path in (*LOADER, "/usr/bin/qemu-system-x86_64") if not Path(path).exists()]
        assert not missing, f"{', '.join(missing)} missing: run ./dev test integration, which installs them, as root"
        self.tftp = folder / "tftp"
        (self.tftp / "pxelinux.cfg").mkdir(parents=True)
        for path in LOADER:
            shutil.copy(path, self.tftp)
        (self.tftp / "pxelinux.cfg/default").write_text(FOR_ALL)
        (folder / "mac").write_text(MAC)
        super().__init__(folder, HOST, number=20, chassis=MACHINE)

    def close(self) -> None:
        super().close()
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((self.folder / "qemu.pid").read_text()), signal.SIGKILL)

    @property
    def boots(self) -> str:
        """The device of each boot so far: n is the network, c the disk."""
        path = self.folder / "booted"
        return "".join(path.read_text().split()) if path.exists() else ""

    @property
    def asked_for(self) -> bytes:
        """What went over the machine's cable."""
        path = self.folder / "wire.pcap"
        return path.read_bytes() if path.exists() else b""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    folder = tmp_path / "machine"
    folder.mkdir()
    machine = Machine(folder)
    try:
        yield machine
    finally:
        machine.close()


@pytest.fixture
def leases(cable: Network) -> Path:
    """The file of a dhcpd that the host asked for an address."""
    server = Dhcpd(cable)
    cable.be(MAC)
    cable.ask("-4", client=f'send host-name "{HOST}";')
    server.wait_for(f'client-hostname "{HOST}"')
    return server.leases


def run(machine: Machine, *command_line: str, **variables: t.Any) -> tuple[int, str]:
    """Run the playbook; return its status and its words in one line."""
    inventory = machine.folder / "inventory.json"
    controls = {"power_controls": [machine.item()]}
    inventory.write_text(json.dumps({"hypervisors": {"hosts": {HOST: controls, "compute-02": controls}}}))
    given = {"host": HOST, "pxe_root": str(machine.tftp), "reading_interval": 0.3, "off_readings": 2} | variables
    done = subprocess.run(
        [
            BIN / "ansible-playbook",
            "-i",
            inventory,
            "aos.cloud_manager.pxe_host",
            "-e",
            json.dumps(given),
            *command_line,
        ],
        cwd=machine.folder,
        env=os.environ
        | {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
            "ANSIBLE_NOCOLOR": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    output = " ".join((done.stdout + done.stderr).split())
    assert machine.password not in output
    assert "Traceback" not in output
    return done.returncode, output


def test_a_host_boots_what_was_written_for_the_card_that_dhcpd_saw_and_the_bmc_reads_off(
    machine: Machine, leases: Path
) -> None:
    status, output = run(
        machine,
        dhcp_leases=[str(leases)],
        pxe_state="custom",
        pxe_kernel="poweroff.c32",
        pxe_restart=True,
        pxe_wait="off",
        pxe_wait_seconds=90,
    )
    assert status == 0, output
    assert (machine.tftp / FILE).read_text().splitlines()[-1] == "  KERNEL /poweroff.c32"
    assert machine.boots == "n"
    assert machine.device.read(5) == "off"
    assert FILE.encode() in machine.asked_for
    assert b"pxelinux.cfg/default" not in machine.asked_for
    assert machine.commands() == ["boot pxe", "power 0", "power 1"]


def test_check_mode_tells_and_does_nothing(machine: Machine, leases: Path) -> None:
    status, output = run(machine, "--check", "--diff", dhcp_leases=[str(leases)], pxe_state="local", pxe_restart=True)
    assert status == 0, output
    assert "+ LOCALBOOT 0" in output
    assert "- device: none + device: net" in output
    assert not (machine.tftp / FILE).exists()
    assert machine.commands() == []


def test_without_a_restart_only_the_file_is_written(machine: Machine) -> None:
    status, output = run(machine, pxe_mac=MAC, pxe_state="local")
    assert status == 0, output
    assert "LOCALBOOT 0" in (machine.tftp / FILE).read_text()
    assert machine.commands() == []


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"pxe_state": "local"}, "no network card(s) for compute-01.example.org"),
        (
            {"pxe_state": "local", "pxe_mac": MAC, "host": f"{HOST},compute-02"},
            "one network card and host names several",
        ),
        ({"pxe_state": "install", "pxe_mac": MAC, "pxe_kernel": "../../etc/passwd"}, "climbs out of its folder"),
    ],
)
def test_bad_input_is_named_and_restarts_nothing(
    machine: Machine, tmp_path: Path, variables: dict[str, t.Any], said: str
) -> None:
    empty = tmp_path / "dhcpd.leases"
    empty.touch()
    status, output = run(machine, **({"dhcp_leases": [str(empty)], "pxe_restart": True} | variables))
    assert status == 2, output
    assert said in output
    assert machine.commands() == []
    assert not (machine.tftp / FILE).exists()


STRANGER = "52:54:00:aa:bb:99"
ENDED = 1_600_000_000


def lease(number: int, mac: str, hostname: str, ends: int | None = None, state: str = "active") -> str:
    said = {"address": f"192.0.2.{number}", "mac": mac, "hostname": hostname.encode(), "state": state, "ends": ends}
    return isc(said)


@pytest.mark.parametrize(
    ("leases", "state", "said"),
    [
        (
            lease(10, MAC, HOST, ENDED) + lease(11, STRANGER, "compute-01"),
            "local",
            (
                f"have 2 network card(s) for {HOST}: nothing is written. Give the right one in pxe_mac. "
                f"{MAC} at 192.0.2.10 as {HOST} (ended), {STRANGER} at 192.0.2.11 as compute-01 (active)"
            ),
        ),
        (
            lease(10, MAC, "", state="free") + lease(11, STRANGER, "compute-01"),
            "custom",
            f"{STRANGER} at 192.0.2.11 as compute-01 (active); no lease has the whole name, which custom needs",
        ),
        (
            lease(10, "", HOST) + lease(11, STRANGER, "compute-01"),
            "custom",
            "no lease has the whole name, which custom needs",
        ),
        (
            lease(10, MAC, HOST) + lease(11, MAC, HOST).replace("ethernet ", "ethernet 0:"),
            "local",
            "1 entries are unreadable, any may be of this host",
        ),
    ],
    ids=["own lease ended", "own lease nameless", "own lease without a card", "unreadable"],
)
def test_a_card_that_may_be_a_strangers_gets_nothing(
    machine: Machine, tmp_path: Path, leases: str, state: str, said: str
) -> None:
    path = tmp_path / "dhcpd.leases"
    path.write_text(leases)
    kernel = {"pxe_kernel": "poweroff.c32"} if state == "custom" else {}
    status, output = run(machine, dhcp_leases=[str(path)], pxe_state=state, pxe_restart=True, pxe_wait="none", **kernel)
    assert status == 2, output
    assert said in output
    assert machine.commands() == []
    assert [file.name for file in (machine.tftp / "pxelinux.cfg").iterdir()] == ["default"]


@pytest.mark.parametrize(("name", "state"), [(HOST.upper() + ".", "custom"), ("compute-01", "local")])
def test_a_lease_that_ended_tells_the_card_of_a_dead_host(
    machine: Machine, tmp_path: Path, name: str, state: str
) -> None:
    path = tmp_path / "dhcpd.leases"
    path.write_text(lease(10, MAC, name, ENDED) + lease(11, MAC, "compute-01"))
    kernel = {"pxe_kernel": "poweroff.c32"} if state == "custom" else {}
    status, output = run(machine, dhcp_leases=[str(path)], pxe_state=state, **kernel)
    assert status == 0, output
    assert (machine.tftp / FILE).exists()


@pytest.mark.parametrize("own", [True, False])
def test_only_the_recorded_controller_is_told(machine: Machine, own: bool) -> None:
    recorded = machine.guid if own else uuid.uuid4()
    item = {"outlet": None, "default": False, "options": {}, "identity": str(recorded)} | machine.item()
    choice = {"device": "net", "persistent": False, "uefi": False, "timeout": 10}

    def choose() -> dict[str, t.Any]:
        return boot_device.run({"name": HOST, "controls": [item], **choice}, False, print)

    if own:
        assert choose()["changed"]
    else:
        with pytest.raises(AosError, match=f"tells identity {machine.guid}, recorded is {recorded}; nothing was sent"):
            choose()
    assert machine.commands() == (["boot pxe"] if own else [])


def test_the_next_boot_is_the_networks_and_the_one_after_it_is_not(machine: Machine) -> None:
    status, output = run(machine, pxe_mac=MAC, pxe_state="local", pxe_restart=True, pxe_wait="none")
    assert status == 0, output
    assert eventually(lambda: FILE.encode() in machine.asked_for, 30)
    machine.device.send("off", 5)
    assert eventually(lambda: machine.device.read(5) == "off")
    machine.device.send("on", 5)
    assert eventually(lambda: machine.boots == "nc")
