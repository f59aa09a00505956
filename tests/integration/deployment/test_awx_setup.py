# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook awx_setup as an operator runs it, against an AWX that has nothing of ours."""

from __future__ import annotations

import copy
import os
import re
import secrets
import subprocess
import sys
import threading
import typing as t
from pathlib import Path

import pytest

from tests.integration.deployment.fake_awx import FakeAwx, Server

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
INPUTS = {
    "awx_scm_url": "https://git.example.org/cloud_manager.git",
    "awx_inventory_url": "https://git.example.org/inventory.git",
    "awx_image": "registry.example.org/aos/execution-environment:1",
}


class Site:
    """An AWX, and the playbook run on it."""

    def __init__(self, server: Server) -> None:
        self.server, self.awx = server, server.awx

    def run(self, *options: str, token: str | None = None, **inputs: str) -> subprocess.CompletedProcess[str]:
        """Run the playbook; the token is in the environment, the inputs are extra variables."""
        wanted = {"awx_url": self.server.url} | INPUTS | inputs
        command = [BIN / "ansible-playbook", "aos.cloud_manager.awx_setup", *options]
        for name, value in wanted.items():
            command += ["-e", f"{name}={value}"]
        done = subprocess.run(
            [str(word) for word in command],
            cwd=ROOT,
            env=os.environ
            | {"PATH": f"{BIN}:{os.environ['PATH']}", "AOS_AWX_TOKEN": token or self.awx.token, "ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert self.awx.token not in done.stdout
        return done


def changed(done: subprocess.CompletedProcess[str]) -> int:
    """Return how many tasks say that they changed something."""
    assert done.returncode == 0, done.stdout
    return int(re.search(r"changed=(\d+)", done.stdout)[1])


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a failed run says, in one line."""
    assert done.returncode == 2, done.stdout
    return " ".join(done.stdout.split())


@pytest.fixture
def site() -> t.Iterator[Site]:
    """Yield a site whose AWX has nothing of ours."""
    playbooks = {f"playbooks/{path.name}" for path in (ROOT / "playbooks").glob("*.yml")}
    with Server(FakeAwx(secrets.token_hex(16), playbooks)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Site(server)
        server.shutdown()


def test_an_empty_awx_is_set_up_and_the_second_run_changes_nothing(site: Site) -> None:
    """Check mode first: it tells of every change and makes none."""
    awx = site.awx
    told = changed(site.run("--check"))
    assert awx.changes == []
    assert changed(site.run()) == told == len(awx.changes)
    after = copy.deepcopy((awx.objects, awx.lists, awx.surveys))
    assert changed(site.run("-vvv")) == 0
    assert (awx.objects, awx.lists, awx.surveys) == after
    assert len(awx.changes) == told
