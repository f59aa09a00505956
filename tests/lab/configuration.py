# SPDX-License-Identifier: GPL-3.0-or-later
"""The services' configuration files, made from the templates in conf/."""

from __future__ import annotations

from pathlib import Path
from string import Template

from tests.lab.plan import PORTS, SOURCE, Host, Plan
from tests.lab.record import Options, write_private


def render(name: str, **values: object) -> str:
    return Template((SOURCE / "conf" / name).read_text()).substitute(values)


class Configuration:
    """Writes configuration for one lab; `password` is that of every OpenStack user."""

    def __init__(self, plan: Plan, venv: Path, options: Options, password: str) -> None:
        self._plan = plan
        self._options = options
        self._values = {name.replace("-", "_"): plan.port(name) for name in PORTS} | {
            "venv": venv,
            "data": plan.data,
            "logs": plan.logs,
            "password": password,
            "database": f"mysql+pymysql://root@127.0.0.1:{plan.port('mariadb')}",
        }

    def write_control_plane(self) -> None:
        values = self._seen_from("127.0.0.1")
        for folder in ("glance/images", "glance/staging", "glance/tasks", "nova", "neutron", "keystone"):
            (self._plan.data / folder).mkdir(parents=True, exist_ok=True)
        for service, files in {
            "keystone": ["keystone.conf"],
            "placement": ["placement.conf"],
            "glance": ["glance-api.conf"],
            "neutron": ["neutron.conf"],
        }.items():
            for file in files:
                self._write(f"{service}/{file}", render(file, **values))
        self._write("rabbitmq.conf", render("rabbitmq.conf", **values))
        self._write("enabled_plugins", "[rabbitmq_management].\n")
        self._write("glance/glance-api-paste.ini", self._packaged("glance/glance-api-paste.ini"))
        self._write("nova/api-paste.ini", self._packaged("nova/api-paste.ini"))
        common = self._nova(values, state=self._plan.data / "nova", my_ip="127.0.0.1", extra="host = controller")
        self._write("nova/nova.conf", common + render("nova-controller.conf", **values))
        clouds = render("clouds.yaml", **values)
        write_private(self._plan.clouds_yaml, clouds)

    def write_compute(self, host: Host) -> Path:
        """The nova.conf of one host, which knows the control plane by the bridge's address."""
        state = host.spawn_mode.parent
        (state / "instances").mkdir(parents=True, exist_ok=True)
        extra = f"host = {host.name}\ncompute_driver = lab_driver.LabDriver"
        text = self._nova(self._seen_from(self._plan.gateway), state=state, my_ip=host.address, extra=extra)
        path = host.folder / "nova.conf"
        write_private(path, text)
        return path

    def _nova(self, values: dict[str, object], **more: object) -> str:
        options = self._options
        return render(
            "nova-common.conf",
            **values,
            **more,
            report_interval=options.report_interval,
            service_down_time=options.service_down_time,
        )

    def _seen_from(self, peer: str) -> dict[str, object]:
        values = {**self._values, "peer": peer, "amqp": f"rabbit://guest:guest@{peer}:{self._plan.port('rabbitmq')}/"}
        return {**values, "authtoken": render("authtoken.conf", **values), "client": render("client.conf", **values)}

    def _packaged(self, name: str) -> str:
        return (Path(str(self._values["venv"])) / "etc" / name).read_text()

    def _write(self, name: str, text: str) -> None:
        path = self._plan.etc / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, text)
