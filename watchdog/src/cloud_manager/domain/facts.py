# SPDX-License-Identifier: GPL-3.0-or-later
"""What one cycle has seen. All times are seconds since the epoch; absence of a key means "not looked at"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

# Every disabled_reason that this system writes begins so: it tells our act from an operator's (SPEC S3, S8).
MARK = "aos-cloud-manager:"

# What a switching takes beside its time-out: the start of its playbook, and what the clocks of two machines differ by.
SLACK_SECONDS = 60.0


class Observation(StrEnum):
    """What Nova says about a host. Failing to see is UNKNOWN, never DOWN."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"


class Power(StrEnum):
    """What a power control reads."""

    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"


class Fence(StrEnum):
    """Result of an attempt to switch a host off (SPEC S5). Only OFF_CONFIRMED allows evacuation."""

    OFF_CONFIRMED = "OFF_CONFIRMED"
    STILL_ON = "STILL_ON"
    UNKNOWN = "UNKNOWN"


class JobKind(StrEnum):
    RECOVER = "recover_host"
    RETURN = "return_host"
    READ_POWER = "power_host"
    CHECK_POWER = "power_check"


class JobStatus(StrEnum):
    """PLANNED: recorded, perhaps not started. LOST: its daemon died; what it did, Nova and the power control show."""

    PLANNED = "planned"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    LOST = "lost"

    @property
    def ended(self) -> bool:
        return self not in (JobStatus.PLANNED, JobStatus.RUNNING)


@dataclass(frozen=True, slots=True)
class ComputeHost:
    """One nova-compute service (Nova API, os-services).

    heartbeat_at: Nova's `updated_at`; it moves with every heartbeat, also while the host is forced down, and with
    API updates.
    """

    name: str
    observation: Observation
    enabled: bool = True
    disabled_reason: str = ""
    forced_down: bool = False
    zone: str = ""
    heartbeat_at: float | None = None

    @property
    def marked(self) -> bool:
        """Disabled by this system."""
        return not self.enabled and self.disabled_reason.startswith(MARK)


@dataclass(frozen=True, slots=True)
class Server:
    """A Nova instance found on a host under incident."""

    id: str
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class PowerReading:
    """What the default power control of a host said, and to what question.

    result is None for a plain reading. message says why, for STILL_ON and UNKNOWN. identity: serial number or UUID of
    the machine as its control tells it, "" where it tells none, None where it was not asked or could not be read.
    """

    control: str
    state: Power
    result: Fence | None = None
    message: str = ""
    identity: str | None = None


@dataclass(frozen=True, slots=True)
class JobFact:
    """What is known of a playbook run. Hints: the next observation of Nova and of the power control is the truth.

    left: server id -> why it was left on the host on purpose (priority 0, never launched ...).
    failed: server id -> why it could not be moved.
    """

    key: str
    kind: JobKind
    host: str
    status: JobStatus
    power: PowerReading | None = None
    left: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    message: str = ""


@dataclass(frozen=True, slots=True)
class Switching:
    """An operator switches a host's power, and hasn't told yet how it ended; his console may have been killed.

    action: power.on, power.off or power.soft_off. at: s since epoch, by the clock of his machine. seconds: until then
    it must have ended.
    """

    host: str
    action: str
    who: str
    at: float
    seconds: float

    def may_last(self, now: float) -> bool:
        return self.at - SLACK_SECONDS <= now <= self.at + self.seconds + SLACK_SECONDS


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that one decision rests on.

    error: why Nova could not be read; then `hosts` is empty.
    control_plane: binary (nova-scheduler, nova-conductor) -> how many of them Nova calls up.
    nova_now: the newest heartbeat of any service: Nova's clock, which need not agree with ours.
    controls: host -> titles of its linked power controls.
    jobs: job key -> state, for every key that a record names. A missing key was never recorded.
    servers: host under incident -> its servers; a host that is missing was not, or could not be, looked at.
    maintenance: host -> reason, set by an operator. acknowledged: host -> "who: why", "I know that it is off".
    switching: host -> "action by who since when", an operator's switching that may still be under way.
    """

    now: float
    hosts: Mapping[str, ComputeHost] = field(default_factory=dict)
    error: str = ""
    control_plane: Mapping[str, int] = field(default_factory=dict)
    nova_now: float | None = None
    controls: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    jobs: Mapping[str, JobFact] = field(default_factory=dict)
    servers: Mapping[str, tuple[Server, ...]] = field(default_factory=dict)
    maintenance: Mapping[str, str] = field(default_factory=dict)
    acknowledged: Mapping[str, str] = field(default_factory=dict)
    switching: Mapping[str, str] = field(default_factory=dict)
