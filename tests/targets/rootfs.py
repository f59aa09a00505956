# SPDX-License-Identifier: GPL-3.0-or-later
"""What targets boot: a minimal Debian with systemd, made once for each release and kept in the cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.progress import Progress

RELEASES = {"12": "bookworm", "13": "trixie"}
PACKAGES = (
    "ca-certificates",
    "dbus",
    "iproute2",
    "logrotate",
    "mariadb-client",
    "passwd",
    "procps",
    "python3",
    "python3-apt",
    "python3-venv",
    "sudo",
    "systemd",
    "systemd-sysv",
)
# The network is this machine's; there is no terminal; nothing may happen by the clock.
MASKED = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "console-getty.service",
    "container-getty@.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "fstrim.timer",
    "getty.target",
    "systemd-networkd.service",
    "systemd-networkd.socket",
    "systemd-resolved.service",
    "systemd-timesyncd.service",
)
# Thrown away with the target: speed before durability, and nobody reads its manuals.
DPKG_OPTIONS = ("force-unsafe-io", *(f"path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")))


def release(debian: str) -> str:
    """The code name of Debian 12 or 13."""
    if debian not in RELEASES:
        raise LabError(f"Debian {debian!r}: there are targets of {' and '.join(RELEASES)}")
    return RELEASES[debian]


def location(cache: Path, debian: str) -> Path:
    """Depends on all that its content depends on."""
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    return cache / f"target-{release(debian)}-{digest}"


def made(cache: Path, debian: str, progress: Progress) -> Path:
    """Return its folder; whoever comes first makes it, and makes a half-made one anew."""
    folder = location(cache, debian)
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(cache / f"target-{release(debian)}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            with progress.step(f"Debian {debian} for targets, once"):
                new = folder.with_name(folder.name + ".new")
                shutil.rmtree(new, ignore_errors=True)
                _bake(new, release(debian))
                _prepare(new)
                new.rename(folder)
    return folder


def mirror() -> str:
    """The address that this machine's apt has Debian from."""
    listed = subprocess.run(["apt-get", "--print-uris", "update"], capture_output=True, text=True, check=False)
    return mirror_in(listed.stdout, platform.freedesktop_os_release().get("VERSION_CODENAME", ""))


def mirror_in(uris: str, codename: str) -> str:
    found = re.search(rf"^'(\S+)/dists/{re.escape(codename)}/InRelease'", uris, re.MULTILINE)
    if found is None:
        raise LabError(f"apt has no source of {codename or 'Debian'}: see apt's sources.list, targets are made from it")
    return found[1]


def _bake(folder: Path, suite: str) -> None:
    command = [
        # Killed half-way, it leaves no process and no mount that a removal of the folder could reach through.
        *("unshare", "--mount", "--propagation=private", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *("mmdebstrap", "--quiet", "--mode=root", "--format=directory", "--variant=apt"),
        f"--include={','.join(PACKAGES)}",
        *(f"--dpkgopt={option}" for option in DPKG_OPTIONS),
        suite,
        str(folder),
        f"deb {mirror()} {suite} main",
    ]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{suite} for targets could not be made:\n{done.stderr.strip()[-2000:]}")


def _prepare(folder: Path) -> None:
    """Take away what mmdebstrap copied from this machine, and mask what a target must not do."""
    etc = folder / "etc"
    (etc / "hostname").unlink(missing_ok=True)
    # Empty, each target gets an identity of its own; absent, it would be a first boot that enables units.
    (etc / "machine-id").write_text("")
    for unit in MASKED:
        (etc / "systemd/system" / unit).symlink_to("/dev/null")
