# SPDX-License-Identifier: GPL-3.0-or-later
"""Lease files as real servers write them: ISC dhcpd and Kea, asked by dhclient in a namespace."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils import leases_file
from ansible_collections.aos.cloud_manager.plugins.modules import dhcp_lease_info
from tests.integration.pxe.dhcp import MAC, Dhcpd, Kea, Network, eventually

OTHER_MAC = "52:54:00:aa:bb:02"
STRANGE = rb"\001\"back\\slash\377{}"
STRANGE_HEX = b'\x01"back\\slash\xff{}'.hex(":")


def read(path: Path, **filters: t.Any) -> list[dict[str, t.Any]]:
    """Return the leases; the file must be readable to its last byte."""
    found = whole(path, **filters)
    assert found["files"][0]["problems"] == [], path.read_text(errors="replace")
    leases: list[dict[str, t.Any]] = found["leases"]
    return leases


def whole(path: Path, **filters: t.Any) -> dict[str, t.Any]:
    options = {
        "path": [str(path)],
        "format": "auto",
        "mac": None,
        "address": None,
        "hostname": None,
        "max_leases": 1000,
    }
    return dhcp_lease_info.run(options | filters, False, lambda _text: None)


def test_dhcpd_active_with_an_escaped_identifier_and_a_name(cable: Network) -> None:
    server = Dhcpd(cable, pool="192.0.2.10")
    cable.be(MAC)
    said = f'send dhcp-client-identifier "{STRANGE.decode()}";\nsend host-name "compute-01";'
    before = int(time.time())
    cable.ask("-4", client=said)
    server.wait_for("client-hostname")
    (lease,) = read(server.leases)
    assert (lease["address"], lease["kind"], lease["binding_state"]) == ("192.0.2.10", "v4", "active")
    assert (lease["mac"], lease["mac_from"], lease["hostname"]) == (MAC, "hardware", "compute-01")
    assert lease["client_id"] == STRANGE_HEX
    assert before <= lease["starts"] <= time.time()
    assert lease["ends"] == lease["starts"] + 3600
    assert lease["last_seen"] == lease["starts"]
    assert lease["valid"]
    assert read(server.leases, hostname="compute-01.example.org", mac="5254.00AA.BB01") == [lease]
    assert read(server.leases, mac=OTHER_MAC) == []


def test_dhcpd_an_address_that_changes_hands_belongs_to_the_last_one(cable: Network) -> None:
    server = Dhcpd(cable, pool="192.0.2.10")
    cable.be(MAC)
    cable.ask("-4")
    cable.give_back("-4")
    assert eventually(lambda: bool(read(server.leases)) and read(server.leases)[0]["binding_state"] == "free")
    (freed,) = read(server.leases, mac=MAC)
    assert not freed["valid"]
    cable.be(OTHER_MAC)
    cable.ask("-4")
    assert eventually(lambda: read(server.leases)[0]["mac"] == OTHER_MAC)
    assert server.leases.read_text().count("lease 192.0.2.10 {") > 2
    assert [lease["mac"] for lease in read(server.leases)] == [OTHER_MAC]
    assert read(server.leases, mac=MAC) == []


def test_dhcpd_an_address_that_somebody_took_is_abandoned_and_has_no_card(cable: Network) -> None:
    server = Dhcpd(cable, pool="192.0.2.10 192.0.2.11")
    cable.take("192.0.2.10")
    cable.take("192.0.2.11")
    cable.be(MAC)
    cable.ask("-4", client="timeout 4;", fails=True)
    server.wait_for("binding state abandoned;")
    abandoned = [lease for lease in read(server.leases) if lease["binding_state"] == "abandoned"]
    assert abandoned
    assert all(not lease["valid"] for lease in abandoned)
    assert all(lease["address"] in ("192.0.2.10", "192.0.2.11") for lease in abandoned)


def test_dhcpd_a_lease_that_was_not_renewed_is_not_active(cable: Network) -> None:
    server = Dhcpd(cable, pool="192.0.2.10", more="min-lease-time 2; default-lease-time 2; max-lease-time 2;")
    cable.be(MAC)
    cable.ask("-4")
    assert eventually(lambda: read(server.leases)[0]["binding_state"] != "active")
    (lease,) = read(server.leases)
    assert lease["binding_state"] in ("free", "expired")
    assert lease["mac"] == MAC
    assert not lease["valid"]


def test_dhcpd_a_file_that_is_written_anew_loses_nothing(cable: Network) -> None:
    server = Dhcpd(cable, pool="192.0.2.10")
    cable.be(MAC)
    cable.ask("-4")
    before = read(server.leases)
    server.stop()
    server.start()
    assert (server.leases.parent / "dhcpd.leases~").exists()
    assert read(server.leases) == before


def test_dhcpd_a_file_cut_anywhere_is_read_up_to_there(cable: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases_file, "SETTLE_SECONDS", 0.0)
    server = Dhcpd(cable, pool="192.0.2.10")
    for mac in (MAC, OTHER_MAC):
        cable.be(mac)
        cable.ask("-4", client='send host-name "compute";')
        cable.give_back("-4")
    server.stop()
    text = server.leases.read_bytes()
    piece = server.leases.with_name("piece")
    for end in range(text.index(b"}\n") + 2, len(text), 97):
        piece.write_bytes(text[:end])
        found = whole(piece)
        assert found["files"][0]["entries"] == text[:end].count(b"\n}"), end
        assert {lease["mac"] for lease in found["leases"]} <= {MAC, OTHER_MAC, ""}


def test_dhcpd_v6_addresses_and_prefixes(cable: Network) -> None:
    server = Dhcpd(cable, version=6)
    cable.be(MAC)
    cable.ask("-6", "-N", "-P", "-D", "LL")
    server.wait_for("ia-pd")
    leases = {lease["kind"]: lease for lease in read(server.leases)}
    assert set(leases) == {"ia-na", "ia-pd"}
    address, prefix = leases["ia-na"], leases["ia-pd"]
    assert address["address"].startswith("2001:db8:1::")
    assert (prefix["prefix_length"], prefix["address"][:14]) == (56, "2001:db8:f000:")
    assert (address["mac"], address["mac_from"]) == (MAC, "duid")
    assert address["client_id"] == f"00:03:00:01:{MAC}"
    assert address["iaid"] is not None
    assert address["binding_state"] == "active"
    assert address["valid"]
    cable.give_back("-6", "-N", "-P", "-D", "LL")
    assert eventually(lambda: not any(lease["valid"] for lease in read(server.leases)))


def test_kea_active_and_given_back(cable: Network) -> None:
    server = Kea(cable)
    cable.be(MAC)
    said = f'send dhcp-client-identifier "{STRANGE.decode()}";\nsend host-name "compute-01";'
    cable.ask("-4", client=said)
    (lease,) = read(server.leases)
    assert whole(server.leases)["files"][0]["format"] == "kea"
    assert (lease["mac"], lease["hostname"], lease["client_id"]) == (MAC, "compute-01", STRANGE_HEX)
    assert (lease["binding_state"], lease["valid"]) == ("active", True)
    assert lease["ends"] == lease["starts"] + 3600
    cable.give_back("-4", client=said)
    assert eventually(lambda: not any(lease["valid"] for lease in read(server.leases)))


def test_kea_leases_stay_visible_while_the_file_is_cleaned_up(cable: Network) -> None:
    server = Kea(cable, **{"lfc-interval": 1})
    cable.be(MAC)
    cable.ask("-4")
    assert eventually(lambda: server.leases.with_name(server.leases.name + ".2").exists())
    assert eventually(lambda: MAC not in server.leases.read_text())
    for _turn in range(30):
        assert [lease["mac"] for lease in read(server.leases)] == [MAC]
        time.sleep(0.05)


def test_kea_v6_addresses_and_prefixes(cable: Network) -> None:
    server = Kea(cable, version=6)
    cable.be(MAC)
    cable.ask("-6", "-N", "-P", "-D", "LL")
    leases = {lease["kind"]: lease for lease in read(server.leases)}
    assert set(leases) == {"ia-na", "ia-pd"}
    assert leases["ia-na"]["mac"] == MAC
    assert leases["ia-pd"]["prefix_length"] == 56
    assert leases["ia-na"]["client_id"] == f"00:03:00:01:{MAC}"
    assert all(lease["valid"] for lease in leases.values())
