#!/usr/bin/python
# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: power_info
short_description: Read the power state of a host
version_added: 0.1.0
author:
  - CloudManager contributors (@aos)
description:
  - Reads every power control of a host, all of them at the same time, and never switches anything.
  - A control that does not answer, or refuses the login, is reported as V(unknown) with the reason. That is no failure
    of the module.
  - A control of several outlets is on or off only if all of them are.
  - A relay sees its own contact only. Where it is the default control and another one contradicts it, RV(power.state)
    is V(unknown) and RV(power.message) names both. A controller that still answers anything while the relay that cuts
    its supply reads off contradicts it too.
  - A control that is another device than the one recorded in O(controls[].identity) is V(unknown) too.
extends_documentation_fragment:
  - aos.cloud_manager.power_controls
  - aos.cloud_manager.attributes
  - aos.cloud_manager.attributes.info_module
options:
  timeout:
    description: Seconds for everything together.
    type: float
    default: 10
  readings:
    description: How often each control is read, each time through a new session.
    type: int
    default: 1
  reading_interval:
    description: Seconds between two readings.
    type: float
    default: 0.5
  identity:
    description:
      - Whether to ask every control, after the readings, who it is, so that O(controls[].identity) can be recorded.
    type: bool
    default: false
  separately:
    description:
      - Whether to take every item of O(controls) by itself, each outlet of a control too, so that none hides another.
      - An item that makes no sense for its protocol is V(unknown) then, and the others are read all the same.
      - The module fails if every item is right and all together are not, for example without a default control.
    type: bool
    default: false
seealso:
  - module: aos.cloud_manager.power
"""

EXAMPLES = r"""
- name: Read the power state of a host
  aos.cloud_manager.power_info:
    name: compute-01.example.org
    controls: "{{ power_controls }}"
  register: seen

- name: Learn who the controls of a host are
  aos.cloud_manager.power_info:
    name: compute-01.example.org
    controls: "{{ power_controls }}"
    identity: true

- name: Find the controls that do not answer, whatever they are good for
  aos.cloud_manager.power_info:
    name: compute-01.example.org
    controls: "{{ power_controls }}"
    separately: true
  register: seen
  failed_when: seen is failed or seen.controls | rejectattr('state', 'in', ['on', 'off']) | length > 0

- name: Ask for two readings that agree
  aos.cloud_manager.power_info:
    name: compute-01.example.org
    controls: "{{ power_controls }}"
    readings: 2
"""

RETURN = r"""
power:
  description: The state that the host's default control shows.
  returned: success, without O(separately)
  type: dict
  contains: &power
    host:
      description: Name of the host.
      type: str
      sample: compute-01.example.org
    state:
      description:
        - V(on) or V(off) if every reading shows it, else V(unknown).
        - V(partly) if every reading shows some outlets of the control on and others off.
      type: str
      sample: "on"
    result:
      description: V(READ), or V(UNKNOWN) where the state is neither on nor off.
      type: str
      sample: READ
    control:
      description: Title of the control.
      type: str
      sample: bmc
    outlet:
      description: The outlet that was read; V(null) for a control without outlets, and for several outlets together.
      type: int
      sample: 3
    readings:
      description:
        - Every reading in order, V(unknown) for one that failed. V(at) is in seconds since the epoch.
        - A control of several outlets also has C(outlets), the state of each by its name.
      type: list
      elements: dict
      sample:
        - {at: 1790000000.1, state: "on"}
    identity:
      description:
        - What the device tells of itself, a serial number or UUID; empty where its protocol knows none.
        - V(null) where it was not asked for (O(identity)) or could not be read.
      type: str
      sample: 564d3cbb-0d2a-4cdb-9b6f-0f0c6ba0bbd1
    message:
      description: The same in a sentence, with what to do where the state is unknown.
      type: str
      sample: "host compute-01.example.org: power control bmc (ipmi 192.0.2.11:623) reads on (1 reading(s))"
    confirmed_at:
      description: When the last reading was taken, in seconds since the epoch. V(null) where the state is unknown.
      type: float
      sample: 1790000000.1
    duration:
      description: Seconds that it took.
      type: float
      sample: 0.03
controls:
  description: The same for every control of the host, or for every item (O(separately)), in the order given.
  returned: success
  type: list
  elements: dict
  contains: *power
"""

import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_controls import (
    HOST_ARGUMENTS,
    default_device,
    devices,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_separately import read_separately
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_status import believed, observe
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_switch import Limits
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosModule

ARGUMENTS: dict[str, t.Any] = {
    **HOST_ARGUMENTS,
    "timeout": {"type": "float", "default": 10},
    "readings": {"type": "int", "default": 1},
    "reading_interval": {"type": "float", "default": 0.5},
    "identity": {"type": "bool", "default": False},
    "separately": {"type": "bool", "default": False},
}


def run(params: dict[str, t.Any], _check_mode: bool, _warn: t.Callable[[str], None]) -> dict[str, t.Any]:
    """Read every control at the same time; returns what the module returns. Raises AosError."""
    limits = Limits(params["timeout"], params["readings"], params["reading_interval"])
    if params["separately"]:
        seen_alone = read_separately(params["name"], params["controls"], limits, identity=params["identity"])
        return {"changed": False, "controls": seen_alone}
    found = devices(params["name"], params["controls"])
    default = default_device(params["name"], found)
    observed = observe(found, limits, identity=params["identity"])
    power = believed(next(seen for seen in observed if seen.device is default), observed)
    return {"changed": False, "power": power, "controls": [seen.facts() for seen in observed]}


def main() -> None:
    module = AosModule(ARGUMENTS, supports_check_mode=True)
    with module.errors_reported():
        module.exit_json(**run(module.params, module.check_mode, module.warn))


if __name__ == "__main__":
    main()
