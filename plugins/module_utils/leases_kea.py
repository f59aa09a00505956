# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lease files of Kea's memfile back end, for DHCPv4 and DHCPv6 (Kea Administrator Reference Manual, lease storage).

Each line is the newest word on its address. Kea's clean-up moves the file away and begins a new one: while it works,
and between two of its runs, what holds is spread over several files (Kea's developer guide, lease file cleanup).

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import contextlib
import re
import socket

from ansible_collections.aos.cloud_manager.plugins.module_utils.leases import Lease, Table, Unreadable, mac_of_duid

# How the name of the lease file goes on, oldest leases first. With a completed clean-up its two inputs are void.
COMPLETED = ".completed"
INPUTS = (".2", ".1")

LONGEST_LINE = 1 << 20
FOREVER = 0xFFFFFFFF
STATES = {"0": "active", "1": "abandoned", "2": "expired", "3": "released", "4": "registered"}
KINDS = {"0": "ia-na", "1": "ia-ta", "2": "ia-pd"}
NEEDED = ("address", "valid_lifetime", "expire", "hostname", "state")

_PAIRS = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2})*")


def looks_like_it(beginning: bytes) -> bool:
    return beginning.startswith(b"address,")


class KeaReader:
    """Takes a file piece by piece, and fills a table."""

    def __init__(self, name: str, table: Table) -> None:
        self._name = name
        self._table = table
        self._rest = b""
        self._line = 0
        self._columns: list[str] = []
        self._skipping = False

    @property
    def unfinished(self) -> bool:
        """Whether the file, as far as it was read, ends within a line."""
        return bool(self._rest) or self._skipping

    def feed(self, block: bytes) -> None:
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in lines:
            self._line += 1
            if self._skipping:
                self._skipping = False
            elif line:
                self._take(line)
        if len(self._rest) > LONGEST_LINE:
            if not self._skipping:
                self._problem("a line does not end within a mebibyte")
                self._forget(self._rest)
            self._skipping = True
            self._rest = b""

    def finish(self) -> None:
        """Report what is left where the file ends."""
        if self._rest:
            self._line += 1
            self._problem("the file ends within a line")
            self._forget(self._rest)

    def _problem(self, reason: str) -> None:
        self._table.problem(f"{self._name}, line {max(self._line, 1)}", reason)

    def _take(self, line: bytes) -> None:
        try:
            values = line.decode("ascii").rstrip("\r").split(",")
            if not self._columns:
                self._begin(values)
            elif len(values) != len(self._columns):
                raise Unreadable(f"has {len(values)} columns instead of {len(self._columns)}")
            else:
                self._table.add(lease_of(dict(zip(self._columns, values, strict=True))))
        except UnicodeDecodeError:
            self._problem("is not ASCII text")
            self._forget(line)
        except Unreadable as reason:
            self._problem(str(reason))
            self._forget(line)

    def _forget(self, line: bytes) -> None:
        """Drop what older lines say of the address of one that cannot be read: it is not true any more."""
        *whole, _cut = line.decode("ascii", "replace").split(",")
        address = dict(zip(self._columns, whole, strict=False)).get("address", "")
        with contextlib.suppress(Unreadable):
            self._table.forget(_address(socket.AF_INET6 if "duid" in self._columns else socket.AF_INET, address))

    def _begin(self, values: list[str]) -> None:
        missing = [name for name in NEEDED if name not in values]
        if missing or not ("hwaddr" in values or "duid" in values):
            raise Unreadable(f"is no heading of Kea's lease file: {', '.join(missing) or 'hwaddr'} is missing")
        self._columns = values


def lease_of(row: dict[str, str]) -> Lease:
    """Return the lease of one line, by column; raise Unreadable."""
    v6 = "duid" in row
    lease = Lease(_address(socket.AF_INET6 if v6 else socket.AF_INET, row["address"]))
    lifetime, expire = _number(row["valid_lifetime"]), _number(row["expire"])
    lease.starts = lease.last_seen = max(0, expire - lifetime)
    lease.ends = expire
    if lifetime == FOREVER:
        lease.starts = lease.last_seen = lease.ends = None
    # Kea writes a lifetime of zero for a lease that is given back or deleted.
    lease.binding_state = STATES.get(row["state"], "unknown") if lifetime else "released"
    lease.hostname = row["hostname"].replace("&#x2c", ",").rstrip(".")
    lease.mac = _pairs(row.get("hwaddr", ""))
    if len(lease.mac) != 17:
        lease.mac = ""
    lease.mac_from = "hardware" if lease.mac else ""
    lease.client_id = _pairs(row["duid"] if v6 else row.get("client_id", ""))
    if v6:
        _identify(lease, row)
    return lease


def _identify(lease: Lease, row: dict[str, str]) -> None:
    kind = KINDS.get(row.get("lease_type", "0"))
    if kind is None:
        raise Unreadable(f"lease type {row['lease_type']!r} does not exist")
    lease.kind = kind
    lease.iaid = _number(row.get("iaid", "0"))
    lease.prefix_length = _number(row.get("prefix_len", "128")) if kind == "ia-pd" else None
    if not lease.mac:
        lease.mac = mac_of_duid(bytes.fromhex(lease.client_id.replace(":", "")))
        lease.mac_from = "duid" if lease.mac else ""


def _address(family: int, text: str) -> str:
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, text))
    except (OSError, ValueError):
        raise Unreadable(f"{text!r} is no address") from None


def _number(text: str) -> int:
    if not (text.isdecimal() and len(text) < 20):
        raise Unreadable(f"{text!r} is no number")
    return int(text)


def _pairs(text: str) -> str:
    text = text.lower()
    if text and not _PAIRS.fullmatch(text):
        raise Unreadable(f"{text!r} is no row of hexadecimal pairs")
    return text
