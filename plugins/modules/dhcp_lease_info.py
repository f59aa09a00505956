#!/usr/bin/python
# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dhcp_lease_info
short_description: Read the lease files of ISC dhcpd and Kea
version_added: 0.1.0
author:
  - CloudManager contributors (@aos)
description:
  - Reads the lease files of ISC dhcpd (DHCPv4 and DHCPv6) and of Kea's memfile back end (CSV, DHCPv4 and DHCPv6).
  - Such a file is a log. Of several entries for one address the last one holds, whatever its state.
  - For Kea the files that its clean-up leaves beside the lease file (C(.2), C(.1), C(.completed)) are read too, because
    between two clean-ups they hold most of the leases.
  - A file that its server exchanges while it is read is read again. An entry that cannot be understood is skipped and
    reported in RV(files); a file without a single readable entry, though not empty, fails the module.
extends_documentation_fragment:
  - aos.cloud_manager.attributes
  - aos.cloud_manager.attributes.info_module
options:
  path:
    description:
      - Lease files, of one server or of several. Each counts for itself.
      - Those that do not exist are named in a warning; it is a failure if none does.
    type: list
    elements: path
    required: true
  format:
    description: Who wrote the files. V(auto) looks at how each of them begins.
    type: str
    choices: [auto, isc, kea]
    default: auto
  mac:
    description: Only leases of this Ethernet address, in any usual notation.
    type: str
  address:
    description: Only the lease of this IP address, or of this delegated prefix (without its length).
    type: str
  hostname:
    description:
      - Only leases of a client with this name. Case does not matter, and a name without a domain equals the first label
        of one with it.
      - The name is what the client said, so any machine in the network can claim it.
    type: str
  max_leases:
    description: How many leases of one file may fit. More are a failure; this bounds the memory, about 1 kB for each.
    type: int
    default: 100000
notes:
  - It reads where it runs, so run it on the DHCP server, or where its files are mounted.
seealso:
  - module: aos.cloud_manager.pxe_host
"""

EXAMPLES = r"""
- name: Find the network card of a host
  aos.cloud_manager.dhcp_lease_info:
    path:
      - /var/lib/dhcp/dhcpd.leases
      - /var/lib/kea/kea-leases4.csv
    hostname: compute-01.example.org
  register: found

- name: Say what it has
  ansible.builtin.debug:
    msg: "{{ found.leases | map(attribute='mac') | unique }}"
"""

RETURN = r"""
leases:
  description: What fits, by file in the order given, then by address.
  returned: success
  type: list
  elements: dict
  contains:
    file:
      description: The file of the O(path) it comes from.
      type: str
      sample: /var/lib/dhcp/dhcpd.leases
    address:
      description: IP address, or the delegated prefix.
      type: str
      sample: 192.0.2.17
    prefix_length:
      description: Length of a delegated prefix in bits, else V(null).
      type: int
      sample: 56
    kind:
      description: V(v4), V(ia-na), V(ia-ta) or V(ia-pd).
      type: str
      sample: v4
    mac:
      description: Ethernet address in lower case with colons, empty where the entry has none.
      type: str
      sample: 52:54:00:aa:bb:01
    mac_from:
      description:
        - V(hardware) where the server saw it. V(duid) where it is part of the client's DUID, which may hold the address
          of another card of that client. Else empty.
      type: str
      sample: hardware
    client_id:
      description: The client identifier (DHCPv4) or DUID (DHCPv6), hexadecimal pairs with colons.
      type: str
      sample: 01:52:54:00:aa:bb:01
    iaid:
      description: Identity association of DHCPv6, else V(null).
      type: int
      sample: 11189196
    hostname:
      description: Name that the client gave, or that the server entered in the DNS. Unprintable characters are V(?).
      type: str
      sample: compute-01
    binding_state:
      description:
        - For ISC dhcpd V(active), V(free), V(abandoned), V(released), V(expired), V(backup), V(reset) as written.
        - Kea's default is V(active), its declined V(abandoned), its expired-reclaimed V(expired); a lease that is given
          back V(released); V(registered) as named.
        - V(unknown) where nothing is said.
      type: str
      sample: active
    starts:
      description: Beginning, in seconds since the epoch, UTC. V(null) where nothing is said.
      type: int
      sample: 1790000000
    ends:
      description: End, in seconds since the epoch, UTC. V(null) for never, and where nothing is said.
      type: int
      sample: 1790043200
    last_seen:
      description: The client's last transaction, in seconds since the epoch, UTC. V(null) where nothing is said.
      type: int
      sample: 1790000000
    valid:
      description: Whether it is V(active) and had not ended when the module ran.
      type: bool
      sample: true
files:
  description: What was read of each file.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The file.
      type: str
      sample: /var/lib/dhcp/dhcpd.leases
    format:
      description: V(isc) or V(kea).
      type: str
      sample: isc
    entries:
      description: How many entries were read, older ones for the same address included.
      type: int
      sample: 5120
    unreadable:
      description: How many entries were skipped. Older ones for the same address, where it is readable, count no more.
      type: int
      sample: 1
    problems:
      description: Where and why, for the first 20 of them.
      type: list
      elements: str
      sample: ["/var/lib/dhcp/dhcpd.leases, byte 81234: the file ends within an entry"]
"""

import os
import time
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.leases import Wanted
from ansible_collections.aos.cloud_manager.plugins.module_utils.leases_file import AUTO, READERS, read_leases
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, AosModule

ARGUMENTS: dict[str, t.Any] = {
    "path": {"type": "list", "elements": "path", "required": True},
    "format": {"type": "str", "choices": [AUTO, *READERS], "default": AUTO},
    "mac": {"type": "str"},
    "address": {"type": "str"},
    "hostname": {"type": "str"},
    "max_leases": {"type": "int", "default": 100000},
}


def run(params: dict[str, t.Any], _check_mode: bool, warn: t.Callable[[str], None]) -> dict[str, t.Any]:
    """Read every file; returns what the module returns. Raises AosError."""
    if params["max_leases"] < 1:
        raise AosError(f"max_leases is {params['max_leases']}, it must be at least 1; correct it")
    wanted = Wanted.of(params["mac"], params["address"], params["hostname"])
    now = time.time()
    leases: list[dict[str, t.Any]] = []
    files: list[dict[str, t.Any]] = []
    for path in existing(params["path"], warn):
        table, found = read_leases(path, params["format"], wanted, params["max_leases"])
        leases += [{"file": path, **lease.facts(now)} for lease in table.leases()]
        files.append(
            {
                "path": path,
                "format": found,
                "entries": table.entries,
                "unreadable": table.unreadable,
                "problems": table.problems,
            }
        )
        for problem in table.problems[:1]:
            warn(f"{table.unreadable} entries of {path} were skipped: {problem}")
    return {"changed": False, "leases": leases, "files": files}


def existing(paths: list[str], warn: t.Callable[[str], None]) -> list[str]:
    """Return the files that are there; raise an AosError if none is."""
    found = [path for path in paths if os.path.lexists(path) or os.path.lexists(f"{path}.1")]
    missing = ", ".join(path for path in paths if path not in found)
    if not found:
        raise AosError(f"no lease file exists at {missing or 'an empty path'}; correct path")
    if missing:
        warn(f"lease file {missing} does not exist")
    return found


def main() -> None:
    module = AosModule(ARGUMENTS, supports_check_mode=True)
    with module.errors_reported():
        module.exit_json(**run(module.params, module.check_mode, module.warn))


if __name__ == "__main__":
    main()
