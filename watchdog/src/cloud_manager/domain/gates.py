# SPDX-License-Identifier: GPL-3.0-or-later
"""The gates before every recovery (SPEC S3), in order; the first that fails holds, with the reason an operator reads.

Reasons carry no ages or counters, so that an unchanged situation keeps an unchanged reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cloud_manager.domain.facts import PowerReading
from cloud_manager.domain.view import View


@dataclass(frozen=True, slots=True)
class Pass:
    """Nothing speaks against acting."""


@dataclass(frozen=True, slots=True)
class Hold:
    reason: str


PASS = Pass()
Verdict = Pass | Hold
Gate = Callable[[View], Verdict]

NAMES_SHOWN = 5


def planned(view: View) -> Verdict:
    """1. Maintenance or a power operation by this system explains it."""
    reason = view.facts.maintenance.get(view.name)
    if reason is not None:
        return Hold(f"in maintenance: {reason}")
    switching = view.facts.switching.get(view.name)
    return PASS if switching is None else Hold(f"an operator switches its power: {switching}")


def operators_act(view: View) -> Verdict:
    """2. An operator's own act explains it."""
    host = view.host
    if host is None:
        return PASS
    if host.forced_down and not view.forced_by_us:
        return Hold("an operator forced the service down; recovery starts only after he clears forced_down")
    if not host.enabled and not host.marked and not view.policy.recover_disabled_hosts:
        reason = host.disabled_reason or "no reason given"
        return Hold(f"an operator disabled the service ({reason}); [recovery] recover_disabled_hosts is False")
    return PASS


def observer_sees(view: View) -> Verdict:
    """3. The observer is not blind, and was not a moment ago."""
    if view.sight.blind:
        return Hold(f"the watchdog is blind: {view.sight.blind}")
    if view.sight.settling:
        awaited = f", of {listed(view.sight.missing)} first of all" if view.sight.missing else ""
        return Hold(
            "the watchdog was blind a moment ago; waiting [recovery] settle_seconds for heartbeats to come back"
            + awaited
        )
    return PASS


def few_enough_down(view: View) -> Verdict:
    """5. Automatic recovery is on, and no more hosts are down than the operator expects of a lone failure."""
    limit, down = view.policy.max_down_hosts, view.sight.down
    if limit == 0:
        return Hold("automatic recovery is off: [node_tracker] max_down_hosts is 0")
    if len(down) > limit:
        return Hold(f"{len(down)} hosts are down ({listed(down)}), [node_tracker] max_down_hosts is {limit}")
    return PASS


def listed(names: Iterable[str]) -> str:
    """The first few names."""
    shown = sorted(names)
    return ", ".join(shown[:NAMES_SHOWN]) + (" ..." if len(shown) > NAMES_SHOWN else "")


def evacuation_allowed(view: View) -> Verdict:
    """6. The operator allows evacuation, of this host too."""
    if not view.policy.allow_evacuate_host:
        return Hold("[host_tasks] allow_evacuate_host is False")
    if view.name in view.policy.deny_evacuate:
        return Hold("the host is in [host_tasks] deny_evacuate")
    return PASS


def not_confirmed(reading: PowerReading) -> str:
    """Why a fencing result does not allow evacuation."""
    return f"power control {reading.control} did not confirm power-off ({reading.result}): {reading.message}"


def vouched(view: View) -> str:
    """An operator's word that the host is off, "who: why". It counts where no power control can give a better answer:
    none is linked, or the last attempt did not confirm. A control that works is asked, whatever was said.
    """
    if view.facts.controls.get(view.name) and view.record.fence is None:
        return ""
    return view.facts.acknowledged.get(view.name, "")


def power_off_provable(view: View) -> Verdict:
    """7. Power-off can be confirmed, or an operator says that the host is off."""
    if vouched(view):
        return PASS
    if not view.facts.controls.get(view.name):
        if not view.policy.fencing_required:
            return PASS
        return Hold(
            "no power control is linked to the host: link one (aos-cloud-manager power-control link), "
            "or say that it is off (aos-cloud-manager confirm-off)"
        )
    if view.record.fence is not None and not view.retry_due:
        return Hold(not_confirmed(view.record.fence))
    return PASS


GATES: tuple[Gate, ...] = (
    planned,
    operators_act,
    observer_sees,
    few_enough_down,
    evacuation_allowed,
    power_off_provable,
)

# Gates that hold whatever the power control says: behind them not even a reading is wanted.
BEFORE_READING: tuple[Gate, ...] = (planned, operators_act, observer_sees, few_enough_down, evacuation_allowed)


def first_hold(view: View, gates: tuple[Gate, ...]) -> Hold | None:
    for gate in gates:
        verdict = gate(view)
        if isinstance(verdict, Hold):
            return verdict
    return None
