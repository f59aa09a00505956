# SPDX-License-Identifier: GPL-3.0-or-later
"""Lease files: what their entries mean, garbage, size, and files that change while they are read.

Files of real servers are in tests/integration/pxe.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.aos.cloud_manager.plugins.module_utils import leases_file, leases_isc
from ansible_collections.aos.cloud_manager.plugins.module_utils.leases import (
    Lease,
    Table,
    Wanted,
    canonical_mac,
    same_name,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.leases_file import read_leases
from ansible_collections.aos.cloud_manager.plugins.module_utils.leases_isc import IscReader, unescaped
from ansible_collections.aos.cloud_manager.plugins.module_utils.leases_kea import KeaReader
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.lease_files import (
    V4_HEADING,
    Said,
    isc,
    kea,
    many,
    quoted,
)

MAC = "52:54:00:aa:bb:01"
ANY = Wanted()


def table_of(text: bytes | str, wanted: Wanted = ANY, pieces: int = 1 << 20, kind: t.Any = IscReader) -> Table:
    """Return what a file with this text holds, when it is read in pieces of this size."""
    content = text.encode() if isinstance(text, str) else text
    table = Table(wanted, 100000)
    reader = kind("file", table)
    for at in range(0, len(content), pieces):
        reader.feed(content[at : at + pieces])
    reader.finish()
    return table


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases_file, "SETTLE_SECONDS", 0.01)


# --- the last entry wins -------------------------------------------------------------------------------------------

cards = st.sampled_from([MAC, "52:54:00:aa:bb:02", "", "52:54:00:aa:bb:03"])
moments = st.integers(0, 4_102_444_799)
names = st.sampled_from(
    [b"", b"c1", b"C1.example.org", b"lease 192.0.2.9 {", b"}", b'"\\{', b"c2\n}\nlease 1.1.1.1 {\n"]
)
entries = st.builds(
    lambda address, state, mac, uid, hostname, starts, ends, cltt, extra: {
        "address": f"192.0.2.{address}",
        "state": state,
        "mac": mac,
        "uid": uid,
        "hostname": hostname,
        "starts": starts,
        "extra": extra,
        **({} if ends == "absent" else {"ends": ends}),
        **({} if cltt == "absent" else {"cltt": cltt}),
    },
    st.integers(1, 5),
    st.sampled_from(["active", "free", "abandoned", "released", "expired", "backup"]),
    cards,
    st.binary(max_size=12),
    names,
    moments,
    st.one_of(moments, st.none(), st.just("absent")),
    st.one_of(moments, st.just("absent")),
    st.sampled_from(
        [
            [],
            ['  set vendor-class-identifier = "d-i {";'],
            ["  option agent.circuit-id 0:4:0:1:0:2;", "  reserved;"],
            ["  on expiry {", '    set x = "}";', "  }"],
        ]
    ),
)


def model(said: list[Said], mac: str) -> dict[str, tuple[t.Any, ...]]:
    """The reference: walk over the entries, keep the last of each address, then look whether it fits."""
    last = {entry["address"]: entry for entry in said}
    return {
        address: (
            entry["state"],
            entry["mac"],
            entry["uid"].hex(":"),
            "".join(chr(byte) if 33 <= byte <= 126 else "?" for byte in entry["hostname"]),
            entry["starts"],
            entry.get("ends"),
            entry.get("cltt"),
        )
        for address, entry in last.items()
        if not mac or entry["mac"] == mac
    }


def shown(table: Table) -> dict[str, tuple[t.Any, ...]]:
    return {
        lease.address: (
            lease.binding_state,
            lease.mac,
            lease.client_id,
            lease.hostname,
            lease.starts,
            lease.ends,
            lease.last_seen,
        )
        for lease in table.leases()
    }


@settings(deadline=None, max_examples=300)
@given(st.lists(entries, max_size=12), st.sampled_from(["", MAC]), st.integers(1, 400))
def test_the_last_entry_of_an_address_wins(said: list[Said], mac: str, pieces: int) -> None:
    text = "# comment\nauthoring-byte-order little-endian;\n\n" + "".join(map(isc, said))
    table = table_of(text, Wanted(mac=mac), pieces)
    assert shown(table) == model(said, mac)
    assert (table.entries, table.unreadable) == (len(said), 0)


@settings(deadline=None, max_examples=200)
@given(st.lists(entries, min_size=1, max_size=6), st.data())
def test_a_cut_or_spoilt_file_never_gives_an_address_the_card_of_another(said: list[Said], data: st.DataObject) -> None:
    text = "".join(map(isc, said)).encode()
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, len(text)))
    between = data.draw(st.sampled_from([b"", b"\0\0", b"\n", b"{", b"}", b'"', b"lease 192.0.2.1 {\n"]))
    spoilt = data.draw(
        st.sampled_from(
            [text[:end], text[:begin] + between + text[begin:], text[:begin] + bytes(end - begin) + text[end:]]
        )
    )
    written: dict[str, set[str]] = {}
    for entry in said:
        written.setdefault(entry["address"], {""}).add(entry["mac"])
    # An address with a figure put into it is another one, which no reader could tell.
    for lease in table_of(spoilt).leases():
        assert between.startswith(b"lease") or lease.mac in written[lease.address]


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            lambda address, state, mac, lifetime, expire: {
                "address": f"192.0.2.{address}",
                "state": state,
                "mac": mac,
                "lifetime": lifetime,
                "expire": expire,
                "hostname": "c1",
            },
            st.integers(1, 5),
            st.integers(0, 3),
            cards,
            st.sampled_from([0, 3600, 0xFFFFFFFF]),
            st.integers(10**9, 2 * 10**9),
        ),
        max_size=12,
    ),
    st.integers(1, 200),
)
def test_the_last_line_of_an_address_wins(said: list[Said], pieces: int) -> None:
    table = table_of(V4_HEADING + "\n" + "".join(map(kea, said)), pieces=pieces, kind=KeaReader)
    states = ["active", "abandoned", "expired", "released"]
    last = {entry["address"]: entry for entry in said}
    assert {lease.address: (lease.binding_state, lease.mac, lease.ends) for lease in table.leases()} == {
        address: (
            states[entry["state"]] if entry["lifetime"] else "released",
            entry["mac"],
            None if entry["lifetime"] == 0xFFFFFFFF else entry["expire"],
        )
        for address, entry in last.items()
    }


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_every_string_comes_back_from_its_escapes(text: bytes) -> None:
    assert unescaped(quoted(text).encode()) == text


@settings(deadline=None, max_examples=300)
@given(entries)
def test_the_quick_way_and_the_thorough_one_agree(said: Said) -> None:
    entry = "\n" + isc(said).removesuffix("\n}\n")
    quick = leases_isc._usual(entry.encode())
    if quick is not None:
        thorough = Lease(said["address"])
        leases_isc._fill(thorough, entry.encode())
        assert quick == thorough


# --- entries -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "field", "value"),
    [
        ("  starts epoch 1790000000; # Mon", "starts", 1_790_000_000),
        ("  starts 4 2026/01/01 00:00:01;", "starts", 1_767_225_601),
        ("  ends never;", "ends", None),
        ("  uid 1:52:54:0:aa:bb:1;", "client_id", "01:52:54:00:aa:bb:01"),
        ("  hardware ethernet 52:54:0:AA:bb:1;", "mac", MAC),
        ('  set ddns-fwd-name = "c1.example.org";', "hostname", "c1.example.org"),
        ('  set ddns-fwd-name = "other";\n  client-hostname "c1";', "hostname", "c1"),
        ("  abandoned;", "binding_state", "abandoned"),
        ("  next binding state free;", "binding_state", "unknown"),
        ("  binding state backup;\n  rewind binding state active;", "binding_state", "backup"),
        ('  client-hostname "binding state active;";', "binding_state", "unknown"),
    ],
)
def test_a_statement_is_understood(body: str, field: str, value: object) -> None:
    (lease,) = table_of(f"lease 192.0.2.1 {{\n{body}\n}}\n").leases()
    assert getattr(lease, field) == value


def test_a_newer_association_replaces_all_addresses_of_the_older_one() -> None:
    iana = 'ia-na "\\001\\000\\000\\000\\000\\003\\000\\001RT\\000\\252\\273\\001" {\n  cltt 0 2026/11/22 20:00:00;\n'
    one = "  iaaddr 2001:db8::1 {\n    binding state active;\n    ends 0 2026/11/22 22:00:00;\n  }\n"
    two = "  iaaddr 2001:db8::2 {\n    binding state active;\n    ends never;\n  }\n"
    assert [lease.address for lease in table_of(iana + one + two + "}\n\n").leases()] == ["2001:db8::1", "2001:db8::2"]
    (lease,) = table_of(iana + one + "}\n\n" + iana + two + "}\n\n").leases()
    assert (lease.address, lease.kind, lease.iaid, lease.mac) == ("2001:db8::2", "ia-na", 1, MAC)
    big = "authoring-byte-order big-endian;\n" + iana + one + "}\n"
    assert table_of(big).leases()[0].iaid == 1 << 24


def test_other_declarations_are_passed_over() -> None:
    text = 'failover peer "a" state {\n  my state normal at 0 2026/11/22 20:00:00;\n}\nhost x {\n  dynamic;\n}\n'
    table = table_of(text + isc({"address": "192.0.2.1", "state": "active"}))
    assert (len(table.leases()), table.problems) == (1, [])


@pytest.mark.parametrize(
    ("spoilt", "said"),
    [
        ("lease 192.0.2.999 {\n}\n", "'192.0.2.999' is no address"),
        ("lease 192.0.2.2 {\n  starts 0 2026/13/22 20:00:00;\n}\n", "the day 2026/13/22 does not exist"),
        ("lease 192.0.2.2 {\n  hardware ethernet 1:2;\n}\n", "no Ethernet address"),
        ("lease 192.0.2.2 {\n  binding st\0\0\0\n}\n", "binary zeros"),
        ("lease 192.0.2.2 {\n  binding st", "an entry has no end"),
        ("!!!\n}\n", "braces do not match"),
        ("what is this {\n}\n", "neither a lease nor a statement"),
    ],
)
def test_an_unreadable_entry_is_reported_and_skipped(spoilt: str, said: str) -> None:
    good = isc({"address": "192.0.2.1", "state": "active", "mac": MAC})
    other = isc({"address": "192.0.2.3", "state": "active", "mac": MAC})
    table = table_of(good + spoilt + "\n" + other)
    assert [lease.address for lease in table.leases()] == ["192.0.2.1", "192.0.2.3"]
    assert table.unreadable == 1
    assert said in table.problems[0]
    assert table.problems[0].startswith("file, byte ")


OLDER = {"address": "192.0.2.2", "state": "active", "mac": MAC, "hostname": b"c1"}
BESIDE = {"address": "192.0.2.3", "state": "active", "mac": "52:54:00:aa:bb:03"}


@pytest.mark.parametrize(
    "spoilt",
    [
        "lease 192.0.2.2 {\n  starts 0 2026/13/22 20:00:00;\n}\n",
        "lease 192.0.2.2 {\n  hardware ethernet 1:2;\n}\n",
        "lease 192.0.2.2 {\n  binding st\0\0\0\n}\n",
        "lease 192.0.2.2 {\n  binding state active; }\n}\n",
        "lease 192.0.2.2 {\n  binding st",
        "lease 192.0.2.2 {\n  binding st\nlease 192.0.2.4 {\n  binding state free;\n}\n",
        "lease 192.0.2.2 {\n  binding st\nlease 192.0.2.4 {\n  binding state active; }\n}\n",
        "lease 192.0.2.2 {\n" + "# \n" * (1 << 19) + "}\n",
        "# \n" * (1 << 19) + "lease 192.0.2.2 {\n  binding state free;\n}\n",
    ],
    ids=["day", "card", "zeros", "brace", "end of file", "next one", "two", "long", "behind a long one"],
)
def test_an_address_whose_last_entry_is_unreadable_has_no_lease(spoilt: str) -> None:
    table = table_of(isc(OLDER) + isc(BESIDE) + spoilt, pieces=1 << 18)
    assert "192.0.2.2" not in [lease.address for lease in table.leases()]
    assert "192.0.2.3" in [lease.address for lease in table.leases()]
    assert table.unreadable
    again = table_of(isc(OLDER) + spoilt + "\n}\n" + isc(OLDER))
    assert "192.0.2.2" in [lease.address for lease in again.leases()]


IANA = 'ia-na "\\001\\000\\000\\000\\000\\003\\000\\001RT\\000\\252\\273\\00%d" {\n  cltt 0 2026/11/22 20:00:00;\n'
IAADDR = "  iaaddr 2001:db8::%s {\n    binding state active;\n    ends %s;\n  }\n"
BAD_DAY = "0 2026/13/22 22:00:00"


@pytest.mark.parametrize(
    ("spoilt", "left"),
    [
        (IANA % 1 + IAADDR % ("7", BAD_DAY), "3"),
        (IANA % 1 + "  iaaddr 2001:db8::zz {\n    binding state active;\n  }\n", "3"),
        (IANA % 4 + IAADDR % ("1", BAD_DAY), "23"),
        (IANA % 4 + IAADDR % ("4", "never") + IAADDR % ("1", BAD_DAY), "23"),
    ],
    ids=["its association", "its association, address unreadable", "another association", "in part"],
)
def test_an_unreadable_association_ends_the_older_one_and_what_it_names(spoilt: str, left: str) -> None:
    older = IANA % 1 + IAADDR % ("1", "never") + IAADDR % ("2", "never") + "}\n\n"
    beside = IANA % 3 + IAADDR % ("3", "never") + "}\n\n"
    table = table_of(older + beside + spoilt + "}\n")
    assert [lease.address[-1] for lease in table.leases()] == list(left)
    assert table.unreadable == 1


def test_an_unreadable_prefix_ends_the_older_one() -> None:
    older = (IANA % 1).replace("na", "pd", 1) + (IAADDR % ("", "never")).replace(
        "addr 2001:db8::", "prefix 2001:db8::/56"
    )
    newer = older.replace("never", BAD_DAY).replace("\\001RT", "\\002RT")
    assert len(table_of(older + "}\n").leases()) == 1
    assert table_of(older + "}\n" + newer + "}\n").leases() == []


V6_HEADING = (
    "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,hostname,hwaddr,state"
)


@pytest.mark.parametrize(
    ("heading", "older", "spoilt"),
    [
        (V4_HEADING, f"192.0.2.2,{MAC},,60,1790000000,1,0,0,c1,0,", f"192.0.2.2,{spoilt}")
        for spoilt in (
            "52:54",
            f"{MAC},,60,soon,1,0,0,c1,0,\n",
            "zz,,60,1790000000,1,0,0,c1,0,\n",
            f"{MAC},,60,1790000000,1,0,0,\xe4,0,\n",
            f"{MAC},,60,1790000000,1,0,0,c1,0,,more\n",
            f"{MAC},,60,1790000000,1,0,0,c1,0," + "x" * (1 << 21) + "\n",
        )
    ]
    + [
        (V6_HEADING, f"2001:db8::,00:03:00:01:{MAC},60,1790000000,1,60,2,1,56,c1,,0", f"2001:db8::,00:03,{spoilt}\n")
        for spoilt in (
            "60,soon,1,60,2,1,56,c1,,0",
            "60,1790000000,1,60,2,1,wide,c1,,0",
            "60,1790000000,1,60,9,1,56,c1,,0",
        )
    ],
)
def test_an_address_whose_last_line_is_unreadable_has_no_lease(heading: str, older: str, spoilt: str) -> None:
    assert len(table_of(f"{heading}\n{older}\n", kind=KeaReader).leases()) == 1
    table = table_of(f"{heading}\n{older}\n{spoilt}", pieces=1 << 18, kind=KeaReader)
    assert (table.leases(), table.unreadable) == ([], 1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("192.0.2.2,52:54", "has 2 columns instead of 11"),
        ("x,,,1,1,1,0,0,,0,", "'x' is no address"),
        ("192.0.2.2,zz,,1,1,1,0,0,,0,", "no row of hexadecimal pairs"),
        ("192.0.2.2,,,soon,1,1,0,0,,0,", "'soon' is no number"),
        ("192.0.2.2,,,1,1,1,0,0,\xe4,0,", "is not ASCII text"),
    ],
)
def test_an_unreadable_line_is_reported_and_skipped(line: str, said: str) -> None:
    table = table_of(f"{V4_HEADING}\n{line}\n192.0.2.3,{MAC},,60,1790000000,1,0,0,a&#x2cb,0,\n", kind=KeaReader)
    assert [(lease.address, lease.hostname) for lease in table.leases()] == [("192.0.2.3", "a,b")]
    assert table.problems[0].startswith("file, line 2: ")
    assert said in table.problems[0]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("compute-01", "Compute-01.example.org.", True),
        ("compute-01.example.org", "compute-01.example.com", False),
        ("compute-01", "compute-010", False),
        ("", "", False),
    ],
)
def test_names_of_one_host(one: str, other: str, same: bool) -> None:
    assert [same_name(*pair) for pair in ((one, other), (other, one))] == [same, same]


@pytest.mark.parametrize("text", [MAC, MAC.upper(), "52-54-00-AA-BB-01", "5254.00aa.bb01", "525400aabb01"])
def test_every_usual_notation_of_a_card_is_one(text: str) -> None:
    assert canonical_mac(text) == MAC


# --- files ---------------------------------------------------------------------------------------------------------


def test_100000_leases_take_less_than_a_second_of_cpu(tmp_path: Path) -> None:
    """`./dev unit tests/unit/plugins/module_utils/test_leases.py -k 100000 -s` prints the figures of docs/pxe.md."""
    said = list(many(100000))
    lines = [
        V4_HEADING + "\n",
        *(kea(entry | {"state": 0, "lifetime": 60, "expire": entry["ends"], "hostname": "c"}) for entry in said),
    ]
    for name, text in (("isc", "".join(map(isc, said))), ("kea", "".join(lines))):
        path = tmp_path / name
        path.write_text(text)
        spent = []
        for _turn in range(3):
            began = time.process_time()
            table, found = read_leases(str(path), "auto", ANY, 100000)
            spent.append(time.process_time() - began)
            assert (found, table.entries, table.problems) == (name, 100000, [])
            if spent[-1] < 1.0:
                break
        print(f"{name}: 100000 leases, {path.stat().st_size / 1e6:.0f} MB: {min(spent):.2f} s of CPU")
        assert min(spent) < 1.0


READ = """
import resource, sys
from ansible_collections.aos.cloud_manager.plugins.module_utils.leases import Wanted
from ansible_collections.aos.cloud_manager.plugins.module_utils.leases_file import read_leases
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    table, _found = read_leases(sys.argv[1], "auto", Wanted(mac=sys.argv[2]), 1000)
    print(len(table.leases()), table.unreadable, end=" ")
except Exception as error:
    print(type(error).__name__, str(error)[:60], end=" ")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("kind", ["leases", "zeros", "noise", "one line", "spaces", "kea noise"])
def test_a_file_of_100_megabytes_takes_a_few_megabytes_of_memory(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "file"
    noise = random.Random(1).randbytes(1 << 20)
    blocks = {
        "leases": ("".join(map(isc, many(4000)))).encode(),
        "zeros": bytes(1 << 20),
        "noise": noise,
        "one line": b"x" * (1 << 20),
        "spaces": b" " * (1 << 20),
        "kea noise": noise,
    }
    with path.open("wb") as file:
        file.write(b"address,hwaddr\n" if kind.startswith("kea") else b"\n")
        while file.tell() < 100_000_000:
            file.write(blocks[kind])
    done = subprocess.run(
        [sys.executable, "-c", READ, path, "52:54:00:00:00:07"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(leases_file.__file__).parents[5]), *sys.path])},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    *said, kilobytes = done.stdout.split()
    assert int(kilobytes) < 24_000, done.stdout
    assert said[:1] == (["1"] if kind == "leases" else ["AosError"]), done.stdout


def test_more_leases_than_may_be_kept_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "leases"
    path.write_text("".join(map(isc, many(11))))
    with pytest.raises(AosError, match="more than 10 leases fit; ask for one by mac"):
        read_leases(str(path), "auto", ANY, 10)
    assert len(read_leases(str(path), "auto", Wanted(hostname="compute-7"), 1)[0].leases()) == 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is no regular file"),
        (os.mkfifo, "is no regular file"),
        (lambda path: path.write_bytes(b"\x7fELF\0\0\n}\n\xff"), "is no lease file of ISC dhcpd"),
        (lambda path: path.write_text("address,nonsense\n1,2\n"), "is no lease file of Kea"),
        (lambda path: path.write_text("lease 192.0.2.1 {\n  bind"), "the file ends within an entry"),
    ],
)
def test_a_file_that_is_none_is_an_error_that_names_it(
    tmp_path: Path, make: t.Callable[[Path], object], said: str
) -> None:
    path = tmp_path / "leases"
    make(path)
    with pytest.raises(AosError, match=said) as caught:
        read_leases(str(path), "auto", ANY, 10)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "# The format of this file\nauthoring-byte-order little-endian;\n", V4_HEADING + "\n"]
)
def test_a_file_without_leases_is_empty_and_no_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "leases"
    path.write_text(text)
    table, _found = read_leases(str(path), "auto", ANY, 10)
    assert (table.leases(), table.problems) == ([], [])


def test_a_file_that_is_exchanged_while_it_is_read_never_loses_a_lease(tmp_path: Path) -> None:
    """A server that writes its file anew all the time, as dhcpd does: a new file, renamed over the old one."""
    path, fresh = tmp_path / "leases", tmp_path / "fresh"
    text = "".join(map(isc, many(300)))
    path.write_text(text)
    stop = threading.Event()

    def rotate() -> None:
        while not stop.wait(0.02):
            fresh.write_text(text)
            fresh.rename(path)

    rotating = threading.Thread(target=rotate)
    rotating.start()
    try:
        for _turn in range(30):
            try:
                table, _found = read_leases(str(path), "auto", ANY, 1000)
            except AosError as error:
                assert "was exchanged by its server" in str(error)  # noqa: PT017
                continue
            assert (len(table.leases()), table.problems) == (300, [])
    finally:
        stop.set()
        rotating.join()


def test_the_new_file_is_read_when_the_old_one_was_renamed_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "leases"
    path.write_text(isc({"address": "192.0.2.1", "state": "active", "mac": MAC}))
    feed = leases_file._feed

    def feed_and_exchange(reader: IscReader | KeaReader, name: str) -> None:
        feed(reader, name)
        monkeypatch.setattr(leases_file, "_feed", feed)
        fresh = tmp_path / "fresh"
        # Larger than the old one: only its being another file tells.
        fresh.write_text("# written anew\n" * 20 + isc({"address": "192.0.2.1", "state": "free"}))
        fresh.rename(path)

    monkeypatch.setattr(leases_file, "_feed", feed_and_exchange)
    (lease,) = read_leases(str(path), "auto", ANY, 10)[0].leases()
    assert (lease.binding_state, lease.mac) == ("free", "")


def test_a_file_that_kea_moves_away_before_it_is_opened_is_read_where_it_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kea-leases4.csv"
    path.write_text(f"{V4_HEADING}\n192.0.2.1,{MAC},,60,1790000000,1,0,0,c,0,\n")
    parts = leases_file._parts
    looks = []

    def look_and_clean_up(name: str) -> list[str]:
        if len(looks) == 1:
            path.write_text(f"{V4_HEADING}\n")
        found = parts(name)
        if not looks:
            path.rename(tmp_path / "kea-leases4.csv.1")
        looks.append(found)
        return found

    monkeypatch.setattr(leases_file, "_parts", look_and_clean_up)
    table, _found = read_leases(str(path), "auto", ANY, 10)
    assert [lease.mac for lease in table.leases()] == [MAC]


def test_an_entry_that_is_just_being_written_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases_file, "SETTLE_SECONDS", 0.2)
    path = tmp_path / "leases"
    text = isc({"address": "192.0.2.1", "state": "active", "mac": MAC})
    path.write_text(text[:50])
    threading.Timer(0.1, lambda: path.write_text(text)).start()
    table, _found = read_leases(str(path), "auto", ANY, 10)
    assert (len(table.leases()), table.problems) == (1, [])


@pytest.mark.parametrize(
    ("files", "addresses"),
    [
        ({".2": "1", ".1": "2", "": "3"}, "123"),
        ({".completed": "4", ".2": "1", ".1": "2", "": "3"}, "34"),
        ({".2": "1", "": ""}, "1"),
        ({".output": "9", ".1": "2", "": "3"}, "23"),
    ],
)
def test_the_files_of_a_clean_up_are_read_as_kea_reads_them(
    tmp_path: Path, files: dict[str, str], addresses: str
) -> None:
    path = tmp_path / "kea-leases4.csv"
    for ending, number in files.items():
        line = f"192.0.2.{number},{MAC},,60,1790000000,1,0,0,c,0,\n" if number else ""
        path.with_name(path.name + ending).write_text(f"{V4_HEADING}\n{line}")
    table, found = read_leases(str(path), "auto", ANY, 10)
    assert found == "kea"
    assert "".join(lease.address[-1] for lease in table.leases()) == addresses
