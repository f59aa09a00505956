# SPDX-License-Identifier: GPL-3.0-or-later
"""outlets, options and identities of power controls, results of actions"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMTEXT

from cloud_manager.db.there import has_column, has_index, has_table, lost

revision = "2"
down_revision = "1"

OPTIONS: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
NAME, WORD = sa.String(255), sa.String(32)
TIME: sa.Double[float] = sa.Double()
LONG = sa.Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")
CONTROL = "id, title, protocol, address, port, username, password"
LINK = "control_id, host, outlet, is_default, verified_at"
IPMI = "WHERE protocol = 'ipmi'"
INDEX = "ix_power_links_host"
NEW = ("power_links_new", "power_controls_new")
OLD = ("power_links_old", "power_controls_old")


def column(name: str, kind: sa.types.TypeEngine[Any], nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable)


def grows() -> sa.Column[Any]:
    return sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True, nullable=False)


def controls(*more: sa.Column[Any]) -> None:
    op.create_table(
        "power_controls_new",
        grows(),
        column("title", NAME),
        column("protocol", WORD),
        column("address", NAME),
        column("port", sa.Integer()),
        column("username", NAME),
        column("password", LONG),
        *more,
        sa.UniqueConstraint("title", name="uq_power_controls_title"),
        **OPTIONS,
    )


def owned_by_control() -> sa.ForeignKeyConstraint:
    """Without a name of ours, which MariaDB would keep for this table also while another one is made in its place."""
    return sa.ForeignKeyConstraint(["control_id"], ["power_controls_new.id"])


def upgrade() -> None:
    """Does only what isn't done yet: MariaDB commits each statement, so an interrupted migration is half there."""
    if not has_column("power_controls", "outlets", undisturbed=False):
        rebuild(_new_tables)
    tidy()
    if not has_column("action_log", "result", undisturbed=False):
        op.add_column("action_log", column("result", WORD, nullable=True))


def downgrade() -> None:
    """Does only what isn't undone yet, like upgrade."""
    if has_column("power_controls", "outlets", undisturbed=True):
        rebuild(_old_tables)
    tidy()
    if has_column("action_log", "result", undisturbed=True):
        op.drop_column("action_log", "result")


def losses(connection: sa.Connection) -> list[str]:
    """What _old_tables has no place for."""
    kept = f"control_id IN (SELECT id FROM power_controls {IPMI})"
    told = "options <> '{}' OR identity <> '' OR initialised_at IS NOT NULL OR check_at IS NOT NULL"
    others = "of other protocols than ipmi"
    found = (
        ("power_controls", f"controls {others}", "protocol <> 'ipmi'", "options"),
        ("power_controls", "their options", "protocol = 'ipmi' AND options <> '{}'", "options"),
        ("power_links", f"hosts on controls {others}", f"NOT {kept}", "options"),
        ("power_links", "their options, identity and last reading", f"{kept} AND ({told})", "options"),
        ("action_log", "their result", "result IS NOT NULL", "result"),
    )
    return [loss for each in found for loss in lost(connection, *each)]


def _new_tables() -> None:
    """A BMC has one outlet, other devices have none until an operator says how many: version 1 doesn't know."""
    controls(column("outlets", sa.Integer()), column("options", LONG))
    op.execute(
        f"INSERT INTO power_controls_new ({CONTROL}, outlets, options) "
        f"SELECT {CONTROL}, CASE WHEN protocol IN ('ipmi', 'redfish', 'amt') THEN 1 ELSE 0 END, '{{}}' "
        "FROM power_controls"
    )
    op.create_table(
        "power_links_new",
        grows(),
        column("control_id", sa.Integer()),
        column("host", NAME),
        column("outlet", sa.Integer()),
        column("machine", NAME),
        column("is_default", sa.Boolean()),
        column("options", LONG),
        column("identity", NAME),
        *(column(name, TIME, nullable=True) for name in ("verified_at", "initialised_at", "check_at")),
        column("check_state", WORD),
        column("check_message", LONG),
        owned_by_control(),
        sa.UniqueConstraint("control_id", "outlet", "machine", name="uq_power_links_place"),
        **OPTIONS,
    )
    op.execute(
        f"INSERT INTO power_links_new ({LINK}, machine, options, identity, check_state, check_message) "
        f"SELECT {LINK}, '', '{{}}', '', '', '' FROM power_links"
    )


def _old_tables() -> None:
    """IPMI alone: version 1 can't use other controls, and would call a host off when one of its supplies is.

    Nor may they wait there: they would come back without their options, and a relay that lost `inverted` reads off
    while it is on.
    """
    controls()
    op.execute(f"INSERT INTO power_controls_new ({CONTROL}) SELECT {CONTROL} FROM power_controls {IPMI}")
    op.create_table(
        "power_links_new",
        sa.Column("control_id", sa.Integer(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("host", NAME, primary_key=True, nullable=False),
        column("outlet", sa.Integer()),
        column("is_default", sa.Boolean()),
        column("verified_at", TIME, nullable=True),
        owned_by_control(),
        sa.UniqueConstraint("control_id", "outlet", name="uq_power_links_outlet"),
        **OPTIONS,
    )
    op.execute(
        f"INSERT INTO power_links_new ({LINK}) SELECT {LINK} FROM power_links "
        f"WHERE control_id IN (SELECT id FROM power_controls {IPMI})"
    )


def rebuild(make: Callable[[], None]) -> None:
    """Both tables anew, with their rows; at any moment one of each is whole, wherever the work is interrupted."""
    drop_leftovers()
    make()
    swaps = [
        f"{name}{before} {{}} {name}{after}"
        for name in ("power_links", "power_controls")
        for before, after in (("", "_old"), ("_new", ""))
    ]
    if op.get_context().dialect.name == "sqlite":
        for swap in swaps:
            op.execute(f"ALTER TABLE {swap.format('RENAME TO')}")
    else:
        op.execute("RENAME TABLE " + ", ".join(swap.format("TO") for swap in swaps))


def tidy() -> None:
    """What comes after the tables have been swapped."""
    drop_leftovers(undisturbed=OLD)
    if not has_index("power_links", INDEX, undisturbed=False):
        op.create_index(INDEX, "power_links", ["host"])


def drop_leftovers(undisturbed: tuple[str, ...] = ()) -> None:
    for table in (*NEW, *OLD):
        if has_table(table, undisturbed=table in undisturbed):
            op.drop_table(table)
