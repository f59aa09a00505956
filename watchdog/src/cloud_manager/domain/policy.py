# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator allows, as one frozen value. Names and units are the guide's (SPEC S2)."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Policy:
    """settle_seconds: after the observer was blind, DOWN looks count only after this time; it begins anew with each
    missing host that comes back; five times as long while most hosts are missing.

    retry_interval: s before the second attempt; it doubles up to retry_interval_max.
    """

    mutex: int = 3
    mutex_up: int = 1
    max_down_hosts: int = 0
    allow_evacuate_host: bool = True
    deny_evacuate: frozenset[str] = field(default_factory=frozenset)
    fencing_required: bool = True
    recover_disabled_hosts: bool = False
    settle_seconds: float = 60.0
    retry_interval: float = 30.0
    retry_interval_max: float = 600.0

    def retry_after(self, attempt: int) -> float:
        """Seconds to wait after the attempt with this number, counted from 1."""
        doublings = min(max(attempt - 1, 0), 30)
        return float(min(self.retry_interval * 2**doublings, self.retry_interval_max))
