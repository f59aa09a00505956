# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab remembers between two commands: how it was made, and its passwords."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.plan import Host, Plan


@dataclass(frozen=True, slots=True)
class Options:
    """How Nova counts heartbeats, in seconds."""

    report_interval: int = 2
    service_down_time: int = 10

    def __post_init__(self) -> None:
        if not 1 <= self.report_interval < self.service_down_time:
            raise LabError(
                f"report_interval {self.report_interval} s and service_down_time {self.service_down_time} s:"
                " the first must be at least 1 and less than the second"
            )


@dataclass(frozen=True, slots=True)
class Record:
    """`ready` is false while `up` works: a lab found so was left behind by a crash."""

    hosts: int
    options: Options
    ready: bool

    @staticmethod
    def path(plan: Plan) -> Path:
        return plan.folder / "lab.json"

    @classmethod
    def load(cls, plan: Plan) -> Record | None:
        try:
            found = json.loads(cls.path(plan).read_text())
        except FileNotFoundError:
            return None
        return cls(found["hosts"], Options(**found["options"]), found["ready"])

    def save(self, plan: Plan) -> None:
        write_private(self.path(plan), json.dumps(asdict(self)))


@dataclass(frozen=True, slots=True)
class BmcPasswords:
    """`recorded` is what an inventory says; `changed` is what the BMC has after `bmc H wrong-password`."""

    recorded: str
    changed: str

    @classmethod
    def of(cls, host: Host) -> BmcPasswords:
        path = host.folder / "bmc-passwords.json"
        if not path.exists():
            host.folder.mkdir(parents=True, exist_ok=True)
            # IPMI 2.0 allows 20 bytes, ipmi_sim 16.
            write_private(path, json.dumps({"recorded": secrets.token_hex(8), "changed": secrets.token_hex(8)}))
        return cls(**json.loads(path.read_text()))


def write_private(path: Path, text: str) -> None:
    """Atomically, and for nobody else's eyes."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.rename(path)
