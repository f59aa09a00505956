# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the options that tell a module how a host's power is switched."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  name:
    description:
      - Full name of the host, as Nova and the inventory know it.
      - It appears in every message, so that nobody has to guess which machine is meant.
    type: str
    required: true
  controls:
    description:
      - The power controls of the host, usually its host variable C(power_controls).
      - The one with O(controls[].default=true) is used first, or the only one.
    type: list
    elements: dict
    required: true
    suboptions:
      title:
        description:
          - Name of the control, unique within the host.
          - Items of one title and protocol with different outlets are the outlets that feed one host with several
            supplies, and count as one control. All supplies of a host belong under one title.
        type: str
        required: true
      protocol:
        description:
          - How the control is spoken to.
          - V(ipmi) is IPMI 2.0 over UDP; V(redfish) a BMC with a REST API; V(amt) Intel AMT over WS-Management.
          - V(snmp) is a DAEnetIP2 relay board; V(modbus) an ICP DAS ET-7067 relay board.
          - V(ssh) is a libvirt hypervisor whose domain the host is, by virsh over SSH.
          - What each needs, its options and its limits are in C(docs/power) of the collection.
        type: str
        required: true
        choices: [ipmi, redfish, snmp, modbus, amt, ssh]
      address:
        description: Name or IP address of the control.
        type: str
        required: true
      port:
        description:
          - Port of the control; without it the protocol's own.
          - That is V(623) for V(ipmi), V(443) for V(redfish), V(16992) for V(amt), V(161) for V(snmp), V(502) for
            V(modbus), V(22) for V(ssh).
        type: int
      outlet:
        description:
          - Contact of a control that switches several hosts, from V(1).
          - Needed for V(snmp) and V(modbus), refused for the others.
        type: int
      username:
        description:
          - User of the control. For V(ipmi) at most 16 bytes; the privilege level operator is enough.
          - Without it the value of the environment variable E(AOS_BMC_USERNAME).
        type: str
      password:
        description:
          - Password of the user. For V(ipmi) at most 20 bytes.
          - Without it the value of the environment variable E(AOS_BMC_PASSWORD).
        type: str
      default:
        description: Whether the host is switched by this control first, where it has several.
        type: bool
        default: false
      options:
        description: Further settings of the protocol; unknown ones are refused.
        type: dict
        default: {}
      identity:
        description:
          - Serial number or UUID that the device told when it was recorded, see M(aos.cloud_manager.power_info).
          - A device that tells another one, or none, is neither believed nor switched.
        type: str
requirements:
  - pyghmi >= 1.5.60 for O(controls[].protocol=ipmi)
  - sushy >= 5.7 for O(controls[].protocol=redfish)
  - requests >= 2.28 for O(controls[].protocol=amt)
  - pysnmp >= 7.1 for O(controls[].protocol=snmp), with cryptography for its version 3
  - pymodbus >= 3.11 for O(controls[].protocol=modbus)
  - ssh (OpenSSH's client) for O(controls[].protocol=ssh)
notes:
  - The module speaks to the control from where it runs, usually the controller, so give its play C(connection=local).
"""
