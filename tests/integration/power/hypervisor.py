# SPDX-License-Identifier: GPL-3.0-or-later
"""A real hypervisor for the tests: libvirtd with QEMU domains, reached through a real sshd.

Both run in namespaces of their own: mounts, so that the machine's own libvirt is neither read nor written; processes,
so that the end of the first one ends them all. libvirtd has an empty network besides, sshd listens on 127.0.0.1.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import time
import typing as t
from pathlib import Path

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_controls import devices
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device

PROGRAMS = {
    "sshd": ("/usr/sbin/sshd", "openssh-server"),
    "libvirtd": ("/usr/sbin/libvirtd", "libvirt-daemon"),
    "driver": (
        "/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so",
        "libvirt-daemon-driver-qemu",
    ),
    "virsh": ("/usr/bin/virsh", "libvirt-clients"),
    "qemu": ("/usr/bin/qemu-system-x86_64", "qemu-system-x86"),
}
# $1: the bench's folder. What the machine has in these places is hidden, for the processes of this namespace only.
START = """\
set -eu
for place in /etc/libvirt /run /var/lib/libvirt /var/cache/libvirt /var/log/libvirt; do
    mkdir -p "$place"
    mount -t tmpfs none "$place"
done
mkdir -p /run/sshd /run/libvirt
for file in passwd group; do mount --bind "$1/$file" "/etc/$file"; done
cp "$1/qemu.conf" /etc/libvirt/
unshare --net /usr/sbin/libvirtd -f "$1/libvirtd.conf" >"$1/libvirtd.log" 2>&1 &
exec /usr/sbin/sshd -D -e -f "$1/sshd_config" -E "$1/sshd.log"
"""
UNSHARE = ("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")
LIBVIRTD = """\
listen_tls = 0
listen_tcp = 0
auth_unix_ro = "none"
auth_unix_rw = "none"
"""
QEMU = """\
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
namespaces = []
dynamic_ownership = 0
remember_owner = 0
stdio_handler = "file"
"""
SSHD = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
StrictModes no
PidFile none
SetEnv PATH={folder}/bin:/usr/sbin:/usr/bin:/sbin:/bin
"""
# In front of the real one. It notes what was asked, and acts only while the hypervisor is not stuck.
VIRSH = """\
#!/bin/sh
for word in "$@"; do
    case $word in start | destroy | shutdown | reset) command=$word ;; esac
done
[ -z "${{command-}}" ] || echo "$command" >>{folder}/commands
[ -z "${{command-}}" ] || ! [ -e {folder}/stuck ] || exit 0
exec /usr/bin/virsh "$@"
"""
DOMAIN = """\
<domain type="qemu">
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit="MiB">{memory}</memory>
  <os><type arch="x86_64" machine="pc">hvm</type>{boot}</os>
  <features><acpi/></features>
  <on_poweroff>destroy</on_poweroff>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    {disk}
    <controller type="usb" model="none"/>
    <memballoon model="none"/>
  </devices>
</domain>
"""
DISK = '<disk type="file" device="floppy"><driver type="raw"/><source file="{path}"/><target dev="fda"/></disk>'
# The smallest operating system that obeys the power button: it enables the button's event in PM1_EN (0x602), sleeps
# until PM1_STS (0x600) shows it, then asks PM1_CNT (0x604) for S5, as the ACPI specification 4.8.3 has it.
OBEDIENT = bytes.fromhex("ba0206 b80001 ef ba0006 fb f4 ed f6c401 74f8 ba0406 b80020 ef ebfe")
UUID = "5b4ba3ad-8d2e-4d3c-9f0e-0c8f54a1d2e3"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def processes(*words: str) -> list[int]:
    """Return the processes in whose argument lists all the words occur."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        if all(word in line for word in words):
            found.append(int(path.name))
    return found


class Hypervisor:
    """libvirtd and sshd. host: an obedient domain under the full name of the host; `deaf` has no operating system."""

    def __init__(self, folder: Path, host: str) -> None:
        missing = [package for path, package in PROGRAMS.values() if not Path(path).exists()]
        if missing or os.geteuid() != 0:
            raise RuntimeError(f"this test needs root and the Debian packages {', '.join(missing) or '(all there)'}")
        self.folder = folder
        self.host = host
        self.port = free_port()
        for name in ("host_key", "other_host_key", "user_key", "strange_key"):
            keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(keygen, check=True, stdin=subprocess.DEVNULL)
        shutil.copy(folder / "user_key.pub", folder / "authorized_keys")
        self.trust("host_key")
        (folder / "start").write_text(START)
        (folder / "libvirtd.conf").write_text(LIBVIRTD)
        (folder / "qemu.conf").write_text(QEMU)
        (folder / "sshd_config").write_text(SSHD.format(port=self.port, folder=folder))
        # libvirt looks for the user that Debian makes with the daemon's service, which is not wanted here.
        for file, line in (("passwd", "libvirt-qemu:x:64055:64055::/:/bin/false"), ("group", "libvirt-qemu:x:64055:")):
            (folder / file).write_text(f"{Path('/etc', file).read_text()}{line}\n")
        (folder / "commands").touch()
        (folder / "bin").mkdir()
        (folder / "bin/virsh").write_text(VIRSH.format(folder=folder))
        (folder / "bin/virsh").chmod(0o755)
        (folder / "floppy").write_bytes(OBEDIENT.ljust(510, b"\0") + b"\x55\xaa" + bytes(1439 * 1024 + 512))
        self._process = subprocess.Popen(
            [*UNSHARE, "sh", str(folder / "start"), str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._stopped: list[int] = []
        try:
            self._wait_until_it_serves()
            self._define(host, UUID, DISK.format(path=folder / "floppy"), '<boot dev="fd"/>')
            self._define("deaf", "6c5cb4be-9e3f-4e4d-8a1f-1d9a65b2e3f4", "", "")
        except BaseException:
            self.close()
            raise
        # A password is ignored by the protocol; it stands here to be looked for in errors.
        self.device = self.device_with()
        self.imposter = self.device_with(password=secrets.token_hex(8), private_key=str(folder / "strange_key"))

    def close(self) -> None:
        """End all: the first process of the process namespace takes the others with it."""
        self.fault("none")
        if self._process.poll() is None:
            os.kill(self._inside(), signal.SIGKILL)
        self._process.wait()

    def device_with(self, password: str = "", **options: t.Any) -> Device:
        return devices(self.host, [self.item(password, **options)])[0]

    def item(self, password: str = "", **options: t.Any) -> dict[str, t.Any]:
        files = {"known_hosts": str(self.folder / "known_hosts"), "private_key": str(self.folder / "user_key")}
        control = {"title": "hypervisor", "protocol": "ssh", "address": "127.0.0.1", "port": self.port, "outlet": None}
        return control | {
            "username": "root",
            "password": password,
            "default": False,
            "options": {name: value for name, value in (files | options).items() if value is not None},
        }

    def host_is(self, state: str, name: str = "") -> None:
        name = name or self.host
        if self.state(name) != {"on": "running", "off": "shut off"}[state]:
            self.virsh("start" if state == "on" else "destroy", name)
        if state == "on" and name == self.host:
            self._wait_until_it_has_booted()

    def state(self, name: str = "") -> str:
        return self.virsh("domstate", name or self.host)

    def fault(self, name: str) -> None:
        """Set `stuck` (virsh succeeds and does nothing), `silent` (sshd stands), `hung` (libvirtd stands) or `none`."""
        if name == "stuck":
            (self.folder / "stuck").touch()
        elif name in ("silent", "hung"):
            program = {"silent": "/usr/sbin/sshd", "hung": "/usr/sbin/libvirtd"}[name]
            self._stopped += processes(program, str(self.folder))
            for pid in self._stopped:
                os.kill(pid, signal.SIGSTOP)
        else:
            (self.folder / "stuck").unlink(missing_ok=True)
            while self._stopped:
                os.kill(self._stopped.pop(), signal.SIGCONT)

    def trust(self, key: str, name: str = "known_hosts") -> str:
        """Write a known_hosts file that has this key for the hypervisor; return its path."""
        public = (self.folder / f"{key}.pub").read_text()
        (self.folder / name).write_text(f"[127.0.0.1]:{self.port} {public}")
        return str(self.folder / name)

    def commands(self) -> list[str]:
        return (self.folder / "commands").read_text().split()

    def forget_commands(self) -> None:
        (self.folder / "commands").write_text("")

    def virsh(self, *arguments: str) -> str:
        """Ask libvirt beside the wrapper and beside sshd."""
        done = subprocess.run(
            ["nsenter", "-t", str(self._inside()), "-m", "/usr/bin/virsh", "-q", "-c", "qemu:///system", *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"virsh {shlex.join(arguments)}: {done.stderr}")
        return done.stdout.strip()

    def _inside(self) -> int:
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0])

    def _define(self, name: str, uuid: str, disk: str, boot: str) -> None:
        description = self.folder / f"{name}.xml"
        description.write_text(DOMAIN.format(name=name, uuid=uuid, memory=16, disk=disk, boot=boot))
        self.virsh("define", str(description))

    def _wait_until_it_has_booted(self) -> None:
        """The obedient system has enabled the power button: the machine's register PM1_EN shows it."""
        self._wait("the domain boots", lambda: "0x0100" in self._monitor("i /xh 0x602"))

    def _monitor(self, command: str) -> str:
        return self.virsh("qemu-monitor-command", "--hmp", self.host, command)

    def _wait_until_it_serves(self) -> None:
        def serves() -> bool:
            if self._process.poll() is not None:
                raise RuntimeError("it has ended")
            try:
                self.virsh("list")
                with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                    return True
            except (RuntimeError, OSError, IndexError):
                return False

        self._wait("libvirtd and sshd serve", serves)

    def _wait(self, what: str, happened: t.Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not happened():
            if time.monotonic() > deadline:
                logs = "".join(path.read_text()[-2000:] for path in self.folder.glob("*.log"))
                raise RuntimeError(f"waited in vain until {what}: {logs}")
            time.sleep(0.05)
