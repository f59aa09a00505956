# SPDX-License-Identifier: GPL-3.0-or-later
"""Nova's fake virt driver, made to misbehave on demand.

The file `spawn-mode` in the service's state_path says how guests are started:
absent: at once; `refuse`: every start fails; `hold`: a start waits until the file is gone, and fails then.
"""

from __future__ import annotations

import os
import time

import nova.conf
from nova import exception
from nova.virt import fake


class LabDriver(fake.FakeDriverWithoutFakeNodes):
    def spawn(self, context, instance, *args, **kwargs):
        mode = _spawn_mode()
        while _spawn_mode() == "hold":
            time.sleep(0.1)
        if mode:
            raise exception.InternalError("this host of the lab refuses to start guests")
        return super().spawn(context, instance, *args, **kwargs)


def _spawn_mode() -> str:
    try:
        with open(os.path.join(nova.conf.CONF.state_path, "spawn-mode"), encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""
