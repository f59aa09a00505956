# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lease files of ISC dhcpd, for DHCPv4 and DHCPv6 (manual page dhcpd.leases(5)).

The file is a log: dhcpd appends an entry for every change and writes the file anew from time to time, so the last entry
for an address is the one that holds. It ends every entry with a brace at the beginning of a line, which no text within
an entry can look like: dhcpd writes a line feed inside a string as octal digits.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import calendar
import codecs
import contextlib
import datetime
import functools
import re
import socket
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.leases import (
    UNSTATED,
    Lease,
    Table,
    Unreadable,
    mac_of_duid,
)

ENTRY_END = b"\n}"
# dhcpd's largest is some kilobytes. What is longer without an end is no entry.
LONGEST_ENTRY = 1 << 20

STRING = rb'"((?:[^"\\\n]++|\\[^\n])*+)"'
# Statements, comments and blank lines that may stand before an entry. Nothing is tried twice: garbage costs no time.
_BEFORE = rb'(?:[ \t\r]*+(?:#[^\n]*+|[a-z][a-z-]*+(?:[^\n"{};]|"(?:[^"\\\n]|\\[^\n])*+")*+;)?+[ \t\r]*+\n)*+'
_HEADER = re.compile(
    _BEFORE
    + rb"(?:lease ([0-9.]+)|(ia-(?:na|ta|pd)) "
    + STRING
    + rb"|(host|failover|class|subclass|group|pool)\b[^\n{]*) \{"
)
_ONLY_BEFORE = re.compile(_BEFORE)
# What an entry is about, wherever it stands in a piece of the file that cannot be read.
_NAMED = re.compile(rb"\n[ \t]*+(?:lease ([0-9.]+)|iaaddr ([0-9a-fA-F:.]+)|iaprefix ([0-9a-fA-F:.]+)(?:/\d+)?) \{")
_GROUP = re.compile(rb"\n(ia-(?:na|ta|pd)) " + STRING + rb" \{")
_BEGINNING = re.compile(rb"\n(?=(?:lease [0-9.]|ia-(?:na|ta|pd) \"))")
_STATEMENT = re.compile(
    rb"\n[ \t]*+(?:"
    rb"(starts|ends|cltt) (never|epoch \d{1,12}|\d \d{4}/\d\d/\d\d \d\d:\d\d:\d\d);"
    rb"|binding state ([a-z-]+);"
    rb"|hardware ethernet ([0-9a-fA-F:]+);"
    rb"|(uid|client-hostname|set ddns-fwd-name =) " + STRING + rb";"
    rb"|uid ([0-9a-fA-F]{1,2}(?::[0-9a-fA-F]{1,2})*);"
    rb"|(abandoned);)"
)
# A DHCPv4 lease exactly as dhcpd writes most of them: its statements in their order and nothing else.
_TIME = rb"\d (\d{4}/\d\d/\d\d \d\d:\d\d):(\d\d);"
_USUAL = re.compile(
    rb"\n+lease ([0-9.]+) \{\n  starts " + _TIME + rb"\n  ends " + _TIME + rb"(?:\n  (?:tstp|tsfp|atsfp) [^\n;]+;)*+"
    rb"(?:\n  cltt " + _TIME + rb")?+\n  binding state ([a-z-]+);(?:\n  (?:next|rewind) binding state [a-z-]+;)*+"
    rb"\n  hardware ethernet ([0-9a-f]{2}(?::[0-9a-f]{2}){5});(?:\n  uid " + STRING + rb";)?+"
    rb'(?:\n  set vendor-class-identifier = "(?:[^"\\\n]|\\[^\n])*+";)?+(?:\n  client-hostname ' + STRING + rb";)?+"
)
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_LEASED = re.compile(rb"\n[ \t]*(iaaddr|iaprefix) ([0-9a-fA-F:.]+)(?:/(\d{1,3}))? \{")
_LEASED_WORD = re.compile(rb"\n[ \t]*(?:iaaddr|iaprefix)\b")
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{1,2}|[0-7]{1,3}|[^\n])")
# The escapes that dhcpd itself writes mean the same to Python.
_WRITTEN = re.compile(rb'(?:[^\\]++|\\[0-3][0-7]{2}|\\["\\])*+')
_QUOTED = re.compile(STRING)
_BYTE_ORDER = re.compile(rb"\nauthoring-byte-order (big|little)-endian;")
_PRINTABLE = re.compile(r"[^\x21-\x7e]")
_LETTERS = {b"t": b"\t", b"r": b"\r", b"n": b"\n", b"b": b"\b"}


class IscReader:
    """Takes the file piece by piece, and fills a table."""

    def __init__(self, name: str, table: Table) -> None:
        self._name = name
        self._table = table
        self._rest = b"\n"
        self._at = -1  # position in the file of the first byte of the rest
        self._skipping = False
        self._byte_order: t.Literal["big", "little"] = "little"

    @property
    def unfinished(self) -> bool:
        """Whether the file, as far as it was read, ends within an entry."""
        return self._skipping or not _ONLY_BEFORE.fullmatch(self._rest + b"\n")

    def feed(self, block: bytes) -> None:
        *entries, self._rest = (self._rest + block).split(ENTRY_END)
        for entry in entries:
            if self._skipping:
                self._skipping = False
                self._forget(entry)
            else:
                self._take(entry)
            self._at += len(entry) + len(ENTRY_END)
        if len(self._rest) > LONGEST_ENTRY:
            if not self._skipping:
                self._problem("no lease entry ends within a mebibyte")
            self._forget(self._rest)
            self._skipping = True
            self._at += len(self._rest) - 1
            self._rest = self._rest[-1:]

    def finish(self) -> None:
        """Report what is left where the file ends."""
        if self.unfinished and not self._skipping:
            self._problem("the file ends within an entry")
        self._forget(self._rest)

    def _problem(self, reason: str) -> None:
        self._table.problem(f"{self._name}, byte {max(self._at, 0)}", reason)

    def _take(self, entry: bytes) -> None:
        try:
            usual = _usual(entry)
            if usual is not None:
                self._table.add(usual)
                return
            *broken, last = _BEGINNING.split(entry)
            if len(broken) > 1 or not _balanced(entry):
                # An entry that was cut short, with the next one behind it: only the last can be whole.
                if not broken or not _balanced(last):
                    raise Unreadable("its braces do not match")
                self._problem("an entry has no end")
                self._forget(entry[: -len(last)])
                entry = b"\n" + last
            self._read(entry)
        except Unreadable as reason:
            self._problem(str(reason))
            self._forget(entry)

    def _forget(self, piece: bytes) -> None:
        """Drop what older entries say of all that is named in a piece that cannot be read: it is not true any more."""
        for kind, identity in _GROUP.findall(piece):
            self._table.replace_group(self._group(kind.decode(), unescaped(identity)))
        for v4, *v6 in _NAMED.findall(piece):
            with contextlib.suppress(Unreadable):
                self._table.forget(_address(socket.AF_INET, v4) if v4 else _address(socket.AF_INET6, b"".join(v6)))

    def _read(self, entry: bytes) -> None:
        if b"\0" in entry:
            raise Unreadable("an entry holds binary zeros")
        header = _HEADER.match(entry)
        if header is None:
            raise Unreadable("is neither a lease nor a statement of dhcpd")
        address, kind, identity, _other = header.groups()
        if b"authoring" in entry and (order := _BYTE_ORDER.search(entry)):
            self._byte_order = "big" if order[1] == b"big" else "little"
        if address is not None:
            lease = Lease(_address(socket.AF_INET, address))
            _fill(lease, entry)
            self._table.add(lease)
        elif kind is not None:
            self._association(kind.decode(), unescaped(identity), entry)

    def _association(self, kind: str, identity: bytes, entry: bytes) -> None:
        """Add every address of a DHCPv6 entry. identity: four bytes of IAID in the machine's order, then the DUID."""
        group = self._group(kind, identity)
        duid = identity[4:]
        common, *parts = _LEASED.split(entry)
        if len(_LEASED_WORD.findall(entry)) * 4 != len(parts):
            raise Unreadable("one of its addresses cannot be read")
        leases = []
        for at in range(0, len(parts), 4):
            _word, address, length, body = parts[at : at + 4]
            lease = Lease(_address(socket.AF_INET6, address), kind, None if length is None else int(length))
            _kind, lease.client_id, lease.iaid = group
            lease.mac = mac_of_duid(duid)
            lease.mac_from = "duid" if lease.mac else ""
            _fill(lease, common + body)
            leases.append(lease)
        self._table.replace_group(group)
        for lease in leases:
            self._table.add(lease)

    def _group(self, kind: str, identity: bytes) -> tuple[str, str, int]:
        return kind, identity[4:].hex(":"), int.from_bytes(identity[:4], self._byte_order)


def unescaped(text: bytes) -> bytes:
    r"""Return the bytes of a string: \ooo is an octal number, \xhh a hexadecimal one, \t \r \n \b as in C, else x."""
    if b"\\" not in text:
        return text
    if _WRITTEN.fullmatch(text):
        return codecs.escape_decode(text)[0]
    return _ESCAPE.sub(lambda found: _meaning(found[1]), text)


@functools.lru_cache(maxsize=1024)
def _meaning(said: bytes) -> bytes:
    if said[:1].isdigit() and said[:1] < b"8":
        return bytes((int(said, 8) & 0xFF,))
    if said[:1] == b"x" and len(said) > 1:
        return bytes((int(said[1:], 16),))
    return _LETTERS.get(said, said)


def seconds(time: bytes) -> int | None:
    """Return the seconds since the epoch of `W YYYY/MM/DD HH:MM:SS` (UTC) or `epoch N`; None for never."""
    if time == b"never":
        return None
    if time.startswith(b"epoch"):
        return int(time[6:])
    return _minute(time[2:18]) + int(time[19:21])


@functools.lru_cache(maxsize=65536)
def _minute(text: bytes) -> int:
    try:
        day = datetime.date(int(text[:4]), int(text[5:7]), int(text[8:10]))
    except ValueError:
        raise Unreadable(f"the day {text[:10].decode()} does not exist") from None
    return calendar.timegm(day.timetuple()) + int(text[11:13]) * 3600 + int(text[14:16]) * 60


def _balanced(entry: bytes) -> bool:
    """Whether the entry opens one brace more than it closes; its own end is cut off. Braces in strings do not count."""
    if entry.count(b"{") == 1 and b"}" not in entry:
        return True
    bare = _QUOTED.sub(b"", entry)
    return bare.count(b"{") == bare.count(b"}") + 1


def _address(family: int, text: bytes) -> str:
    try:
        return socket.inet_ntop(family, socket.inet_pton(family, text.decode()))
    except OSError:
        raise Unreadable(f"{text.decode()!r} is no address") from None


def _usual(entry: bytes) -> Lease | None:
    """Return the lease of an entry in the usual form, several times faster than by its single statements."""
    found = _USUAL.fullmatch(entry)
    if found is None:
        return None
    address, since, since_second, until, until_second, seen, seen_second, state, mac, uid, name = found.groups()
    return Lease(
        _address(socket.AF_INET, address),
        "v4",
        None,
        mac.decode(),
        "hardware",
        unescaped(uid).hex(":") if uid else "",
        None,
        readable(unescaped(name)) if name else "",
        state.decode(),
        _minute(since) + int(since_second),
        _minute(until) + int(until_second),
        None if seen is None else _minute(seen) + int(seen_second),
    )


def _fill(lease: Lease, entry: bytes) -> None:
    """Take over what the statements of an entry say."""
    fqdn = ""
    for when, time, state, mac, word, string, pairs, abandoned in _STATEMENT.findall(entry):
        if when:
            setattr(lease, _TIMES[when], seconds(time))
        elif state:
            lease.binding_state = state.decode()
        elif mac:
            _set_mac(lease, mac)
        elif word == b"uid":
            lease.client_id = unescaped(string).hex(":")
        elif word == b"client-hostname":
            lease.hostname = readable(unescaped(string))
        elif word:
            fqdn = readable(unescaped(string))
        elif pairs:
            lease.client_id = _pairs(pairs)
        elif abandoned and lease.binding_state == UNSTATED:
            lease.binding_state = "abandoned"
    lease.hostname = lease.hostname or fqdn


_TIMES = {b"starts": "starts", b"ends": "ends", b"cltt": "last_seen"}


def _pairs(said: bytes) -> str:
    return ":".join(pair.zfill(2) for pair in said.decode().lower().split(":"))


def _set_mac(lease: Lease, said: bytes) -> None:
    mac = _pairs(said)
    if not _MAC.fullmatch(mac):
        raise Unreadable(f"hardware address {mac!r} is no Ethernet address")
    lease.mac, lease.mac_from = mac, "hardware"


def readable(name: bytes) -> str:
    """Return a host name; what is not printable ASCII, which a client may send, as question marks."""
    return _PRINTABLE.sub("?", name.decode("ascii", "replace"))
