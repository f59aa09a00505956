# SPDX-License-Identifier: GPL-3.0-or-later
"""The databases of all services: made once, kept as a template in the cache, copied for every lab.

A template is a MariaDB data folder after a clean shutdown, with all schemas, keystone's users, services and keys, and
Nova's cells (as URL templates, so that it fits every slot), and the password of all OpenStack users.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab import rest
from tests.lab.control_plane import ControlPlane
from tests.lab.infrastructure import TUNING, Database
from tests.lab.plan import Plan
from tests.lab.record import write_private
from tests.lab.requisites import LOCK, venv_path

SCHEMAS = ("keystone", "placement", "glance", "neutron", "nova_api", "nova_cell0", "nova_cell1")
# keystone's name of a service -> (its type, ours, the path of its endpoint)
CATALOG = {
    "keystone": ("identity", "keystone", "/v3"),
    "placement": ("placement", "placement", ""),
    "glance": ("image", "glance", ""),
    "neutron": ("network", "neutron", ""),
    "nova": ("compute", "nova-api", "/v2.1"),
}
CELL_DATABASE = "{scheme}://{username}@{hostname}:{port}/%s?{query}"
CELL_BUS = "{scheme}://{username}:{password}@{hostname}:{port}/{path}"


def template_path(plan: Plan) -> Path:
    """Depends on all that its content depends on."""
    version = subprocess.run(["mariadbd", "--version"], capture_output=True, check=True).stdout
    parts = LOCK.read_bytes() + Path(__file__).read_bytes() + version + " ".join(TUNING).encode()
    return plan.cache / f"lab-database-{hashlib.sha256(parts).hexdigest()[:12]}"


def template_ready(plan: Plan) -> bool:
    return template_path(plan).is_dir()


def new_password() -> str:
    return secrets.token_hex(12)


def template_password(plan: Plan) -> str:
    password: str = json.loads((template_path(plan) / "password.json").read_text())
    return password


def build_template(plan: Plan, control_plane: ControlPlane, password: str) -> None:
    """Make it in this lab's own folder (configured with `password`), then move it into the cache.

    Nothing of the lab runs before and after. Who calls it holds the cache.
    """
    database, path = Database(plan), template_path(plan)
    database.install()
    database.start()
    database.wait_ready()
    create = "CREATE DATABASE {} CHARACTER SET utf8mb4;"
    database.sql("\n".join(create.format(schema) for schema in SCHEMAS))
    Commands(plan, venv_path(plan)).fill_schemas(password)
    control_plane.start("keystone")
    control_plane.wait_ready("keystone")
    register_services(rest.Session(plan.url("keystone"), password), plan, password)
    control_plane.stop("keystone")
    database.stop()
    new = path.with_name(path.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    shutil.move(database.folder, new / "mysql")
    shutil.move(plan.data / "keystone", new / "keystone")
    write_private(new / "password.json", json.dumps(password))
    new.rename(path)


def restore_template(plan: Plan) -> None:
    for part in ("mysql", "keystone"):
        shutil.rmtree(plan.data / part, ignore_errors=True)
        subprocess.run(["cp", "-a", "--sparse=always", template_path(plan) / part, plan.data / part], check=True)


def fit_to_slot(plan: Plan, database: Database) -> None:
    """Point the endpoints in keystone's catalogue to this slot's ports."""
    database.sql(
        "".join(
            "UPDATE keystone.endpoint e JOIN keystone.service s ON e.service_id = s.id"
            f" SET e.url = '{plan.url(ours)}{path}' WHERE s.type = '{kind}';"
            for kind, ours, path in CATALOG.values()
        )
    )


def map_hosts(database: Database, names: list[str]) -> None:
    """What `nova-manage cell_v2 discover_hosts` does in 3 s."""
    database.sql(
        "".join(
            "INSERT IGNORE INTO nova_api.host_mappings (created_at, cell_id, host)"
            f" SELECT utc_timestamp(), id, '{name}' FROM nova_api.cell_mappings WHERE name = 'cell1';"
            for name in names
        )
    )


class Commands:
    """The services' own tools that make their schemas."""

    def __init__(self, plan: Plan, venv: Path) -> None:
        self._plan = plan
        self._bin = venv / "bin"

    def fill_schemas(self, password: str) -> None:
        # Two chains for two cores; each one's steps need the ones before.
        with ThreadPoolExecutor(2) as pool:
            for chain in [pool.submit(self._others, password), pool.submit(self._nova)]:
                chain.result()

    def _others(self, password: str) -> None:
        keystone = ["keystone-manage", "--config-file", self._etc("keystone/keystone.conf")]
        owner = ["--keystone-user", "root", "--keystone-group", "root"]
        url = f"{self._plan.url('keystone')}/v3"
        self._run(*keystone, "db_sync")
        self._run(*keystone, "fernet_setup", *owner)
        self._run(*keystone, "credential_setup", *owner)
        self._run(
            *keystone,
            "bootstrap",
            "--bootstrap-region-id",
            "RegionOne",
            "--bootstrap-public-url",
            url,
            "--bootstrap-internal-url",
            url,
            "--bootstrap-admin-url",
            url,
            env={"OS_BOOTSTRAP_PASSWORD": password},
        )
        self._run("placement-manage", "--config-file", self._etc("placement/placement.conf"), "db", "sync")
        self._run("glance-manage", "--config-file", self._etc("glance/glance-api.conf"), "db_sync")
        self._run("neutron-db-manage", "--config-file", self._etc("neutron/neutron.conf"), "upgrade", "heads")

    def _nova(self) -> None:
        nova = ["nova-manage", "--config-file", self._etc("nova/nova.conf")]
        self._run(*nova, "api_db", "sync")
        self._run(*nova, "cell_v2", "map_cell0", "--database_connection", CELL_DATABASE % "nova_cell0")
        cell1 = ["--database_connection", CELL_DATABASE % "nova_cell1", "--transport-url", CELL_BUS]
        self._run(*nova, "cell_v2", "create_cell", "--name", "cell1", *cell1)
        self._run(*nova, "db", "sync")

    def _etc(self, name: str) -> str:
        return str(self._plan.etc / name)

    def _run(self, command: str, *arguments: str, env: dict[str, str] | None = None) -> None:
        log = self._plan.logs / "database-setup.log"
        with open(log, "a") as file:
            done = subprocess.run(
                [self._bin / command, *arguments],
                env={"PATH": f"{self._bin}:/usr/bin:/bin", **(env or {})},
                stdout=file,
                stderr=file,
                check=False,
            )
        if done.returncode:
            raise RuntimeError(f"{command} {' '.join(arguments)} failed, see {log}")


def register_services(session: rest.Session, plan: Plan, password: str) -> None:
    """A user in project `service` and three endpoints for each service, as an installation guide says."""
    identity = f"{plan.url('keystone')}/v3"

    def create(kind: str, **fields: str | bool) -> str:
        made: str = session.request("POST", f"{identity}/{kind}s", {kind: fields})[kind]["id"]
        return made

    project = create("project", name="service", domain_id="default")
    roles = {role["name"]: role["id"] for role in session.request("GET", f"{identity}/roles")["roles"]}
    for name, (kind, ours, path) in CATALOG.items():
        if name == "keystone":
            continue
        user = create("user", name=name, domain_id="default", password=password)
        for role in ("admin", "service"):
            session.request("PUT", f"{identity}/projects/{project}/users/{user}/roles/{roles[role]}")
        service = create("service", name=name, type=kind)
        for interface in ("public", "internal", "admin"):
            create(
                "endpoint", service_id=service, interface=interface, region_id="RegionOne", url=plan.url(ours) + path
            )
