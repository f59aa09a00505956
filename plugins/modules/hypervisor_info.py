#!/usr/bin/python
# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hypervisor_info
short_description: List hosts with the state of nova-compute, and their servers
version_added: 0.1.0
author:
  - CloudManager contributors (@aos)
description:
  - Reads the nova-compute services of the cloud and, on demand, all servers of all projects on the hosts.
  - Every list is read to its last page.
extends_documentation_fragment:
  - aos.cloud_manager.cloud
  - aos.cloud_manager.attributes
  - aos.cloud_manager.attributes.info_module
options:
  hosts:
    description: Names of the hosts, as C(openstack compute service list) shows them. Without it, all.
    type: list
    elements: str
  servers:
    description: Whether to list the servers of each host, with one request or more for each host.
    type: bool
    default: false
  microversion:
    description: Microversion of the compute API, at least V(2.53).
    type: str
    default: "2.79"
seealso:
  - module: aos.cloud_manager.compute_service
"""

EXAMPLES = r"""
- name: See what runs on a host
  aos.cloud_manager.hypervisor_info:
    cloud: example
    hosts: [compute-01.example.org]
    servers: true
  register: seen

- name: Name the hosts that are down
  ansible.builtin.debug:
    msg: "{{ seen.hypervisors | selectattr('state', 'equalto', 'down') | map(attribute='host') }}"
"""

RETURN = r"""
hypervisors:
  description: The hosts, in the order asked for, else by name.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Identifier of the service.
      type: str
      sample: 4f1f6a0e-6d7f-4e0b-9f0a-0d6b3a1c5e11
    host:
      description: Name of the host.
      type: str
      sample: compute-01.example.org
    state:
      description: V(up), V(down), or V(unknown) where Nova cannot reach the host's cell.
      type: str
      sample: up
    status:
      description: V(enabled) or V(disabled).
      type: str
      sample: enabled
    disabled_reason:
      description: Why it is disabled.
      type: str
      sample: null
    forced_down:
      description: Whether it is forced down.
      type: bool
      sample: false
    updated_at:
      description: Time of the last heartbeat or change, as Nova gives it (UTC).
      type: str
      sample: "2026-03-01T12:00:07.000000"
    zone:
      description: Availability zone.
      type: str
      sample: nova
    servers:
      description: The servers on the host.
      returned: with O(servers=true)
      type: list
      elements: dict
      sample:
        - id: 9f3b1d52-2a7b-4a57-8a2f-0c0e3a2b7c10
          name: web-1
          status: ACTIVE
          vm_state: active
          task_state: null
          metadata: {recovery_priority: "8"}
          launched_at: "2026-01-01T00:00:00.000000"
          image_backed: false
          locked: false
"""

import dataclasses
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud import CLOUD_OPTIONS, connect
from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import (
    Compute,
    Server,
    Service,
    microversion_of,
    unknown_hosts,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, AosModule

ARGUMENTS: dict[str, t.Any] = {
    **CLOUD_OPTIONS,
    "hosts": {"type": "list", "elements": "str"},
    "servers": {"type": "bool", "default": False},
    "microversion": {"type": "str", "default": "2.79"},
}
SHOWN = ("id", "name", "status", "vm_state", "task_state", "metadata", "launched_at", "image_backed", "locked")


def chosen(services: list[Service], hosts: list[str] | None) -> list[Service]:
    """The services of hosts, in their order. Raises AosError naming those that Nova does not know."""
    known = {service.host: service for service in services}
    if hosts is None:
        return [known[host] for host in sorted(known)]
    unknown = [host for host in hosts if host not in known]
    if unknown:
        raise AosError(unknown_hosts(unknown))
    return [known[host] for host in hosts]


def shown(server: Server) -> dict[str, t.Any]:
    """What is returned of a server."""
    return {field: getattr(server, field) for field in SHOWN}


def run(params: dict[str, t.Any], _check_mode: bool, _warn: t.Callable[[str], None]) -> dict[str, t.Any]:
    """What the module returns, in check mode too. Raises AosError."""
    compute = Compute(connect(params, microversion_of(params["microversion"], (2, 53))))
    hypervisors = []
    for service in chosen(compute.services(), params["hosts"]):
        facts = dataclasses.asdict(service)
        if params["servers"]:
            facts["servers"] = [shown(server) for server in compute.servers(service.host)]
        hypervisors.append(facts)
    return {"changed": False, "hypervisors": hypervisors}


def main() -> None:
    module = AosModule(ARGUMENTS, supports_check_mode=True)
    with module.errors_reported():
        module.exit_json(**run(module.params, module.check_mode, module.warn))


if __name__ == "__main__":
    main()
