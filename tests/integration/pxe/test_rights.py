# SPDX-License-Identifier: GPL-3.0-or-later
"""pxe_host run by a user for whom rights count, which they do not for root."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.aos.cloud_manager.plugins.modules import pxe_host

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """The folder of the files for pxelinux below a root that everybody reaches."""
    with tempfile.TemporaryDirectory(dir="/tmp") as root:
        Path(root).chmod(0o755)
        folder = Path(root, "pxelinux.cfg")
        folder.mkdir()
        yield folder
        folder.chmod(0o755)


@pytest.mark.parametrize(
    ("rights", "said"), [(0o311, "cannot be opened"), (0o444, "cannot be read"), (0o555, "cannot be written")]
)
def test_a_folder_without_rights_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], rights: int, said: str
) -> None:
    folder.chmod(rights)
    given = {"name": "compute-01", "mac": "52:54:00:aa:bb:01", "state": "local", "root": str(folder.parent)}
    with patch_module_args(given), pytest.raises(SystemExit):
        run_as_nobody()
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["failed"]
    assert str(folder) in outcome["msg"]
    assert f"{said}: Permission denied; correct " in outcome["msg"]


def run_as_nobody() -> None:
    was = os.geteuid()
    os.seteuid(NOBODY)
    try:
        pxe_host.main()
    finally:
        os.seteuid(was)
