# SPDX-License-Identifier: GPL-3.0-or-later
"""recovery journal, power controls, action log"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMTEXT

from cloud_manager.db.there import has_index, has_table, lost

revision = "1"
down_revision = None

OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
NAME, WORD = sa.String(255), sa.String(32)
TIME: sa.Double[float] = sa.Double()
LONG = sa.Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")
TABLES = (
    "lease",
    "observer",
    "hosts",
    "incidents",
    "incident_steps",
    "jobs",
    "instance_moves",
    "maintenance",
    "acknowledgements",
    "power_controls",
    "power_links",
    "action_log",
)


def column(name: str, kind: sa.types.TypeEngine[Any], nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable)


def number(name: str = "id", grows: bool = False) -> sa.Column[Any]:
    """A number that is part of the primary key."""
    return sa.Column(name, sa.Integer(), primary_key=True, autoincrement=grows, nullable=False)


def named(name: str) -> sa.Column[Any]:
    """A name that is part of the primary key."""
    return sa.Column(name, NAME, primary_key=True, nullable=False)


def belongs(table: str, name: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([name], [f"{target}.id"], name=f"fk_{table}_{name}")


def make(table: str, *items: sa.schema.SchemaItem, indexed: tuple[str, ...] = ()) -> None:
    if not has_table(table, undisturbed=False):
        op.create_table(table, *items, **OPTIONS)
    for name in indexed:
        index = f"ix_{table}_{name}"
        if not has_index(table, index, undisturbed=False):
            op.create_index(index, table, [name])


def upgrade() -> None:
    """Makes only what isn't there yet: MariaDB commits each statement, so an interrupted migration is half there."""
    right_to_act()
    tracking()
    incidents()
    operators()
    power()


def right_to_act() -> None:
    make(
        "lease",
        number(),
        column("holder", NAME),
        column("epoch", sa.Integer()),
        column("expires_at", TIME),
    )
    make("observer", number(), column("blind_at", TIME, nullable=True), column("missing", LONG))


def tracking() -> None:
    make(
        "hosts",
        named("name"),
        column("state", WORD),
        column("since", TIME),
        column("reason", LONG),
        *(column(name, sa.Integer()) for name in ("downs", "ups", "beats")),
        column("heartbeat_at", TIME, nullable=True),
        column("incident", sa.Integer(), nullable=True),
        *(column(name, sa.Integer()) for name in ("attempt", "failures")),
        *(column(name, NAME) for name in ("job", "read_job")),
        column("retry_at", TIME, nullable=True),
        column("forced_down_by_us", sa.Boolean()),
        column("fence", LONG, nullable=True),
        column("accounted", LONG),
    )


def incidents() -> None:
    make(
        "incidents",
        number(),
        column("host", NAME),
        column("state", WORD),
        column("opened_at", TIME),
        column("closed_at", TIME, nullable=True),
        column("reason", LONG),
        indexed=("host",),
    )
    make(
        "incident_steps",
        number(grows=True),
        column("incident", sa.Integer()),
        column("host", NAME),
        column("at", TIME),
        column("state", WORD),
        column("text", LONG),
        belongs("incident_steps", "incident", "incidents"),
        indexed=("incident",),
    )
    make(
        "jobs",
        named("key"),
        column("kind", WORD),
        column("host", NAME),
        column("incident", sa.Integer()),
        column("status", WORD),
        column("power", LONG, nullable=True),
        *(column(name, LONG) for name in ("left_behind", "failed", "message")),
        indexed=("incident", "status"),
    )
    make(
        "instance_moves",
        number("incident"),
        sa.Column("server_id", sa.String(64), primary_key=True, nullable=False),
        *(column(name, NAME) for name in ("name", "source", "destination")),
        column("priority", sa.Integer(), nullable=True),
        *(column(name, WORD) for name in ("status_before", "status", "outcome")),
        column("reason", LONG),
        column("attempts", sa.Integer()),
        *(column(name, TIME, nullable=True) for name in ("requested_at", "accepted_at", "finished_at")),
        belongs("instance_moves", "incident", "incidents"),
    )


def operators() -> None:
    make("maintenance", named("host"), column("reason", LONG), column("who", NAME), column("at", TIME))
    make(
        "acknowledgements",
        number("incident"),
        *(column(name, NAME) for name in ("host", "who")),
        column("why", LONG),
        column("at", TIME),
        belongs("acknowledgements", "incident", "incidents"),
    )
    make(
        "action_log",
        number(grows=True),
        column("at", TIME),
        *(column(name, NAME) for name in ("who", "action", "subject")),
        column("details", LONG),
        indexed=("at",),
    )


def power() -> None:
    make(
        "power_controls",
        number(grows=True),
        column("title", NAME),
        column("protocol", WORD),
        column("address", NAME),
        column("port", sa.Integer()),
        column("username", NAME),
        column("password", LONG),
        sa.UniqueConstraint("title", name="uq_power_controls_title"),
    )
    make(
        "power_links",
        number("control_id"),
        named("host"),
        column("outlet", sa.Integer()),
        column("is_default", sa.Boolean()),
        column("verified_at", TIME, nullable=True),
        # without a name of ours, which MariaDB would keep for this table also while another one is made in its place
        sa.ForeignKeyConstraint(["control_id"], ["power_controls.id"]),
        sa.UniqueConstraint("control_id", "outlet", name="uq_power_links_outlet"),
        indexed=("host",),
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        if has_table(table, undisturbed=True):
            op.drop_table(table)


def losses(connection: sa.Connection) -> list[str]:
    """Everything but the lease, which says no more than who acts now."""
    return [loss for table in TABLES if table != "lease" for loss in lost(connection, table, "all that it holds")]
