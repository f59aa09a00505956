# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes away what installations make in the lab's MariaDB, RabbitMQ and keystone, without their playbooks."""

from __future__ import annotations

import base64
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
        if any(thing["name"] == name for thing in _rabbitmq(lab, "GET", kind)):
            _rabbitmq(lab, "DELETE", f"{kind}/{name}")
    for kind, name in (("users", USER), ("services", SERVICE)):
        for thing in _keystone(lab, "GET", f"{kind}?name={name}")[kind]:
            _keystone(lab, "DELETE", f"{kind}/{thing['id']}")


def _rabbitmq(lab: Lab, method: str, path: str) -> Any:
    credentials = base64.b64encode(b"guest:guest").decode()
    url = f"{lab.plan.url('rabbitmq-management')}/api/{path}"
    return rest.call(method, url, headers={"Authorization": f"Basic {credentials}"})[0]


def _keystone(lab: Lab, method: str, path: str) -> Any:
    keystone = lab.plan.url("keystone")
    return rest.Session(keystone, password_of(lab.plan)).request(method, f"{keystone}/v3/{path}")
