# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of the daemon that do not exist: a later one that works, and later ones that are broken, as sources."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.lab.plan import REPOSITORY

Change = Callable[[Path], None]

PACKAGE = Path("src/cloud_manager")
NEXT = 3
NEXT_MIGRATION = PACKAGE / "db/migrations/versions/r3_of_a_test.py"
MIGRATION = f'''
"""a table of a later version"""

import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{NEXT - 1}"


def upgrade() -> None:
    if not there():
        op.create_table("of_a_later_version", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("INSERT INTO of_a_later_version (id) VALUES (1)")
{{last}}


def downgrade() -> None:
    if there():
        op.drop_table("of_a_later_version")


def losses(connection) -> list[str]:
    return []


def there() -> bool:
    return sa.inspect(op.get_bind()).has_table("of_a_later_version")
'''


def later_version(folder: Path, version: str, *changes: Change) -> Path:
    """Write the daemon's source as it is here under another version and with changes; returns where it lies."""
    source = folder / f"source-{version}"
    built = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", "tests")
    shutil.copytree(REPOSITORY / "watchdog", source, ignore=built)
    project = source / "pyproject.toml"
    text, found = re.subn(r'(?m)^version = ".*"$', f'version = "{version}"', project.read_text())
    assert found == 1, f"{project}: one line with the version expected"
    project.write_text(text)
    for change in changes:
        change(source)
    return source


def with_a_migration(source: Path) -> None:
    """It has one migration more."""
    (source / NEXT_MIGRATION).write_text(MIGRATION.format(last=""))


def with_a_migration_that_fails(source: Path) -> None:
    """Its migration fails when half of it is done, which MariaDB has committed by then."""
    failure = '    op.execute("INSERT INTO of_no_version (id) VALUES (1)")'
    (source / NEXT_MIGRATION).write_text(MIGRATION.format(last=failure))


def with_a_watchdog_that_ends(source: Path) -> None:
    """Its watchdog ends before it has begun."""
    _replace(source / PACKAGE / "console/running.py", "    app.say_notices()\n", '    raise SystemExit("broken")\n')


def with_a_watchdog_that_hangs(source: Path) -> None:
    """Its watchdog runs and never says that it is ready."""
    hanging = "    import time\n\n    time.sleep(3600)\n"
    _replace(source / PACKAGE / "console/running.py", "    app.say_notices()\n", hanging)


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path} has changed: {old!r} is not in it"
    path.write_text(text.replace(old, new, 1))
