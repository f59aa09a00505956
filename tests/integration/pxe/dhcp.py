# SPDX-License-Identifier: GPL-3.0-or-later
"""Real DHCP servers and clients, alone together in a pair of network namespaces that the test makes and removes."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import time
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

PROGRAMS = ("/usr/sbin/dhcpd", "/usr/sbin/dhclient", "/usr/sbin/kea-dhcp4", "/usr/sbin/kea-dhcp6", "/usr/sbin/ip")
SERVER = "192.0.2.1"
SERVER6 = "2001:db8:1::1"
MAC = "52:54:00:aa:bb:01"


def require() -> None:
    """Fail with the remedy where the machine cannot run these tests."""
    missing = [program for program in PROGRAMS if not Path(program).exists()]
    assert not missing, f"{', '.join(missing)} missing: run ./dev test integration, which installs them, as root"
    assert os.geteuid() == 0, "network namespaces need root"


def run(*command: str | Path, fails: bool = False) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    assert fails or not done.returncode, f"{command}: {done.stdout}{done.stderr}"
    return done


def eventually(seen: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while not seen():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class Network:
    """A cable between a server's namespace and a client's. close() ends every process in them and removes them."""

    def __init__(self, folder: Path) -> None:
        require()
        self.folder = folder
        self._run_id = secrets.token_hex(3)
        self.server, self.client = f"aos-dhcp-s-{self._run_id}", f"aos-dhcp-c-{self._run_id}"
        self._processes: list[subprocess.Popen[bytes]] = []
        with contextlib.ExitStack() as undo:
            undo.callback(self.close)
            self._connect()
            undo.pop_all()

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        for name in (self.server, self.client):
            for pid in run("ip", "netns", "pids", name, fails=True).stdout.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), 9)
            run("ip", "netns", "del", name, fails=True)

    def inside(self, name: str, *command: str | Path, fails: bool = False) -> subprocess.CompletedProcess[str]:
        return run("ip", "netns", "exec", name, *command, fails=fails)

    def start(self, *command: str | Path, **environment: str) -> subprocess.Popen[bytes]:
        """Start a server in its namespace; its words go to the file server.log."""
        with (self.folder / "server.log").open("ab") as log:
            process = subprocess.Popen(
                ["ip", "netns", "exec", self.server, *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | environment,
            )
        self._processes.append(process)
        return process

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")

    def wait_for_words(self, words: str) -> None:
        assert eventually(lambda: words in self.log), f"the server does not say {words!r}:\n{self.log}"

    def take(self, address: str) -> None:
        """Give the client an address that no server leased to it."""
        self.inside(self.client, "ip", "addr", "add", f"{address}/24", "dev", "eth0")

    def be(self, mac: str) -> None:
        """Exchange the client's network card."""
        self.inside(self.client, "ip", "link", "set", "eth0", "down")
        self.inside(self.client, "ip", "link", "set", "eth0", "address", mac)
        self.inside(self.client, "ip", "link", "set", "eth0", "up")
        addresses = ("ip", "-6", "addr", "show", "dev", "eth0", "scope", "link", "-tentative")
        assert eventually(lambda: "fe80" in self.inside(self.client, *addresses).stdout), "no link-local address"

    def ask(self, *options: str, client: str = "", fails: bool = False) -> None:
        """Run dhclient until it has a lease, then end it without giving the lease back."""
        self._dhclient("-1", *options, client=client, fails=fails)
        self._dhclient("-x", *options, client=client, fails=True)

    def give_back(self, *options: str, client: str = "") -> None:
        self._dhclient("-r", *options, client=client)

    def _dhclient(self, *options: str, client: str, fails: bool = False) -> None:
        config = self.folder / "dhclient.conf"
        config.write_text(f"timeout 20;\nretry 1;\ninitial-interval 1;\n{client}\n")
        files = ("-lf", self.folder / "client.leases", "-pf", self.folder / "client.pid")
        command = ("dhclient", "-q", "-cf", config, *files, "-sf", "/bin/true", *options, "eth0")
        self.inside(self.client, *command, fails=fails)

    def _connect(self) -> None:
        for name in (self.server, self.client):
            run("ip", "netns", "add", name)
            # Otherwise an IPv6 address cannot be used for the first seconds.
            self.inside(name, "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")
        run("ip", "link", "add", "eth0", "netns", self.server, "type", "veth", "peer", "eth0", "netns", self.client)
        for name in (self.server, self.client):
            self.inside(name, "ip", "link", "set", "lo", "up")
            self.inside(name, "ip", "link", "set", "eth0", "up")
        self.inside(self.server, "ip", "addr", "add", f"{SERVER}/24", "dev", "eth0")
        # A lease is given back through an ordinary socket, which needs a source address.
        self.take("192.0.2.99")
        self.inside(self.server, "ip", "addr", "add", f"{SERVER6}/64", "dev", "eth0", "nodad")


class Dhcpd:
    """ISC dhcpd, for DHCPv4 or DHCPv6."""

    def __init__(self, network: Network, version: int = 4, pool: str = "192.0.2.10 192.0.2.12", more: str = "") -> None:
        folder = network.folder
        self.leases = folder / "dhcpd.leases"
        self.leases.touch()
        lines = ["default-lease-time 3600;", "max-lease-time 3600;", more]
        if version == 4:
            lines += ["ddns-update-style none;", "authoritative;", "ping-timeout 1;", "dhcp-cache-threshold 0;"]
            lines += [f"subnet 192.0.2.0 netmask 255.255.255.0 {{ range {pool}; }}"]
        else:
            lines += ["subnet6 2001:db8:1::/64 { range6 2001:db8:1::100 2001:db8:1::110;"]
            lines += ["  prefix6 2001:db8:f000:: 2001:db8:f000:ff00:: /56; }"]
        (folder / "dhcpd.conf").write_text("\n".join(lines) + "\n")
        self._command = (
            "dhcpd",
            f"-{version}",
            "-f",
            "-d",
            "--no-pid",
            "-cf",
            folder / "dhcpd.conf",
            "-lf",
            self.leases,
        )
        self._network = network
        self.start()

    def start(self) -> None:
        self._process = self._network.start(*self._command, "eth0")
        self._network.wait_for_words("Server starting service.")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def wait_for(self, words: str) -> None:
        found = eventually(lambda: words in self.leases.read_text(errors="replace"))
        assert found, f"dhcpd does not write {words!r}:\n{self.leases.read_text(errors='replace')}\n{self._network.log}"


class Kea:
    """Kea with its leases in a file, for DHCPv4 or DHCPv6."""

    def __init__(self, network: Network, version: int = 4, **cleanup: t.Any) -> None:
        folder = network.folder
        self.leases = folder / f"kea-leases{version}.csv"
        pools = [{"pool": "192.0.2.10 - 192.0.2.12"}] if version == 4 else [{"pool": "2001:db8:1::100-2001:db8:1::110"}]
        subnet: dict[str, t.Any] = {
            "id": 1,
            "subnet": "192.0.2.0/24" if version == 4 else "2001:db8:1::/64",
            "pools": pools,
            "interface": "eth0",
        }
        identity = {}
        if version == 6:
            # Kea would keep it outside the test's folder.
            identity = {"server-id": {"type": "LL", "htype": 1, "identifier": "525400AABBFF", "persist": False}}
            subnet["pd-pools"] = [{"prefix": "2001:db8:f000::", "prefix-len": 48, "delegated-len": 56}]
        database = {"type": "memfile", "persist": True, "name": str(self.leases), "lfc-interval": 0} | cleanup
        settings = {
            f"Dhcp{version}": {
                "interfaces-config": {"interfaces": ["eth0"]},
                "lease-database": database,
                "valid-lifetime": 3600,
                **identity,
                "control-socket": {"socket-type": "unix", "socket-name": str(folder / "kea.sock")},
                f"subnet{version}": [subnet],
                "loggers": [
                    {"name": f"kea-dhcp{version}", "output_options": [{"output": "stdout"}], "severity": "INFO"}
                ],
            }
        }
        (folder / "kea.json").write_text(json.dumps(settings))
        network.start(
            f"/usr/sbin/kea-dhcp{version}",
            "-c",
            folder / "kea.json",
            KEA_LOCKFILE_DIR=str(folder),
            KEA_PIDFILE_DIR=str(folder),
        )
        network.wait_for_words(f"DHCP{version}_STARTED")


@contextlib.contextmanager
def network(folder: Path) -> Iterator[Network]:
    cable = Network(folder)
    try:
        yield cable
    finally:
        cable.close()
