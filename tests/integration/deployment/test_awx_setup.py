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
    with Server(FakeAwx(secrets.token_hex(16))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Site(server)
        server.shutdown()


def test_an_empty_awx_is_set_up_and_brought_back(site: Site) -> None:
    """One story, since every run takes its time: check mode does nothing, a second run changes nothing."""
    awx = site.awx
    told = changed(site.run("--check"))
    assert awx.changes == []
    assert changed(site.run()) == told == len(awx.changes)
    after = copy.deepcopy((awx.objects, awx.lists, awx.surveys))
    assert changed(site.run("-vvv")) == 0
    assert (awx.objects, awx.lists, awx.surveys) == after
    assert len(awx.changes) == told
    recover, machine = awx.one("job_templates", "AOS recover host"), awx.one("credentials", "AOS machine")
    recover |= {"description": "changed by hand", "extra_vars": "an operator's own"}
    machine["inputs"] = {"username": "typed in by its owner"}
    awx.surveys["job_templates", recover["id"]] = {}
    awx.one("workflow_approval_templates", "Recover the host?")["timeout"] = 0
    awx.lists[
        "workflow_job_template_nodes", awx.one("workflow_job_template_nodes", "approve")["id"], "success_nodes"
    ] = []
    assert changed(site.run()) == 4
    assert recover.pop("extra_vars") == "an operator's own"
    recover["extra_vars"] = ""
    assert machine.pop("inputs") == {"username": "typed in by its owner"}
    machine["inputs"] = {}
    assert (awx.objects, awx.lists, awx.surveys) == after


def test_a_bad_token_is_told_and_nothing_is_changed(site: Site) -> None:
    said = sentence(site.run(token="no-such-token"))
    assert f"AWX at {site.server.url}/api/v2 refuses the token (HTTP 401). Make a new one" in said
    assert "no-such-token" not in said
    assert site.awx.changes == []


def test_an_awx_that_does_not_answer_is_told(site: Site) -> None:
    said = sentence(site.run("-vvv", awx_url="http://127.0.0.1:1"))
    assert "AWX does not answer at http://127.0.0.1:1/api/v2" in said
    assert "Check awx_url" in said


def test_another_prefix_is_asked_for_where_there_is_no_api(site: Site) -> None:
    site.server.prefix = "/api/controller/v2"
    assert "Set awx_api_prefix; behind a gateway it is /api/controller/v2" in sentence(site.run())
    site.awx.objects["credentials"].clear()
    said = sentence(site.run(awx_api_prefix="api/controller/v2/"))
    assert "AWX has no Galaxy credential Ansible Galaxy" in said


def test_a_repository_that_awx_cannot_fetch_is_told(site: Site) -> None:
    site.awx.unfetchable.add(INPUTS["awx_scm_url"])
    said = sentence(site.run())
    assert f"AWX could not fetch project AOS CloudManager from {INPUTS['awx_scm_url']} (its update is failed)" in said
    assert site.awx.objects["job_templates"] == {}
