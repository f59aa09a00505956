# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab needs of the machine: Debian packages, root, and OpenStack in a virtual environment."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.plan import SOURCE, Plan

LOCK = SOURCE / "requirements.lock"
# A file each package brings.
PACKAGES = {
    "mariadb-server": "/usr/sbin/mariadbd",
    "mariadb-client": "/usr/bin/mariadb",
    "rabbitmq-server": "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "openipmi": "/usr/bin/ipmi_sim",
    "ipmitool": "/usr/bin/ipmitool",
    "snmpd": "/usr/sbin/snmpd",
    "iproute2": "/usr/sbin/ip",
    "iptables": "/usr/sbin/iptables",
    "openssh-server": "/usr/sbin/sshd",
    "openssh-client": "/usr/bin/ssh",
    "openssl": "/usr/bin/openssl",
    "libvirt-daemon": "/usr/sbin/libvirtd",
    "libvirt-daemon-driver-qemu": "/usr/lib/x86_64-linux-gnu/libvirt/connection-driver/libvirt_driver_qemu.so",
    "libvirt-clients": "/usr/bin/virsh",
    "qemu-system-x86": "/usr/bin/qemu-system-x86_64",
}
# What the targets of tests/targets need.
TARGET_PACKAGES = {
    "mmdebstrap": "/usr/bin/mmdebstrap",
    "systemd-container": "/usr/bin/systemd-nspawn",
}
# What only the tests of `./dev test` need.
TEST_PACKAGES = {
    **TARGET_PACKAGES,
    "isc-dhcp-server": "/usr/sbin/dhcpd",
    "isc-dhcp-client": "/usr/sbin/dhclient",
    "kea-dhcp4-server": "/usr/sbin/kea-dhcp4",
    "kea-dhcp6-server": "/usr/sbin/kea-dhcp6",
    "qemu-system-x86": "/usr/bin/qemu-system-x86_64",
    "pxelinux": "/usr/lib/PXELINUX/pxelinux.0",
    "syslinux-common": "/usr/lib/syslinux/modules/bios/poweroff.c32",
    "grub-common": "/usr/bin/grub-script-check",
}
# Debian asks it whether a freshly installed daemon may be started.
POLICY = Path("/usr/sbin/policy-rc.d")
# One at a time: the first to end would take the policy away under the second.
INSTALLING = Path("/run/lock/aos-cloud-manager-packages")


def require_root() -> None:
    if os.geteuid() != 0:
        raise LabError("the lab makes network namespaces and listens on port 623: run it as root")


def missing_packages(files: Mapping[str, str] | None = None) -> list[str]:
    """Return the packages of which a file is not there; without an argument what the lab needs."""
    missing = [package for package, file in (PACKAGES if files is None else files).items() if not Path(file).exists()]
    if importlib.util.find_spec("ensurepip") is None:
        missing.append("python3-venv")
    return missing


def install_packages(packages: list[str]) -> None:
    """Install them without letting their daemons start."""
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=900"]
    with _no_daemon_starts():
        for command in ([*apt, "update"], [*apt, "install", "-y", "--no-install-recommends", *packages]):
            done = subprocess.run(
                command,
                env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise LabError(f"{' '.join(command)} failed:\n{done.stderr.strip()[-2000:]}")


@contextmanager
def _no_daemon_starts() -> Iterator[None]:
    with open(INSTALLING, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ours = not POLICY.exists()
        if ours:
            POLICY.write_text("#!/bin/sh\nexit 101\n")
            POLICY.chmod(0o755)
        try:
            yield
        finally:
            if ours:
                POLICY.unlink(missing_ok=True)


def venv_path(plan: Plan) -> Path:
    return plan.cache / f"lab-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"


def venv_ready(plan: Plan) -> bool:
    return (venv_path(plan) / ".complete").exists()


def make_venv(plan: Plan) -> None:
    """Install the lock's exact versions; a half-made one is made anew."""
    venv = venv_path(plan)
    with cache_locked(plan):
        if venv_ready(plan):
            return
        shutil.rmtree(venv, ignore_errors=True)
        commands: list[list[str | Path]] = [
            [sys.executable, "-m", "venv", venv],
            [venv / "bin/pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "-r", LOCK],
        ]
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise LabError(f"{' '.join(map(str, command))} failed:\n{done.stderr.strip()[-2000:]}")
        (venv / ".complete").touch()


@contextmanager
def cache_locked(plan: Plan) -> Iterator[None]:
    """One lab at a time fills the cache."""
    plan.cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(plan.cache / "lab.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
