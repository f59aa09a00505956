# SPDX-License-Identifier: GPL-3.0-or-later
"""What pxe_host writes for GRUB, read by GRUB's own parser."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.pxe_config import GRUB, Boot, content

CHECK = Path("/usr/bin/grub-script-check")


@pytest.mark.parametrize(
    "boot",
    [
        Boot("c1", "local"),
        Boot(
            "c1",
            "install",
            "linux",
            ("initrd.gz", "more.gz"),
            "auto=true url=http://192.0.2.1/?a=1&b=2;c $x {y} #z <|>",
        ),
        Boot("c1", "custom", "linux"),
    ],
)
def test_grub_understands_it(boot: Boot, tmp_path: Path) -> None:
    assert CHECK.exists(), f"{CHECK} missing: run ./dev test integration, which installs it, as root"
    (tmp_path / "grub.cfg").write_text(content(GRUB, boot))
    done = subprocess.run([CHECK, tmp_path / "grub.cfg"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_grub_refuses_what_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "grub.cfg").write_text("linux /linux {y} ; ; <|>\n")
    assert subprocess.run([CHECK, tmp_path / "grub.cfg"], capture_output=True, check=False).returncode != 0
