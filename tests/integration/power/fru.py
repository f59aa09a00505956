# SPDX-License-Identifier: GPL-3.0-or-later
"""An inventory as controllers keep it: Platform Management FRU Information Storage Definition 1.0, sections 8 to 13."""

from __future__ import annotations

ENGLISH = b"\0"
END = b"\xc1"


def inventory(product: str, board: str) -> bytes:
    """Return the content of a FRU with a board area and a product area, with these serial numbers."""
    made = b"\x10\x20\x30"
    boards = _area(ENGLISH + made, "Maker", "Board", board, "Part", "File")
    products = _area(ENGLISH, "Maker", "Server", "Part", "1.0", product, "Asset", "File")
    return _summed(bytes([1, 0, 0, 1, 1 + len(boards) // 8, 0, 0])) + boards + products


def _area(head: bytes, *texts: str) -> bytes:
    """One area: version, length in units of 8 bytes, fields of 8-bit text, and a sum that makes it zero."""
    body = head + b"".join(bytes([0xC0 | len(text)]) + text.encode() for text in texts) + END
    body += bytes(-(len(body) + 3) % 8)
    return _summed(bytes([1, (len(body) + 3) // 8]) + body)


def _summed(data: bytes) -> bytes:
    return data + bytes([-sum(data) & 0xFF])
