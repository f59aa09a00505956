# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's MariaDB, RabbitMQ and keystone, asked without the playbooks, and freed of what installations make there."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from tests.lab import rest
from tests.lab.client import Lab
from tests.lab.lifecycle import password_of

# The names that a site has without variables.
DATABASE, USER, VHOST, SERVICE = "cloud_manager", "aos", "aos", "cloud-manager"


def forget(lab: Lab) -> None:
    """Whether or not it is there; what stands beside it stays."""
    accounts = lab.sql(f"SELECT host FROM mysql.global_priv WHERE user = '{USER}'")
    lab.sql(f"DROP DATABASE IF EXISTS {DATABASE};" + "".join(f"DROP USER '{USER}'@'{host}';" for (host,) in accounts))
    for kind, name in (("users", USER), ("vhosts", VHOST)):
        if any(thing["name"] == name for thing in rabbitmq(lab, "GET", kind)):
            rabbitmq(lab, "DELETE", f"{kind}/{name}")
    ask = keystone(lab)
    for kind, name in (("users", USER), ("services", SERVICE)):
        for thing in ask("GET", f"{kind}?name={name}")[kind]:
            ask("DELETE", f"{kind}/{thing['id']}")


def rabbitmq(lab: Lab, method: str, path: str) -> Any:
    """What the management API answers its administrator."""
    credentials = base64.b64encode(b"guest:guest").decode()
    url = f"{lab.plan.url('rabbitmq-management')}/api/{path}"
    return rest.call(method, url, headers={"Authorization": f"Basic {credentials}"})[0]


def keystone(lab: Lab) -> Callable[[str, str], Any]:
    """(method, path) -> what keystone answers its administrator."""
    url = lab.plan.url("keystone")
    session = rest.Session(url, password_of(lab.plan))
    return lambda method, path: session.request(method, f"{url}/v3/{path}")
