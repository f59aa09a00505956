# SPDX-License-Identifier: GPL-3.0-or-later
"""A DAEnetIP2 board made of net-snmp's snmpd and an extension script that is its relays."""

from __future__ import annotations

import socket
import typing as t
from pathlib import Path

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device
from tests.integration.power.relay_board import Board

SCRIPT = Path(__file__).with_name("relay.sh")
WRITE, READ = "write-community", "read-community"
AUTH, PRIV = "authentication-passphrase", "privacy-passphrase"
USER = "admin"
PROTOCOLS = [
    *((auth, "aes128") for auth in ("md5", "sha", "sha224", "sha256", "sha384", "sha512")),
    *(("sha256", priv) for priv in ("none", "des")),
    *(("sha", priv) for priv in ("aes192", "aes256")),  # whose keys are longer than the digest: how they grow differs
]
NET_SNMP = {"sha224": "SHA-224", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512", "aes128": "AES"} | {
    "aes192": "AES-192",
    "aes256": "AES-256",
}

CONFIGURATION = """\
agentAddress udp:{address}:{port}
rwcommunity {write}
rocommunity {read}
createUser admin SHA {auth} AES {priv}
rwuser admin auth
createUser reader SHA {auth} AES {priv}
rouser reader auth
{users}
pass_persist .1.3.6.1.4.1.19865.1.2 /bin/sh {script} {folder}
"""


def user_of(auth: str, priv: str) -> str:
    return f"u-{auth}-{priv}"


def users() -> str:
    lines = []
    for auth, priv in PROTOCOLS:
        privacy = "" if priv == "none" else f" {NET_SNMP.get(priv, priv.upper())} {PRIV}"
        lines.append(f"createUser {user_of(auth, priv)} {NET_SNMP.get(auth, auth.upper())} {AUTH}{privacy}")
        lines.append(f"rwuser {user_of(auth, priv)} {'auth' if priv == 'none' else 'priv'}")
    return "\n".join(lines)


class SnmpBoard(Board):
    """A board at snmpd, which serves every version. version: how `device` and `imposter` speak to it."""

    protocol = "snmp"
    kind = socket.SOCK_DGRAM

    version = "v1"

    def speak(self, version: str) -> None:
        self.version = version
        self.device = self.device_with()
        self.imposter = self.device_with(password="wrong-community-or-passphrase", options=self._options(None))

    def command(self) -> list[str]:
        text = CONFIGURATION.format(
            write=WRITE, read=READ, auth=AUTH, priv=PRIV, script=SCRIPT, users=users(), **vars(self)
        )
        (self.folder / "snmpd.conf").write_text(text)
        persistent = f"--persistentDir={self.folder}/persistent"
        return ["/usr/sbin/snmpd", "-f", "-r", "-Lo", "-C", "-c", "snmpd.conf", persistent, "-p", "pid"]

    def answers(self, *states: str) -> None:
        """snmpd itself reads before it sets: a switching takes the first answer twice."""
        super().answers(states[0], *states)

    def all_off(self) -> None:
        for pin in [f"{block}.{number}" for block in (1, 2, 3) for number in range(1, 9)]:
            (self.folder / pin).write_text("0")

    def relay(self, outlet: int) -> str:
        return f"2.{outlet}"

    def item(self) -> dict[str, t.Any]:
        v3 = self.version == "v3"
        secrets = f"{AUTH}/{PRIV}" if v3 else f"{WRITE}/{READ}"
        return super().item() | {
            "username": USER if v3 else "",
            "password": secrets,
            "options": self._options("/"),
        }

    def other_version(self, version: str, **fields: t.Any) -> Device:
        """Return the board through another version than its own."""
        own, self.version = self.version, version
        try:
            return self.device_with(**fields)
        finally:
            self.version = own

    def _options(self, separator: str | None) -> dict[str, t.Any]:
        options: dict[str, t.Any] = {} if self.version == "v1" else {"version": self.version}
        return options if separator is None else options | {"password_separator": separator}
