# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host may be evacuated: proven off, or vouched for by an operator, and down in Nova.

PRIVATE to the collection aos.cloud_manager: may change in any release.

Pure: no I/O, no clock. Two copies of a server that write to one disk destroy it, so nothing here is taken on trust.
"""

from __future__ import annotations

import dataclasses
import math
import re
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Service, unknown_hosts
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

READINGS = 2
CLOCK_SLACK = 5.0


@dataclasses.dataclass(frozen=True, slots=True)
class Proof:
    """What is said for the hosts being off.

    power_off: what the modules power or power_info returned as `power`, by host name; override: an operator's word,
    `NAME: reason`; max_age: seconds for which a power-off counts.
    rehearsal: nothing will be done, so a power-off that was only rehearsed too (NOT_SENT) is enough.
    """

    power_off: dict[str, t.Any]
    override: str | None
    max_age: float
    rehearsal: bool = False

    def check_power(self, hosts: t.Sequence[str], now: float) -> list[str]:
        """Warnings, one for each host that only the operator vouches for. Raises AosError naming those unproven."""
        if self.override and not re.match(r"\S[^:]*:\s*\S", self.override):
            raise AosError(
                f"override is {self.override!r}; say who knows that the host is off, and why: 'NAME: reason'"
            )
        missing = {host: why for host in hosts if not self._rehearsed(host) and (why := self._why_unproven(host, now))}
        if missing and not self.override:
            reasons = "; ".join(f"{host}: {why}" for host, why in missing.items())
            raise AosError(
                f"not proven to be off: {reasons}. Nothing was evacuated, because a server that still runs there would "
                f"run twice. Power the host off with the module power and pass what it returns, or, if you know that "
                f"it is off, pass override='NAME: reason'"
            )
        return [f"host {host}: {why}; evacuated on the word of {self.override}" for host, why in missing.items()]

    def check_services(self, hosts: t.Sequence[str], services: t.Iterable[Service]) -> list[str]:
        """Warnings of a rehearsal. Raises AosError unless Nova knows every host and takes it for down."""
        known = {service.host: service for service in services}
        unknown = [host for host in hosts if host not in known]
        if unknown:
            raise AosError(unknown_hosts(unknown))
        up = [host for host in hosts if known[host].state != "down" and not known[host].forced_down]
        states = ", ".join(f"{host} ({known[host].state})" for host in up)
        if up and not self.rehearsal:
            raise AosError(
                f"Nova does not show nova-compute as down on {states}, so nothing was evacuated; wait until it does, "
                f"or force it down with the module compute_service once the host is proven to be off"
            )
        return [f"Nova does not show nova-compute as down on {states}; it would have to"] if up else []

    def _rehearsed(self, host: str) -> bool:
        power = self.power_off.get(host)
        return self.rehearsal and isinstance(power, dict) and power.get("result") == "NOT_SENT"

    def _why_unproven(self, host: str, now: float) -> str:
        return why_unproven(host, self.power_off.get(host), self.max_age, now)


def sign_of_life(before: Service, now: Service) -> str:
    """What shows that the host, evacuated since `before`, runs again; empty if nothing does.

    Nova's `updated_at` moves with every heartbeat, also while the service is forced down, and with every change of
    the service that somebody makes: after either nobody can say any more that the host is off.
    """
    if now.state == "unknown":
        return ""  # its cell is out of reach, the other fields say nothing
    if now.state == "up":
        return "Nova shows it up"
    if before.forced_down and not now.forced_down:
        return "it is not forced down any more"
    if now.updated_at != before.updated_at:
        return "it has reported, or somebody has changed its service"
    return ""


def why_unproven(host: str, power: t.Any, max_age: float, now: float) -> str:
    """Why the result of a power module does not prove that host is off now; empty if it does."""
    if not power:
        return "no result of a power control was given"
    if not isinstance(power, dict):
        return "power_off holds something else than the module's result `power`"
    if power.get("host") != host:
        return f"the result is of host {power.get('host')}"
    result = power.get("result")
    if result != "OFF_CONFIRMED" and not is_off_reading(power):
        return f"its power control says {result} ({power.get('message') or power.get('state')})"
    confirmed_at = number(power.get("confirmed_at"))
    if confirmed_at is None:
        return "the result does not tell when it was confirmed"
    if confirmed_at > now + CLOCK_SLACK:
        return "the result is of the future; correct the clock"
    if now - confirmed_at > max_age:
        return f"the confirmation is {now - confirmed_at:.0f} s old, at most {max_age:.0f} s are accepted"
    return ""


def is_off_reading(power: dict[str, t.Any]) -> bool:
    """Whether power_info read off, and nothing else, at least twice."""
    readings = power.get("readings") or []
    return (
        power.get("result") == "READ"
        and power.get("state") == "off"
        and len(readings) >= READINGS
        and all(isinstance(one, dict) and one.get("state") == "off" for one in readings)
    )


def number(value: t.Any) -> float | None:
    """A finite number that may have passed through a template, or None."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None
