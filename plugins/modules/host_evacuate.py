#!/usr/bin/python
# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_evacuate
short_description: Evacuate all servers of dead hosts
version_added: 0.1.0
author:
  - CloudManager contributors (@aos)
description:
  - Has Nova rebuild the servers of hosts that are off on other hosts, with their disks where storage is shared.
  - Refuses unless every host is proven to be off (O(power_off)) or vouched for (O(override)), and Nova shows it
    as down.
  - Servers go in groups of equal priority, 10 first down to 1; 0 is never moved. The priority is the metadata
    O(priority_key) of the server, else O(default_priority). The metadata O(delay_key), in seconds, delays that one
    server from the start of its group, for an hour at most.
  - A group starts O(group_interval) seconds after the one before, and not before all requests of that one were
    accepted.
  - What ran stays running and what was off stays off. Paused, suspended, rescued, resized and shelved servers are
    reset, evacuated and reported.
  - A server is asked for only while Nova shows it on its source without an evacuation under way. All knowledge comes
    from Nova, so that a second run, or a run after this one was killed, watches what moves already and goes on with
    what is left.
  - Nothing more is requested, from two seconds later at the latest on, when the service of a host that is evacuated
    reports again or is changed by somebody. What was requested goes on.
  - Fails if a server could not be moved or is still moving, with the same return values.
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
  hosts:
    description: Names of the hosts, as C(openstack compute service list) shows them.
    type: list
    elements: str
    required: true
  power_off:
    description:
      - For each host, by name, what M(aos.cloud_manager.power) returned as RV(aos.cloud_manager.power#module:power),
        with the result V(OFF_CONFIRMED).
      - What M(aos.cloud_manager.power_info) returned as RV(aos.cloud_manager.power_info#module:power) is accepted too,
        if it holds at least two readings that all say V(off).
    type: dict
    default: {}
  proof_max_age:
    description: Seconds for which a power-off counts as proof from its confirmation on.
    type: float
    default: 900.0
  override:
    description:
      - "The word of an operator that the hosts are off, instead of a proof, as V(NAME: reason)."
      - It is part of the result.
      - If such a host still runs, its servers run twice and destroy their disks.
    type: str
  parallel:
    description: Evacuations in flight at the same time in the whole installation, those that others asked for included.
    type: int
    default: 10
  retries:
    description: Attempts for each server.
    type: int
    default: 2
  polls:
    description: How often Nova is asked for the outcome of one attempt before the server is reported as V(moving).
    type: int
    default: 60
  poll_interval:
    description: Seconds between two such questions.
    type: float
    default: 2.0
  group_interval:
    description: Seconds from the start of one priority's group to the start of the next.
    type: float
    default: 60.0
  default_priority:
    description: Priority of servers that have none, or one that is not a whole number from 0 to 10.
    type: int
    default: 5
  priority_key:
    description: Key of the server metadata that holds the priority.
    type: str
    default: recovery_priority
  delay_key:
    description: Key of the server metadata that holds the delay in seconds.
    type: str
    default: evacuation_delay
  image_backed:
    description: Whether servers whose disk is not a volume are evacuated or left.
    type: str
    choices: [evacuate, skip]
    default: evacuate
  shared_storage:
    description:
      - Whether disks of servers that are not volumes lie on storage that all hosts share.
      - If not, Nova rebuilds them from their image and what was written to them is lost, which is warned of.
    type: bool
    default: false
  microversion:
    description:
      - Microversion of the compute API, from V(2.59) to V(2.94).
      - From 2.95 on Nova leaves every evacuated server stopped.
    type: str
    default: "2.79"
seealso:
  - module: aos.cloud_manager.power
  - module: aos.cloud_manager.compute_service
"""

EXAMPLES = r"""
- name: Power the host off and confirm it
  aos.cloud_manager.power:
    name: compute-01.example.org
    controls: "{{ power_controls }}"
    state: "off"
  register: fenced

- name: Evacuate it
  aos.cloud_manager.host_evacuate:
    cloud: example
    hosts: [compute-01.example.org]
    power_off:
      compute-01.example.org: "{{ fenced.power }}"

- name: Evacuate a host that an operator knows to be off
  aos.cloud_manager.host_evacuate:
    hosts: [compute-02.example.org]
    override: "Jo Doe: unplugged by hand, rack 4"
"""

RETURN = r"""
evacuation:
  description: What was done, and what has become of every server.
  returned: always, if the hosts could be evacuated at all
  type: dict
  contains:
    hosts:
      description: The hosts.
      type: list
      elements: str
      sample: [compute-01.example.org]
    started_at:
      description: When the module began, in seconds since the epoch, as all times here.
      type: float
      sample: 1790000000.5
    finished_at:
      description: When the module ended.
      type: float
      sample: 1790000012.5
    first_accepted_at:
      description: When Nova accepted the first request of this run; V(null) if none was made.
      type: float
      sample: 1790000001.1
    counts:
      description: Number of servers by outcome.
      type: dict
      sample: {evacuated: 19, left: 1, failed: 0, moving: 0}
    warnings:
      description: What an operator should know.
      type: list
      elements: str
      sample: ["storage is not declared shared, so these servers are rebuilt from their image: web-1"]
    override:
      description: The operator's word that the hosts were off, if there was one.
      type: str
      sample: "Jo Doe: unplugged by hand, rack 4"
    servers:
      description: Every server that was on the hosts, highest priority first.
      type: list
      elements: dict
      contains:
        id:
          description: Identifier of the server.
          type: str
          sample: 9f3b1d52-2a7b-4a57-8a2f-0c0e3a2b7c10
        name:
          description: Name of the server.
          type: str
          sample: web-1
        source:
          description: The host it was on.
          type: str
          sample: compute-01.example.org
        destination:
          description: The host it is on, if it was moved.
          type: str
          sample: compute-03.example.org
        priority:
          description: Its priority.
          type: int
          sample: 8
        status_before:
          description: Its status when the module first saw it.
          type: str
          sample: ACTIVE
        status:
          description: Its status as last seen.
          type: str
          sample: ACTIVE
        outcome:
          description: V(evacuated), V(left), V(failed) or V(moving); V(planned) in check mode.
          type: str
          sample: evacuated
        reason:
          description: Why it was left or failed, and what happened on the way.
          type: str
          sample: ""
        attempts:
          description: Requests made for it in this run.
          type: int
          sample: 1
        requested_at:
          description: When it was first asked for.
          type: float
          sample: 1790000001.0
        accepted_at:
          description: When Nova first accepted.
          type: float
          sample: 1790000001.1
        finished_at:
          description: When its outcome was seen.
          type: float
          sample: 1790000005.2
        migration_id:
          description: Number of the last evacuation in C(openstack server migration list).
          type: int
          sample: 117
        image_backed:
          description: Whether its disk is not a volume.
          type: bool
          sample: true
"""

import concurrent.futures
import contextlib
import signal
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud import CLOUD_OPTIONS, connect
from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import KEEPS_RUNNING, Compute, microversion_of
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_proof import Proof
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_report import (
    announce,
    failure,
    host_changes,
    image_backed_warning,
    result,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_run import EvacuationRun, steady_clock
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_settings import settings_of
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_survey import survey
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, AosModule

ARGUMENTS: dict[str, t.Any] = {
    **CLOUD_OPTIONS,
    "hosts": {"type": "list", "elements": "str", "required": True},
    "power_off": {"type": "dict", "default": {}},
    "proof_max_age": {"type": "float", "default": 900.0},
    "override": {"type": "str"},
    "parallel": {"type": "int", "default": 10},
    "retries": {"type": "int", "default": 2},
    "polls": {"type": "int", "default": 60},
    "poll_interval": {"type": "float", "default": 2.0},
    "group_interval": {"type": "float", "default": 60.0},
    "default_priority": {"type": "int", "default": 5},
    "priority_key": {"type": "str", "default": "recovery_priority", "no_log": False},
    "delay_key": {"type": "str", "default": "evacuation_delay", "no_log": False},
    "image_backed": {"type": "str", "choices": ["evacuate", "skip"], "default": "evacuate"},
    "shared_storage": {"type": "bool", "default": False},
    "microversion": {"type": "str", "default": "2.79"},
}
# Nova's API does a request's work at once: more at the same time only make each of them slower.
THREADS = 4


def run(params: dict[str, t.Any], check_mode: bool, warn: t.Callable[[str], None]) -> dict[str, t.Any]:
    """Check, plan, carry out; returns what the module returns. Raises AosError, with the same, if a server stays."""
    clock = steady_clock()
    started, settings = clock(), settings_of(params)
    hosts = list(dict.fromkeys(params["hosts"]))
    proof = Proof(params["power_off"], params["override"], params["proof_max_age"], check_mode)
    warnings = proof.check_power(hosts, started)
    compute = Compute(connect(params, microversion_of(params["microversion"], (2, 59), KEEPS_RUNNING)))
    threads = min(settings.parallel, THREADS)
    with pool_of(threads) as pool:
        found = survey(compute, hosts, pool, started)
        warnings += proof.check_services(hosts, found.services)
        plan = found.plan(settings, started)
        plan.warnings[:0] = warnings + image_backed_warning(plan.moves, settings)
        if check_mode:
            announce(plan)
        else:
            until_interrupted(EvacuationRun(compute, found, plan, pool, threads, clock))
    outcome = result(plan, hosts, started, clock(), params["override"])
    for warning in outcome["warnings"]:
        warn(warning)
    changed = any(move.attempts or move.outcome == "planned" for move in plan.moves)
    facts = {"evacuation": outcome, "changed": changed, "diff": host_changes(plan.moves)}
    message = failure(plan.moves)
    if message:
        raise AosError(message, **facts)
    return facts


@contextlib.contextmanager
def pool_of(threads: int) -> t.Iterator[concurrent.futures.ThreadPoolExecutor]:
    """A pool that is left without waiting for requests that hang."""
    pool = concurrent.futures.ThreadPoolExecutor(threads)
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def until_interrupted(run_of_plan: EvacuationRun) -> None:
    """Run; a signal ends it early, with every server accounted for."""
    interrupted = "interrupted by a signal; run again to go on"
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: run_of_plan.interrupt(interrupted)) for number in numbers]
    try:
        run_of_plan.run()
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def main() -> None:
    module = AosModule(ARGUMENTS, supports_check_mode=True)
    with module.errors_reported():
        module.exit_json(**run(module.params, module.check_mode, module.warn))


if __name__ == "__main__":
    main()
