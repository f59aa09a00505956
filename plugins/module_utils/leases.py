# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a DHCP lease is, which ones are asked for, and the table in which the last entry for an address wins.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import re
import socket
import typing as t
from dataclasses import dataclass

from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

ACTIVE = "active"
UNSTATED = "unknown"

# How many unreadable entries are described; the others are counted.
PROBLEMS_DESCRIBED = 20


_MAC_FORMS = [
    re.compile(form, re.IGNORECASE | re.ASCII)
    for form in (
        "(?:[0-9a-f]{2}:){5}[0-9a-f]{2}",
        "(?:[0-9a-f]{2}-){5}[0-9a-f]{2}",
        r"(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}",
        "[0-9a-f]{12}",
    )
]


class Unreadable(Exception):
    """An entry cannot be used. The message says why, as the end of a sentence."""


@dataclass(slots=True)
class Lease:
    """One entry of a lease file.

    address: as inet_ntop writes it. prefix_length: of a delegated prefix (kind ia-pd), else None.
    kind: v4, ia-na, ia-ta or ia-pd. mac: lower case with colons, "" where the entry has none.
    mac_from: `hardware` (the server saw it), `duid` (the client says so of one of its interfaces) or "".
    client_id: v4 uid or v6 DUID, hexadecimal pairs with colons. iaid: of DHCPv6.
    starts, ends, last_seen: seconds since the epoch, UTC; None where the entry has none, `ends` also where it is never.
    """

    address: str
    kind: str = "v4"
    prefix_length: int | None = None
    mac: str = ""
    mac_from: str = ""
    client_id: str = ""
    iaid: int | None = None
    hostname: str = ""
    binding_state: str = UNSTATED
    starts: int | None = None
    ends: int | None = None
    last_seen: int | None = None

    @property
    def key(self) -> tuple[str, int | None]:
        """What is leased: an address, or a prefix."""
        return self.address, self.prefix_length

    @property
    def group(self) -> tuple[str, str, int | None] | None:
        """The DHCPv6 identity association, whose newest entry replaces all its older ones."""
        return None if self.kind == "v4" else (self.kind, self.client_id, self.iaid)

    def facts(self, now: float) -> dict[str, t.Any]:
        """Return the lease as the module returns it. now: seconds since the epoch."""
        facts = {name: getattr(self, name) for name in self.__slots__}
        return facts | {"valid": self.binding_state == ACTIVE and (self.ends is None or self.ends > now)}


def canonical_mac(text: str) -> str:
    """Return an Ethernet address in lower case with colons.

    Accepted: six pairs with colons or hyphens, three groups of four with dots, twelve digits. Raises AosError.
    """
    if not any(form.fullmatch(text) for form in _MAC_FORMS):
        raise AosError(f"{text!r} is no MAC address; write it as 52:54:00:aa:bb:01, in quotes")
    digits = re.sub(r"[:.-]", "", text).lower()
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def canonical_address(text: str) -> str:
    """Return an IP address as inet_ntop writes it; raise an AosError."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_ntop(family, socket.inet_pton(family, text))
        except (OSError, ValueError):
            continue
    raise AosError(f"{text!r} is no IP address; correct it")


def same_name(one: str, other: str) -> bool:
    """Whether two host names may mean one host: equal without case, or one is the other's first label."""
    one, other = one.rstrip(".").lower(), other.rstrip(".").lower()
    if not one or not other:
        return False
    if "." not in one or "." not in other:
        return one.split(".", 1)[0] == other.split(".", 1)[0]
    return one == other


def mac_of_duid(duid: bytes) -> str:
    """Return the Ethernet address within a DUID-LLT or DUID-LL (RFC 8415, sections 11.2 and 11.4), else ""."""
    if len(duid) == 14 and duid[:4] == b"\0\x01\0\x01":
        return duid[8:].hex(":")
    if len(duid) == 10 and duid[:4] == b"\0\x03\0\x01":
        return duid[4:].hex(":")
    return ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which leases are asked for: those that fit everything given. Empty fits all."""

    mac: str = ""
    address: str = ""
    hostname: str = ""

    @classmethod
    def of(cls, mac: str | None, address: str | None, hostname: str | None) -> Wanted:
        """Check what an operator gave; raise an AosError."""
        return cls(
            canonical_mac(mac) if mac else "",
            canonical_address(address) if address else "",
            hostname or "",
        )

    def fits(self, lease: Lease) -> bool:
        return (
            (not self.mac or lease.mac == self.mac)
            and (not self.address or lease.address == self.address)
            and (not self.hostname or same_name(lease.hostname, self.hostname))
        )


class Table:
    """The leases that fit, each address with its last entry. Keeps at most `limit` of them, whatever the file holds."""

    def __init__(self, wanted: Wanted, limit: int) -> None:
        self.entries = 0
        self.unreadable = 0
        self.problems: list[str] = []
        self._wanted = wanted
        self._limit = limit
        self._kept: dict[tuple[str, int | None], Lease] = {}
        self._groups: dict[tuple[str, str, int | None], set[tuple[str, int | None]]] = {}

    def add(self, lease: Lease) -> None:
        """Take the next entry of the file; raise an AosError where more leases fit than may be kept."""
        self.entries += 1
        self._drop(lease.key)
        if not self._wanted.fits(lease):
            return
        if len(self._kept) >= self._limit:
            raise AosError(
                f"more than {self._limit} leases fit; ask for one by mac, address or hostname, or raise max_leases"
            )
        self._kept[lease.key] = lease
        if lease.group is not None:
            self._groups.setdefault(lease.group, set()).add(lease.key)

    def forget(self, address: str) -> None:
        """Drop what older entries say of an address, and of prefixes that begin with it: a newer one is unreadable."""
        for length in (None, *range(129)) if ":" in address else (None,):
            self._drop((address, length))

    def _drop(self, key: tuple[str, int | None]) -> None:
        older = self._kept.pop(key, None)
        if older is not None and older.group is not None:
            keys = self._groups[older.group]
            keys.discard(key)
            if not keys:
                del self._groups[older.group]

    def replace_group(self, group: tuple[str, str, int | None]) -> None:
        """Forget what older entries leased to this identity association: a newer one follows."""
        for key in self._groups.pop(group, ()):
            self._kept.pop(key, None)

    def problem(self, place: str, reason: str) -> None:
        """Note an entry that is skipped."""
        self.unreadable += 1
        if len(self.problems) < PROBLEMS_DESCRIBED:
            self.problems.append(f"{place}: {reason}")

    def leases(self) -> list[Lease]:
        """Return what was kept, by address."""
        return sorted(self._kept.values(), key=_order)


def _order(lease: Lease) -> tuple[int, bytes, int]:
    family = socket.AF_INET6 if ":" in lease.address else socket.AF_INET
    return int(family), socket.inet_pton(family, lease.address), lease.prefix_length or 0
