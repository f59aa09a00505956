#!/usr/bin/python
# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: power
short_description: Switch a host on or off and prove it
version_added: 0.1.0
author:
  - CloudManager contributors (@aos)
description:
  - Switches a host by its default power control, then reads the control until the state is proven.
  - Where O(state=on) or O(state=off) is not confirmed by it, the other controls of the host are tried in the order
    given, each with the whole O(timeout). What one of them confirmed counts only if no other control of the host then
    answers the opposite; silence is no objection, because a controller without power is silent. The other commands
    are sent by the default control only.
  - A relay sees its own contact only. What it confirmed counts, even as the default control, only if no control that
    sees the host contradicts it, and for an off also only if none of them still speaks at all.
  - A control whose fields make no sense is passed over like a silent one and told of in RV(power.message), unless the
    host has no other.
  - A control of several outlets, for a host with several supplies, is off if all of them are off, and on if all are on.
  - Where O(controls[].identity) is recorded, the device is asked for it before anything is sent. One that tells another
    is refused, and then no other control is tried either.
  - An off is sent even if the host already reads off, because the controller may be about to switch it on. For the same
    reason a O(state=soft_off) that was obeyed is followed by an off, and where the control refuses an off since the
    host is off, that is sent again with every reading, and the host has to read off for 5 seconds.
  - It counts as confirmed after O(off_readings) consecutive off readings, each through a session of its own. A reading
    that shows on, or that fails, starts the count again.
  - While readings contradict O(state=on) or O(state=off), the command is sent again every 5 seconds. The other
    commands are sent once, ever.
  - Every exchange with the control runs in a process of its own, which is killed at the deadline.
  - The module fails unless the state was confirmed, or, for O(state=reset) and O(state=cycle), accepted. Only
    C(OFF_CONFIRMED) is a reason to start the servers of the host elsewhere.
extends_documentation_fragment:
  - aos.cloud_manager.power_controls
  - aos.cloud_manager.attributes
attributes:
  check_mode:
    support: full
    details:
      - The default control is read, or the first that can be, and nothing is sent. The message tells what would be
        sent, and by which controls in which order.
      - Where no control can be read the module fails, as without check mode.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details:
      - For O(state=on), O(state=off) and O(state=soft_off). A repeated off is sent again and reported as no change.
      - O(state=reset) and O(state=cycle) act every time.
options:
  state:
    description:
      - V(on) and V(off) switch the power at once; V(off) is what fencing uses.
      - V(soft_off) asks the operating system to shut down (ACPI) and waits. Give it a longer O(timeout), V(300) say.
      - V(reset) and V(cycle) restart the host. They never prove that it was off.
    type: str
    choices: ["on", "off", soft_off, reset, cycle]
    required: true
  timeout:
    description:
      - Seconds for one control, from the first packet to the proof. Each further control has them anew.
      - After another than the default control confirmed, every other one has 5 seconds to object.
    type: float
    default: 30
  off_readings:
    description: How many consecutive readings of off prove that the host is off.
    type: int
    default: 2
  reading_interval:
    description: Seconds between two readings.
    type: float
    default: 0.5
seealso:
  - module: aos.cloud_manager.power_info
  - module: aos.cloud_manager.host_evacuate
"""

EXAMPLES = r"""
- name: Fence a host
  aos.cloud_manager.power:
    name: compute-01.example.org
    controls: "{{ power_controls }}"
    state: "off"
  register: fenced

- name: Shut a host down, giving its operating system five minutes
  aos.cloud_manager.power:
    name: compute-01.example.org
    state: soft_off
    timeout: 300
    controls:
      - title: bmc
        protocol: ipmi
        address: 192.0.2.11
        username: operator
  environment:
    AOS_BMC_PASSWORD: "{{ vault_bmc_password }}"
"""

RETURN = r"""
power:
  description: What was read and what it proves. Returned on failure too, unless the options themselves are wrong.
  returned: always
  type: dict
  contains:
    host:
      description: Name of the host.
      type: str
      sample: compute-01.example.org
    state:
      description:
        - The last reading, V(on) or V(off), or V(unknown) where there is none.
        - V(partly) where some outlets of the control are on and others off.
      type: str
      sample: "off"
    result:
      description:
        - For V(off) and V(soft_off) one of V(OFF_CONFIRMED), V(STILL_ON) (accepted, and still reads on) and V(UNKNOWN).
        - For V(on) one of V(ON_CONFIRMED), V(STILL_OFF) and V(UNKNOWN).
        - For V(reset) and V(cycle) V(ACCEPTED) or V(UNKNOWN).
        - Of several controls of which none is believed V(STILL_ON) or V(STILL_OFF) if any of them shows that, else
          V(UNKNOWN).
        - V(NOT_SENT) in check mode.
      type: str
      sample: OFF_CONFIRMED
    control:
      description: Title of the control that confirmed, or else the one that RV(power.result) is of.
      type: str
      sample: bmc
    readings:
      description:
        - Every reading of that control in order, the one before the command first. V(at) is in seconds since the epoch.
        - A control of several outlets also has C(outlets), the state of each by its name.
      type: list
      elements: dict
      sample:
        - {at: 1790000000.1, state: "on"}
        - {at: 1790000000.2, state: "off"}
        - {at: 1790000000.7, state: "off"}
    attempts:
      description:
        - What each control that was tried did, in order, and at the end each one that objected.
        - The keys mean the same as those of RV(power).
      type: list
      elements: dict
      contains:
        control:
          description: Title of the control.
          type: str
        result:
          description: As RV(power.result), of this control alone.
          type: str
        message:
          description: The same in a sentence.
          type: str
        readings:
          description: Its readings.
          type: list
          elements: dict
        duration:
          description: Seconds that it took.
          type: float
      sample:
        - control: bmc
          result: OFF_CONFIRMED
          message: >-
            host compute-01.example.org: power control bmc (ipmi 192.0.2.11:623) is off,
            confirmed by 2 consecutive reading(s)
          readings:
            - {at: 1790000000.1, state: "on"}
            - {at: 1790000000.2, state: "off"}
            - {at: 1790000000.7, state: "off"}
          duration: 0.63
    message:
      description: The same in a sentence, with what to do where it is not confirmed, naming every control that failed.
      type: str
      sample: >-
        host compute-01.example.org: power control bmc (ipmi 192.0.2.11:623) is off,
        confirmed by 2 consecutive reading(s)
    confirmed_at:
      description: When the state was proven, in seconds since the epoch. V(null) without a proof.
      type: float
      sample: 1790000000.7
    duration:
      description: Seconds that it took.
      type: float
      sample: 0.63
"""

import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_controls import (
    HOST_ARGUMENTS,
    in_order,
    usable_devices,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_fallback import HostSwitching
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_switch import GOALS, Limits
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosModule

ARGUMENTS: dict[str, t.Any] = {
    **HOST_ARGUMENTS,
    "state": {"type": "str", "choices": list(GOALS), "required": True},
    "timeout": {"type": "float", "default": 30},
    "off_readings": {"type": "int", "default": 2},
    "reading_interval": {"type": "float", "default": 0.5},
}


def run(params: dict[str, t.Any], check_mode: bool, _warn: t.Callable[[str], None]) -> dict[str, t.Any]:
    """Look, switch, prove; returns what the module returns. Raises AosError, with the same, without a proof."""
    limits = Limits(params["timeout"], params["off_readings"], params["reading_interval"])
    order = in_order(params["name"], usable_devices(params["name"], params["controls"]))
    return HostSwitching(order, params["state"], limits).run(check_mode=check_mode)


def main() -> None:
    module = AosModule(ARGUMENTS, supports_check_mode=True)
    with module.errors_reported():
        module.exit_json(**run(module.params, module.check_mode, module.warn))


if __name__ == "__main__":
    main()
