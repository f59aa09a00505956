# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.py READY_FILE NOVA_ARGUMENTS...: nova-compute with the lab's virt driver.

It waits until nova-conductor listens, because Nova's own first ping is lost for 10 s when it comes too early, and
touches READY_FILE once the service takes requests.
"""

from __future__ import annotations

import pathlib
import sys
import time

import kombu
from nova import virt
from nova.cmd import compute

# Nova wants its command to be imported before anything that chooses how to thread: `service` is taken from there.
service = compute.service
READY = pathlib.Path(sys.argv.pop(1))


def wait_for_conductor() -> None:
    url = compute.CONF.transport_url.replace("rabbit://", "amqp://", 1)
    while True:
        connection = kombu.Connection(url, connect_timeout=2)
        missing = (*connection.recoverable_connection_errors, *connection.channel_errors)
        try:
            with connection:
                if connection.channel().queue_declare("conductor", passive=True).consumer_count:
                    return
        except missing:
            pass
        time.sleep(0.2)


_init, _start = service.Service.__init__, service.Service.start


def init(self, *args, **kwargs):
    wait_for_conductor()
    _init(self, *args, **kwargs)


def start(self):
    _start(self)
    READY.touch()


# Nova's own code names the class, so its methods are replaced and not the class.
service.Service.__init__, service.Service.start = init, start
# The driver of the option compute_driver is looked for among the modules of nova.virt.
virt.__path__.append(str(pathlib.Path(__file__).parent))
compute.main()
