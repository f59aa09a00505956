# SPDX-License-Identifier: GPL-3.0-or-later
"""Lease files made for tests, in the form that ISC dhcpd and Kea write."""

from __future__ import annotations

import time
import typing as t

V4_HEADING = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context"
Said = dict[str, t.Any]


def quoted(text: bytes) -> str:
    """Return a string as dhcpd writes it: what is not printable in octal digits."""
    plain = "".join(chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}" for byte in text.replace(b"\\", b"\\\\"))
    return plain.replace('"', '\\"')


def isc(said: Said) -> str:
    """Return one DHCPv4 entry. said: address, state, and perhaps starts, ends, mac, uid, hostname, extra."""
    lines = [f"lease {said['address']} {{"]
    for word in ("starts", "ends", "cltt"):
        if word in said:
            when = said[word]
            lines.append(
                f"  {word} " + ("never;" if when is None else time.strftime("%w %Y/%m/%d %T;", time.gmtime(when)))
            )
    lines += [f"  binding state {said['state']};", "  next binding state free;"]
    lines += [f"  hardware ethernet {said['mac']};"] if said.get("mac") else []
    lines += [f'  uid "{quoted(said["uid"])}";'] if said.get("uid") else []
    lines += said.get("extra", [])
    lines += [f'  client-hostname "{quoted(said["hostname"])}";'] if said.get("hostname") else []
    return "\n".join([*lines, "}"]) + "\n"


def kea(said: Said) -> str:
    """Return one line of a DHCPv4 file. said: address, state (number), lifetime, expire, mac, hostname."""
    values = (
        said["address"],
        said["mac"],
        "",
        said["lifetime"],
        said["expire"],
        1,
        0,
        0,
        said["hostname"],
        said["state"],
        "",
    )
    return ",".join(map(str, values)) + "\n"


def many(number: int) -> t.Iterator[Said]:
    """Return so many leases, each of its own address and card."""
    for at in range(number):
        pairs = f"{at >> 16:02x}:{at >> 8 & 255:02x}:{at & 255:02x}"
        yield {
            "address": f"10.{at >> 16}.{at >> 8 & 255}.{at & 255}",
            "state": "active",
            "starts": 1_790_000_000 + at * 7,
            "ends": 1_790_003_600 + at * 7,
            "cltt": 1_790_000_000 + at * 7,
            "mac": f"52:54:00:{pairs}",
            "uid": b"\x01RT\x00" + bytes.fromhex(pairs.replace(":", "")),
            "hostname": f"compute-{at}".encode(),
        }
