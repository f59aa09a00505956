# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions of the daemon that do not exist: a later one that works, and later ones that are broken."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.lab.plan import REPOSITORY
from tests.targets.wheelhouse import wheel_of

Change = Callable[[Path], None]

PACKAGE = Path("src/cloud_manager")
MIGRATIONS = PACKAGE / "db/migrations/versions"
MIGRATION = '''
"""a table of a later version"""

import sqlalchemy as sa
from alembic import op

from cloud_manager.db.there import has_table

revision = "{number}"
down_revision = "{before}"


def upgrade() -> None:
    if not has_table("of_a_later_version", undisturbed=False):
        op.create_table("of_a_later_version", sa.Column("id", sa.Integer(), primary_key=True))
{last}

def downgrade() -> None:
{first}    if has_table("of_a_later_version", undisturbed=True):
        op.drop_table("of_a_later_version")


def losses(connection: sa.Connection) -> list[str]:
    return []
'''
FAILS = '    op.execute("INSERT INTO of_no_version (id) VALUES (1)")\n'


def wheels(folder: Path) -> None:
    """Build each of VERSIONS into a folder of its name."""
    for number, (name, changes) in enumerate(VERSIONS.items(), start=2):
        wheel_of(later_version(folder / "sources", f"0.{number}.0", *changes), folder / name)


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
    _add_migration(source)


def with_a_migration_that_fails(source: Path) -> None:
    """Its migration fails when half of it is done, which MariaDB has committed by then."""
    _add_migration(source, last=FAILS)


def with_a_migration_that_fails_both_ways(source: Path) -> None:
    """As the one that fails, and nothing takes back the half that was done."""
    _add_migration(source, first=FAILS, last=FAILS)


def with_a_watchdog_that_ends(source: Path) -> None:
    """Its watchdog ends before it has begun."""
    _replace(source / PACKAGE / "console/running.py", "    app.say_notices()\n", '    raise SystemExit("broken")\n')


def with_a_watchdog_that_hangs(source: Path) -> None:
    """Its watchdog runs and never says that it is ready."""
    hanging = "    import time\n\n    time.sleep(3600)\n"
    _replace(source / PACKAGE / "console/running.py", "    app.say_notices()\n", hanging)


def _add_migration(source: Path, first: str = "", last: str = "") -> None:
    """first, last: what its downgrade begins with and its upgrade ends with."""
    before = len(list((source / MIGRATIONS).glob("r*.py")))
    text = MIGRATION.format(number=before + 1, before=before, first=first, last=last)
    (source / MIGRATIONS / f"r{before + 1}_of_a_test.py").write_text(text)


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{path} has changed: {old!r} is not in it"
    path.write_text(text.replace(old, new, 1))


VERSIONS: dict[str, Sequence[Change]] = {
    "good": [with_a_migration],
    "migration_fails": [with_a_migration_that_fails],
    "migration_fails_both_ways": [with_a_migration_that_fails_both_ways],
    "watchdog_ends": [with_a_migration, with_a_watchdog_that_ends],
    "watchdog_hangs": [with_a_migration, with_a_watchdog_that_hangs],
}
