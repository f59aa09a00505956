# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power of a virtual host: virsh (libvirt) on its hypervisor, by the system's OpenSSH client.

Facts: virsh(1) for the commands and the words of domstate, virDomainState in libvirt's API reference for what they
mean, ssh(1) and ssh_config(5) for the client. A domain holds its disks in every state but `shut off`.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import math
import os
import re
import shlex
import shutil
import subprocess

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import (
    OFF,
    ON,
    Control,
    ControlError,
    Driver,
    NoAnswer,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

OPTIONS = ("domain", "known_hosts", "private_key", "uri")
DEFAULT_URI = "qemu:///system"

STATES = {
    "shut off": OFF,
    "running": ON,
    "idle": ON,
    "paused": ON,
    "in shutdown": ON,
    "crashed": ON,
    "pmsuspended": ON,
}
COMMANDS = {
    "on": ("start",),
    "off": ("destroy",),
    "soft_off": ("shutdown",),
    "reset": ("reset",),
    "cycle": ("destroy", "start"),
}

SSH_FAILED = 255
NOT_FOUND = 127
KILLED = 128 + 9

SETTINGS = {
    "BatchMode": "yes",
    "PreferredAuthentications": "publickey",
    "StrictHostKeyChecking": "yes",
    "UpdateHostKeys": "no",
    "CheckHostIP": "no",
    "ControlMaster": "no",  # a shared connection is no fresh session, and its process stays
    "ControlPath": "none",
    "ClearAllForwardings": "yes",
    "ConnectionAttempts": "1",
    "ServerAliveInterval": "2",
    "ServerAliveCountMax": "2",
    "LogLevel": "ERROR",
}


class Ssh(Driver):
    """A libvirt hypervisor that runs the host as one of its domains."""

    default_port = 22

    def check(self, control: Control) -> None:
        if control.outlet is not None:
            raise AosError(f"{control}: protocol ssh has no outlets, the option domain names the host; remove outlet")
        unknown = sorted(set(control.options) - set(OPTIONS))
        if unknown:
            raise AosError(
                f"{control}: protocol ssh has no option {', '.join(unknown)}; there are {', '.join(OPTIONS)}"
            )
        if not control.username:
            raise AosError(f"{control} has no username; set it in power_controls or in AOS_BMC_USERNAME")
        for kind, value in (("address", control.address), ("username", control.username)):
            if value.startswith("-") or not value.isprintable() or " " in value:
                raise AosError(f"{control}: its {kind} is no name that ssh takes; correct it")
        for name in ("known_hosts", "private_key"):
            if name in control.options:
                _check_file(control, name)
        _check_domain(control)
        _check_uri(control)
        if shutil.which("ssh") is None:
            raise AosError(
                f"The OpenSSH client ssh, for protocol ssh of {control}, is not installed where the module runs; "
                "install the package openssh-client (Debian) or openssh-clients (Red Hat)"
            )

    def read(self, control: Control, seconds: float) -> str:
        said = _virsh(control, ("domstate",), seconds)
        if said not in STATES:
            raise ControlError(
                f"answers domstate with {said[:80]!r}",
                "make the user's login shell print nothing; if it does not, look at the domain",
            )
        return STATES[said]

    def send(self, control: Control, action: str, seconds: float) -> None:
        _virsh(control, COMMANDS[action], seconds)

    def identity(self, control: Control, seconds: float) -> str:
        return _virsh(control, ("domuuid",), seconds)


def domain(control: Control) -> str:
    """Return the domain's name or UUID: the option, else the host's full name."""
    return str(control.options.get("domain", control.host))


def _check_file(control: Control, name: str) -> None:
    path = control.options[name]
    # ssh expands % and ${}, and takes a quoted path.
    if not isinstance(path, str) or not path.startswith("/") or set(path) & set("\"'\\%$") or not path.isprintable():
        raise AosError(f"{control}: option {name} must be an absolute path without quotes, % and $; correct it")
    if not os.access(path, os.R_OK) or not os.path.isfile(path):
        raise AosError(f"{control}: {name} {path} is no file that can be read here; correct it or its mode")


def _check_domain(control: Control) -> None:
    name = domain(control)
    if not name.strip() or not name.isprintable() or name.startswith("-"):
        raise AosError(f"{control}: domain {name!r} is no domain's name; correct it")
    if re.fullmatch(r"\s*\+?\d+\s*", name):
        raise AosError(f"{control}: virsh would take domain {name} for the number of another one; give its UUID")


def _check_uri(control: Control) -> None:
    uri = control.options.get("uri", DEFAULT_URI)
    if not isinstance(uri, str) or not re.fullmatch(r"[a-z][a-z0-9+]*://[\x21-\x7e]*", uri):
        raise AosError(f"{control}: option uri is no libvirt URI such as {DEFAULT_URI}; correct it")


def _virsh(control: Control, commands: tuple[str, ...], seconds: float) -> str:
    """Run virsh commands for the domain, each if the one before succeeded; return what they print."""
    try:
        done = subprocess.run(
            [*_client(control, seconds), _remote(control, commands, seconds)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C"},
            timeout=max(0.1, seconds),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoAnswer(seconds) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise (_ssh_error(said) if done.returncode == SSH_FAILED else _virsh_error(control, said, done.returncode))
    return done.stdout.decode(errors="replace").strip()


def _client(control: Control, seconds: float) -> list[str]:
    """Return ssh's arguments up to the remote command. No ssh_config is read: it could change every one of them."""
    settings = {**SETTINGS, "ConnectTimeout": str(max(1, math.ceil(seconds)))}
    if "known_hosts" in control.options:
        settings |= {"UserKnownHostsFile": f'"{control.options["known_hosts"]}"', "GlobalKnownHostsFile": "none"}
    if "private_key" in control.options:
        key = f'"{control.options["private_key"]}"'
        settings |= {"IdentityFile": key, "IdentitiesOnly": "yes", "IdentityAgent": "none"}
    client = ["ssh", "-F", "none", "-T", "-a", "-x", "-p", str(control.port), "-l", control.username]
    for name, value in settings.items():
        client += ["-o", f"{name}={value}"]
    return [*client, "--", control.address]


def _remote(control: Control, commands: tuple[str, ...], seconds: float) -> str:
    """Return the command for the remote shell.

    timeout(1): a virsh that waits for a hung libvirtd is not left behind, to act when nobody expects it any more.
    """
    uri = control.options.get("uri", DEFAULT_URI)
    limit = ["env", "LC_ALL=C", "timeout", "-s", "KILL", str(max(1, math.ceil(seconds)))]
    calls = [[*limit, "virsh", "-q", "-c", uri, command, "--domain", domain(control)] for command in commands]
    return " && ".join(shlex.join(call) for call in calls)


def _ssh_error(said: str) -> ControlError:
    """Return the error for what the OpenSSH client says when there was no session."""
    for words, reason, remedy, final in SSH_ERRORS:
        if re.search(words, said):
            return ControlError(reason, remedy, final=final)
    if re.search(r"timed out|Timeout, server|No route to host|unreachable", said):
        return NoAnswer()
    return ControlError(
        f"cannot be reached by ssh ({_last_line(said)})", "check its address and port and whether sshd answers there"
    )


SSH_ERRORS: tuple[tuple[str, str, str, bool], ...] = (
    (
        r"IDENTIFICATION HAS CHANGED|REVOKED HOST KEY",
        "shows another host key than the known one",
        "find out why; if the hypervisor was set up anew, replace its line in known_hosts, else somebody is in between",
        True,
    ),
    (
        r"host key is known|Host key verification failed",
        "shows a host key that is not known",
        "compare it with the hypervisor's /etc/ssh/ssh_host_*_key.pub and add it to the file of the option known_hosts",
        True,
    ),
    (
        r"UNPROTECTED PRIVATE KEY|bad permissions|invalid format|error in libcrypto|incorrect passphrase",
        "cannot be logged in at, the private key is not usable",
        "give a key without passphrase that only its owner can read (chmod 600)",
        True,
    ),
    (
        r"Permission denied|Too many authentication failures|No more authentication methods",
        "refuses the login",
        "add the public key to the authorized_keys of this power control's user; passwords are not used",
        True,
    ),
    (r"no matching|no mutual", "has no algorithm in common with this ssh", "update the older of the two", True),
    (r"Could not resolve hostname", "has an address that does not resolve", "correct it", False),
)


def _virsh_error(control: Control, said: str, code: int) -> ControlError:
    """Return the error for what the remote command says. code: its exit status."""
    if code == KILLED:
        return ControlError("runs virsh without an end", "look whether libvirtd hangs on the hypervisor")
    if code == NOT_FOUND:
        return ControlError(
            f"cannot run virsh ({_last_line(said)})", "install libvirt-clients on the hypervisor", final=True
        )
    if re.search(r"failed to get domain|[Dd]omain not found", said):
        return ControlError(
            f"has no domain {domain(control)}",
            "set the option domain to its name or UUID on the hypervisor",
            final=True,
        )
    if "failed to connect to the hypervisor" in said:
        denied = re.search(r"Permission denied|authentication (failed|unavailable|cancelled)|access denied", said)
        remedy = "add its user to the group libvirt" if denied else "start libvirtd, or correct the option uri"
        return ControlError(f"cannot reach libvirt ({_last_line(said)})", remedy, final=bool(denied))
    # virsh refuses to start what runs and to destroy what is off; its words for that differ between versions.
    return ControlError(
        f"refuses ({_last_line(said)})", "look at the domain on the hypervisor (virsh domstate --reason)", refused=True
    )


def _last_line(said: str) -> str:
    lines = [line.removeprefix("error: ").strip() for line in said.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it says nothing"
