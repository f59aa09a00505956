# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the targets of one slot are, and what their control groups are called."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.plan import Plan as LabPlan

# A host name that also fits into a path and a control group's name.
NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class Plan:
    slot: int
    folder: Path
    cache: Path

    @classmethod
    def from_environment(cls, slot: int | None = None, environ: Mapping[str, str] = os.environ) -> Plan:
        """`slot` wins over AOS_LAB_SLOT; the folder is in TMPDIR, AOS_CACHE moves the cache."""
        lab = LabPlan.from_environment(slot, environ)
        return cls(lab.slot, Path(tempfile.gettempdir()).absolute() / f"aos-targets-{lab.slot}", lab.cache)

    def instance(self, name: str) -> Path:
        """The folder of one target."""
        if not NAME.fullmatch(name):
            raise LabError(f"target {name!r}: a name has up to 40 small letters, digits and dashes, a letter first")
        return self.folder / "instances" / name

    def names(self) -> list[str]:
        return sorted(folder.name for folder in (self.folder / "instances").glob("*"))

    @property
    def cgroup_prefix(self) -> str:
        return f"aos-targets-{self.slot}-"
