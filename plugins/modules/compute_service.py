#!/usr/bin/python
# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: compute_service
short_description: Enable, disable or force down the nova-compute service of a host
version_added: 0.1.0
author:
  - CloudManager contributors (@aos)
description:
  - Sets whether the scheduler may use a host (O(state)) and whether Nova takes it for dead (O(forced_down)),
    both in one request.
  - Force a host down only when it is proven to be off. Nova then allows its servers to be evacuated,
    whether they still run there or not.
extends_documentation_fragment:
  - aos.cloud_manager.cloud
  - aos.cloud_manager.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  host:
    description: Name of the host, as C(openstack compute service list) shows it.
    type: str
    required: true
  state:
    description: Whether new servers may be put on the host. Left as it is without this option.
    type: str
    choices: [enabled, disabled]
  reason:
    description:
      - Why the service is disabled, 1 to 255 characters. Needs O(state=disabled).
      - Without it, a reason that is there already is kept.
    type: str
  keep_reason:
    description:
      - Leave the reason of a service that is disabled already, unless this collection disabled it.
      - So what an operator disabled stays recognisable as that.
    type: bool
    default: false
  forced_down:
    description:
      - Whether Nova takes the service for down, whatever it reports.
      - Nova refuses V(false) while C(done) evacuations away from the host remain, that is until its nova-compute
        was restarted.
    type: bool
  only_ours:
    description:
      - Touch the service only if this collection disabled it, that is if its reason begins with C(aos-cloud-manager:).
      - Otherwise nothing is changed, and RV(kept) says why.
    type: bool
    default: false
  microversion:
    description: Microversion of the compute API, at least V(2.53).
    type: str
    default: "2.79"
seealso:
  - module: aos.cloud_manager.hypervisor_info
  - module: aos.cloud_manager.host_evacuate
"""

EXAMPLES = r"""
- name: Take a host out of the scheduler's hands
  aos.cloud_manager.compute_service:
    cloud: example
    host: compute-01.example.org
    state: disabled
    reason: "fan replaced, see ticket 4711"

- name: Tell Nova that a host which was powered off is dead
  aos.cloud_manager.compute_service:
    host: compute-01.example.org
    state: disabled
    reason: "aos-cloud-manager: incident 12: powered off, servers evacuated"
    keep_reason: true
    forced_down: true

- name: Give a host back that this collection had disabled, and no other
  aos.cloud_manager.compute_service:
    host: compute-01.example.org
    state: enabled
    forced_down: false
    only_ours: true
"""

RETURN = r"""
service:
  description: The service as Nova shows it now; in check mode as it would be.
  returned: success
  type: dict
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
      sample: down
    status:
      description: V(enabled) or V(disabled).
      type: str
      sample: disabled
    disabled_reason:
      description: Why it is disabled.
      type: str
      sample: "aos-cloud-manager: incident 12: powered off, servers evacuated"
    forced_down:
      description: Whether it is forced down.
      type: bool
      sample: true
    updated_at:
      description: Time of the last heartbeat or change, as Nova gives it (UTC).
      type: str
      sample: "2026-03-01T12:00:07.000000"
    zone:
      description: Availability zone.
      type: str
      sample: nova
kept:
  description: Why nothing was changed although O(only_ours) was set; empty otherwise.
  returned: success
  type: str
  sample: "compute-01.example.org was not disabled by this system (reason: fan replaced, see ticket 4711)"
"""

import dataclasses
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud import CLOUD_OPTIONS, CloudRefused, connect
from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import (
    OUR_MARK,
    Compute,
    Service,
    microversion_of,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, AosModule

ARGUMENTS: dict[str, t.Any] = {
    **CLOUD_OPTIONS,
    "host": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["enabled", "disabled"]},
    "reason": {"type": "str"},
    "keep_reason": {"type": "bool", "default": False},
    "forced_down": {"type": "bool"},
    "only_ours": {"type": "bool", "default": False},
    "microversion": {"type": "str", "default": "2.79"},
}
LONGEST_REASON = 255


def check_reason(params: dict[str, t.Any]) -> None:
    """Raise AosError for a reason that Nova would refuse or ignore."""
    reason = params["reason"]
    if reason is None:
        return
    if params["state"] != "disabled":
        raise AosError("reason is given without state=disabled; add it, or leave the reason out")
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise AosError(f"reason has {len(reason)} characters; Nova takes 1 to {LONGEST_REASON}, not only spaces")


def changes_to(service: Service, params: dict[str, t.Any]) -> dict[str, t.Any]:
    """The fields of the request that makes service what params ask for; empty if it is."""
    changes: dict[str, t.Any] = {}
    state, reason = params["state"], params["reason"]
    if params["keep_reason"] and service.status == "disabled" and not service.is_ours:
        reason = None
    if state and (service.status != state or (reason and service.disabled_reason != reason)):
        changes["status"] = state
        if reason:
            changes["disabled_reason"] = reason
    if params["forced_down"] is not None and service.forced_down != params["forced_down"]:
        changes["forced_down"] = params["forced_down"]
    return changes


def why_kept(service: Service, only_ours: bool) -> str:
    """Why the service must not be touched; empty if it may be."""
    if not only_ours or service.is_ours:
        return ""
    if service.status == "disabled":
        return f"{service.host} was not disabled by this system (reason: {service.disabled_reason or 'none'})"
    return f"{service.host} is {service.status}, so it was not disabled by this system ({OUR_MARK})"


def expected(service: Service, changes: dict[str, t.Any]) -> Service:
    """The service as it will be after the changes."""
    reason = changes.get("disabled_reason", None if "status" in changes else service.disabled_reason)
    forced_down = changes.get("forced_down", service.forced_down)
    state = "down" if forced_down else service.state
    status = changes.get("status", service.status)
    return dataclasses.replace(service, status=status, disabled_reason=reason, forced_down=forced_down, state=state)


def apply(compute: Compute, service: Service, changes: dict[str, t.Any]) -> Service:
    """Send the changes. Raises AosError, with the remedy for Nova's own refusal to clear forced_down."""
    try:
        return compute.update_service(service, changes)
    except CloudRefused as error:
        if error.status == 400 and "evacuation" in error.explanation:
            raise AosError(
                f"Nova does not clear forced_down of {service.host} yet: 'done' evacuations away from it remain, which "
                f"nova-compute completes when it starts; restart nova-compute on {service.host} and try again",
                service=dataclasses.asdict(service),
                evacuations_remain=True,
            ) from error
        raise


def run(params: dict[str, t.Any], check_mode: bool, _warn: t.Callable[[str], None]) -> dict[str, t.Any]:
    """What the module returns. Raises AosError."""
    check_reason(params)
    compute = Compute(connect(params, microversion_of(params["microversion"], (2, 53))))
    current = compute.service(params["host"])
    kept = why_kept(current, params["only_ours"])
    changes = {} if kept else changes_to(current, params)
    if changes and current.id is None:
        raise AosError(f"Nova cannot reach the cell of {current.host}; nothing was changed, look at its database")
    after = expected(current, changes)
    if changes and not check_mode:
        after = apply(compute, current, changes)
    return {
        "changed": bool(changes),
        "service": dataclasses.asdict(after),
        "kept": kept,
        "diff": {"before": visible(current), "after": visible(after)},
    }


def visible(service: Service) -> dict[str, t.Any]:
    """What the diff shows."""
    return {field: getattr(service, field) for field in ("status", "disabled_reason", "forced_down")}


def main() -> None:
    module = AosModule(ARGUMENTS, supports_check_mode=True)
    with module.errors_reported():
        module.exit_json(**run(module.params, module.check_mode, module.warn))


if __name__ == "__main__":
    main()
