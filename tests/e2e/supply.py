# SPDX-License-Identifier: GPL-3.0-or-later
"""A relay board (net-snmp's snmpd, see tests.integration.power.snmp_board) whose outlets feed hosts of a lab."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

from tests.integration.power.snmp_board import SnmpBoard
from tests.lab.client import Lab
from tests.lab.plan import REPOSITORY

OUTLETS = 8
# Pulls the plug of a host and puts it in again: its BMC is not asked.
PLUG = """\
import sys
from tests.lab.chassis import Chassis
chassis = Chassis(sys.argv[1])
chassis.power_on() if sys.argv[2] == "1" else chassis.power_off()
"""


class Supply(SnmpBoard):
    """A board named `title`; feeds: outlet -> host. All hosts have power at the start."""

    def __init__(self, lab: Lab, folder: Path, title: str, address: str, feeds: dict[int, str]) -> None:
        self.title = title
        super().__init__(folder, address)
        for outlet in feeds:
            self.host_is("on", outlet)
        plug = shlex.join([sys.executable, "-P", "-S", "-c", PLUG])
        cases = "".join(
            f'{self.relay(outlet)}) exec {plug} {shlex.quote(str(lab.host(host).folder))} "$2" ;;\n'
            for outlet, host in feeds.items()
        )
        switched = folder / "switched"
        switched.write_text(f"#!/bin/sh\nexport PYTHONPATH={shlex.quote(str(REPOSITORY))}\ncase $1 in\n{cases}esac\n")
        switched.chmod(0o755)

    def item(self) -> dict[str, Any]:
        """What the board is known by, whatever it switches."""
        return super().item() | {"title": self.title}
