# SPDX-License-Identifier: GPL-3.0-or-later
"""Labels, addresses of databases, and what programs say, as snapshots read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.program import Ended, run, without_credentials
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from ansible_collections.aos.cloud_manager.plugins.module_utils.snapshot_database import Mysql, Sqlite, find_database
from ansible_collections.aos.cloud_manager.plugins.module_utils.snapshot_folder import SnapshotFolder


@pytest.mark.parametrize("label", ["", ".", "..", ".x", "a/b", "a b", "a\n", "ü"])
def test_a_label_that_is_no_name_is_refused(tmp_path: Path, label: str) -> None:
    with pytest.raises(AosError, match="is no name"):
        SnapshotFolder(str(tmp_path), label)


def test_a_record_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = SnapshotFolder(str(tmp_path), "x")
    folder.create()
    folder.write("snapshot.json", '{"label": "x"}')
    with pytest.raises(AosError, match=r"snapshot\.json cannot be read: .*; remove the snapshot"):
        folder.snapshot()


@pytest.mark.parametrize(
    ("url", "path"), [("sqlite:////var/lib/x.db", "/var/lib/x.db"), ("sqlite:////a%20b.db?timeout=1", "/a b.db")]
)
def test_an_address_of_sqlite_names_a_file(url: str, path: str) -> None:
    assert find_database(url) == Sqlite(Path(path))


def test_an_address_of_mariadb_becomes_the_client_s_settings() -> None:
    url = "mysql+pymysql://aos:p%40ss%22w@localhost:3307/cloud_manager?charset=utf8&ssl_ca=/ca.pem"
    found = find_database(url)
    assert isinstance(found, Mysql)
    assert found.name == "cloud_manager"
    assert found.settings == {
        "host": "localhost", "port": "3307", "user": "aos", "password": 'p@ss"w', "ssl-ca": "/ca.pem",
        "protocol": "tcp", "loose-init-command": "SET SESSION lock_wait_timeout = 60",
    }  # fmt: skip
    by_socket = find_database("mysql+pymysql://aos@/x?unix_socket=/run/socket")
    assert isinstance(by_socket, Mysql)
    assert by_socket.settings == {
        "user": "aos", "socket": "/run/socket", "protocol": "socket", "loose-ssl-verify-server-cert": "0",
        "loose-init-command": "SET SESSION lock_wait_timeout = 60",
    }  # fmt: skip
    assert "p@ss" not in repr(found)


@pytest.mark.parametrize(
    "url", ["", "s3cret", "postgresql://u:s3cret@h/x", "mysql://u:s3cret@h", "mysql://u:s3cret@h:port/x", "sqlite://"]
)
def test_an_address_that_cannot_be_saved_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(AosError, match="names no database that can be saved") as caught:
        find_database(url)
    assert "s3cret" not in str(caught.value)


# Somebody else where the tests may make that so.
OWNER = 65534 if os.geteuid() == 0 else os.geteuid()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder that another user may write, with a saved database beside it."""
    (tmp_path / "saved").write_text("saved")
    place = tmp_path / "state"
    place.mkdir(mode=0o750)
    os.chown(place, OWNER, -1)
    return place


def test_a_restored_file_belongs_to_whom_the_old_one_or_the_folder_did(place: Path) -> None:
    path = place / "x.db"
    for mode in (0o640, 0o600):
        Sqlite(path).restore(place.parent / "saved")
        status = path.stat()
        assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (OWNER, mode)
        assert path.read_text() == "saved"
        path.write_text("old")
        path.chmod(0o4700)
    assert [one.name for one in place.iterdir()] == ["x.db"]


def test_links_in_the_folder_of_a_database_lead_a_restore_nowhere(place: Path) -> None:
    victim, path = place.parent / "victim", place / "x.db"
    victim.write_text("theirs")
    before = victim.stat()
    path.write_text("old")
    for name in ("x.db.restored", "x.db-wal"):
        (place / name).symlink_to(victim)
    Sqlite(path).restore(place.parent / "saved")
    assert path.read_text() == "saved"
    path.unlink()
    path.symlink_to(victim)
    with pytest.raises(AosError, match="is no file, perhaps a symbolic link"):
        Sqlite(path).restore(place.parent / "saved")
    after = victim.stat()
    assert victim.read_text() == "theirs"
    assert (after.st_uid, after.st_mode, after.st_ino) == (before.st_uid, before.st_mode, before.st_ino)


def test_credentials_are_taken_out_of_every_address() -> None:
    text = "from https://u:p@h/x and https://token@h, not a@b or http://h/x@1"
    assert without_credentials(text) == "from https://h/x and https://h, not a@b or http://h/x@1"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ERROR: one\nERROR: two https://u:p@h/\nhint: three\n", "two https://h/"),
        (
            "Traceback\n  x\nOSError: [Errno 28] No space left on device\n\n",
            "OSError: [Errno 28] No space left on device",
        ),
        ("", "it ended with status 1"),
    ],
)
def test_the_reason_of_a_program_is_one_line(text: str, reason: str) -> None:
    assert Ended(1, text).reason == reason


def test_a_program_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    with pytest.raises(AosError, match="none cannot be run: No such file or directory; install it"):
        run([str(tmp_path / "none")])
