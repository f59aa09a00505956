#!/usr/bin/python
# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: boot_device
short_description: Choose what a host boots from next
version_added: 0.1.0
author:
  - CloudManager contributors (@aos)
description:
  - Tells a host's power control what the host boots from, once or from now on, and reads it back.
  - Only protocol V(ipmi) can. Of several such controls the one with O(controls[].default=true) is used.
  - Nothing restarts; see M(aos.cloud_manager.power).
extends_documentation_fragment:
  - aos.cloud_manager.power_controls
  - aos.cloud_manager.attributes
attributes:
  check_mode:
    support: full
    details:
      - The control is read and nothing is sent. Where it cannot be read the module fails, as without check mode.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - Where the control shows the choice that it accepted. Some do not; then each run sends it and reports a change.
options:
  device:
    description:
      - V(net) is the network, V(setup) the firmware's setup.
      - V(none) takes back what was chosen; the host then boots in its own order.
    type: str
    choices: [none, net, disk, cdrom, setup, floppy]
    required: true
  persistent:
    description: Whether it holds for every boot, not for the next one only. Many firmwares ignore it.
    type: bool
    default: false
  uefi:
    description: Whether the next boot is a UEFI one.
    type: bool
    default: false
  timeout:
    description: Seconds for everything together.
    type: float
    default: 30
seealso:
  - module: aos.cloud_manager.power
  - module: aos.cloud_manager.pxe_host
"""

EXAMPLES = r"""
- name: Boot from the network, once
  aos.cloud_manager.boot_device:
    name: compute-01.example.org
    controls: "{{ power_controls }}"
    device: net

- name: Take it back
  aos.cloud_manager.boot_device:
    name: compute-01.example.org
    controls: "{{ power_controls }}"
    device: none
"""

RETURN = r"""
boot:
  description: What the control shows.
  returned: where the control could be read
  type: dict
  contains:
    host:
      description: Name of the host.
      type: str
      sample: compute-01.example.org
    control:
      description: Title of the control that was used.
      type: str
      sample: bmc
    device:
      description: As O(device), or the hexadecimal code of another one.
      type: str
      sample: net
    persistent:
      description: Whether it holds for every boot.
      type: bool
      sample: false
    uefi:
      description: Whether it is for UEFI.
      type: bool
      sample: false
    result:
      description:
        - V(CONFIRMED) where the control shows what was asked for.
        - V(ACCEPTED) where it took it without an error and shows what it showed before, as some controllers do.
        - V(NOT_SENT) in check mode.
      type: str
      sample: CONFIRMED
    message:
      description: The same in a sentence.
      type: str
      sample: "host compute-01.example.org: power control bmc (ipmi 192.0.2.11:623) shows what was asked for"
"""

import dataclasses
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.boot_choice import (
    ACCEPTED,
    NOT_SENT,
    Choosing,
    device_for_boot,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.boot_ipmi import DEVICES, BootDevice
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_controls import HOST_ARGUMENTS, devices
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosModule

ARGUMENTS: dict[str, t.Any] = {
    **HOST_ARGUMENTS,
    "device": {"type": "str", "choices": list(DEVICES), "required": True},
    "persistent": {"type": "bool", "default": False},
    "uefi": {"type": "bool", "default": False},
    "timeout": {"type": "float", "default": 30},
}


def run(params: dict[str, t.Any], check_mode: bool, warn: t.Callable[[str], None]) -> dict[str, t.Any]:
    """Look, choose, read back; returns what the module returns. Raises AosError."""
    wanted = BootDevice(params["device"], params["persistent"], params["uefi"])
    device = device_for_boot(params["name"], devices(params["name"], params["controls"]))
    choosing = Choosing(device, wanted, params["timeout"])
    choosing.look()
    boot = choosing.facts(choosing.before, NOT_SENT) if check_mode else choosing.apply()
    if boot["result"] == ACCEPTED:
        warn(boot["message"])
    return {
        "changed": choosing.needed,
        "boot": boot,
        "diff": {"before": dataclasses.asdict(choosing.before), "after": dataclasses.asdict(wanted)},
    }


def main() -> None:
    module = AosModule(ARGUMENTS, supports_check_mode=True)
    with module.errors_reported():
        module.exit_json(**run(module.params, module.check_mode, module.warn))


if __name__ == "__main__":
    main()
