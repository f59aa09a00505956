# SPDX-License-Identifier: GPL-3.0-or-later
"""The module awx with the playbook's own data, and the playbook as an operator runs it, against a small AWX."""

from __future__ import annotations

import copy
import json
import os
import secrets
import ssl
import subprocess
import sys
import threading
import time
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.aos.cloud_manager.plugins.modules import awx as awx_module
from tests.integration.deployment.fake_awx import FakeAwx, Server
from tests.integration.power.redfish_bmc import write_certificate

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(sys.executable).parent
INPUTS = {
    "awx_scm_url": "https://git.example.org/cloud_manager.git",
    "awx_inventory_url": "https://git.example.org/inventory.git",
    "awx_image": "registry.example.org/aos/execution-environment:1",
}
ASKING = {"identifier": "a", "approval": {"name": "Go on?"}}
MODULE = "aos.cloud_manager.awx"
Outcome = dict[str, t.Any]


def playbook_options(**inputs: t.Any) -> dict[str, t.Any]:
    """Return the options that the playbook gives to the module."""
    loader, variables = DataLoader(), INPUTS | inputs
    (play,) = loader.load_from_file(str(ROOT / "playbooks" / "awx_setup.yml"), trusted_as_template=True)
    for file in play["vars_files"]:
        variables |= loader.load_from_file(str(ROOT / "playbooks" / file), trusted_as_template=True)
    (options,) = (task[MODULE] for task in play["tasks"] if MODULE in task)
    return t.cast(dict[str, t.Any], Templar(loader, variables).template(options))


class Site:
    """An AWX, and the module or the playbook run on it."""

    def __init__(self, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
        self.server, self.awx, self._capsys = server, server.awx, capsys

    def apply(self, inputs: t.Mapping[str, t.Any] | None = None, **options: t.Any) -> Outcome:
        """Run the module in this process with the playbook's data for the inputs; options come before those."""
        wanted = playbook_options(awx_url=self.server.url, awx_token=self.awx.token, **(inputs or {})) | options
        with patch_module_args(json.loads(json.dumps(wanted))), pytest.raises(SystemExit):
            awx_module.main()
        told = self._capsys.readouterr().out
        assert self.awx.token not in told
        return t.cast(Outcome, json.loads(told))

    def play(self, *options: str, token: str = "", ends: int = 0, **inputs: str) -> str:
        """Run the playbook to its end; the token is in the environment, the inputs are extra variables."""
        words = [
            word for pair in ({"awx_url": self.server.url} | INPUTS | inputs).items() for word in ("-e", "=".join(pair))
        ]
        done = subprocess.run(
            [BIN / "ansible-playbook", "aos.cloud_manager.awx_setup", *options, *words],
            cwd=ROOT,
            env=os.environ
            | {"PATH": f"{BIN}:{os.environ['PATH']}", "AOS_AWX_TOKEN": token or self.awx.token, "ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert (token or self.awx.token) not in done.stdout
        assert done.returncode == ends, done.stdout
        return done.stdout

    def holds(self) -> tuple[t.Any, ...]:
        """Return all that is in AWX."""
        return copy.deepcopy((self.awx.objects, self.awx.lists, self.awx.surveys))

    def list_of(self, kind: str, name: str, members: str) -> list[int]:
        """Return the numbers in a list of an object."""
        return self.awx.lists[kind, self.awx.one(kind, name)["id"], members]


@pytest.fixture
def site(capsys: pytest.CaptureFixture[str]) -> t.Iterator[Site]:
    """Yield a site whose AWX has nothing of ours."""
    with Server(FakeAwx(secrets.token_hex(16))) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield Site(server, capsys)
        server.shutdown()


def test_an_empty_awx_is_set_up_by_what_check_mode_tells_and_the_second_run_changes_nothing(site: Site) -> None:
    empty = site.holds()
    told = site.apply(_ansible_check_mode=True, _ansible_diff=True)
    assert site.awx.changes == []
    assert site.holds() == empty
    done = site.apply(_ansible_diff=True)
    assert {**done, "invocation": 0} == {**told, "invocation": 0}
    assert len(done["changes"]) == len(site.awx.changes) > 50
    after = site.holds()
    again = site.apply(_ansible_diff=True)
    assert (again["changed"], again["changes"], again["diff"]) == (False, [], {"before": {}, "after": {}})
    assert site.holds() == after
    assert len(site.awx.changes) == len(done["changes"])


def test_check_mode_names_what_is_not_there_yet(site: Site) -> None:
    outcome = site.apply({"awx_organization": "New"}, _ansible_check_mode=True, _ansible_diff=True)
    assert outcome["changes"][:2] == [
        "organization New is made",
        "organization New gets Galaxy credential Ansible Galaxy",
    ]
    template = outcome["diff"]["after"]["job template AOS recover host is made"]
    assert (template["project"], template["inventory"]) == ("AOS CloudManager", "AOS hosts")
    assert "job template AOS recover host gets credential AOS power controls" in outcome["changes"]
    assert (
        "workflow node AOS remediate host: approve leads on success to workflow node AOS remediate host: recover"
        in outcome["changes"]
    )


def test_all_belongs_to_the_organization(site: Site) -> None:
    site.apply({"awx_organization": "New"})
    number = site.awx.one("organizations", "New")["id"]
    for kind in ("projects", "inventories", "workflow_job_templates"):
        assert {one["organization"] for one in site.awx.objects[kind].values()} == {number}
    assert site.awx.one("credentials", "AOS machine")["organization"] == number
    assert not site.apply({"awx_organization": "New"})["changed"]


def test_templates_with_questions_ask_them_and_the_others_do_not(site: Site) -> None:
    site.apply()
    enabled = {one["name"]: one["survey_enabled"] for one in site.awx.objects["job_templates"].values()}
    surveyed = {number for kind, number in site.awx.surveys if kind == "job_templates"}
    assert {site.awx.one("job_templates", name)["id"] for name, asks in enabled.items() if asks} == surveyed
    assert enabled["AOS recover host"]
    assert not enabled["AOS site"]


def test_what_was_changed_by_hand_is_set_right_and_the_rest_is_left(site: Site) -> None:
    site.apply()
    after, awx = site.holds(), site.awx
    recover, machine = awx.one("job_templates", "AOS recover host"), awx.one("credentials", "AOS machine")
    recover |= {"description": "changed by hand", "extra_vars": "an operator's own"}
    machine["inputs"] = {"username": "typed in by its owner"}
    awx.surveys["job_templates", recover["id"]] = {}
    evacuate = awx.one("job_templates", "AOS evacuate host")
    evacuate["survey_enabled"] = False
    spec = awx.surveys["job_templates", evacuate["id"]]["spec"]
    awx.surveys["job_templates", evacuate["id"]] = {"name": "", "description": "", "spec": spec[:1]}
    awx.one("workflow_approval_templates", "Recover the host?")["timeout"] = 0
    awx.one("workflow_job_template_nodes", "recover")["unified_job_template"] = None
    site.list_of("workflow_job_template_nodes", "approve", "success_nodes").clear()
    galaxy = awx.one("credentials", "Ansible Galaxy")["id"]
    site.list_of("job_templates", "AOS recover host", "credentials")[:] = [galaxy]
    assert site.apply()["changes"] == [
        "job template AOS recover host gets another description",
        "job template AOS recover host gets its survey",
        "job template AOS recover host gets credential AOS cloud",
        "job template AOS recover host gets credential AOS power controls",
        "job template AOS evacuate host gets another survey_enabled",
        "job template AOS evacuate host gets another survey",
        "workflow node AOS remediate host: approve asks with another timeout",
        "workflow node AOS remediate host: recover gets another unified_job_template",
        "workflow node AOS remediate host: approve leads on success to workflow node AOS remediate host: recover",
    ]
    assert recover["extra_vars"] == "an operator's own"
    assert machine["inputs"] == {"username": "typed in by its owner"}
    assert galaxy in site.list_of("job_templates", "AOS recover host", "credentials")
    recover["extra_vars"], machine["inputs"] = "", {}
    site.list_of("job_templates", "AOS recover host", "credentials").remove(galaxy)
    assert site.holds() == after


def test_a_list_of_several_pages_is_read_to_its_end(site: Site) -> None:
    site.apply()
    credentials = site.list_of("job_templates", "AOS site", "credentials")
    assert len(credentials) == 5
    gone = credentials.pop(3)
    changes = site.apply()["changes"]
    assert changes == ["job template AOS site gets credential AOS message bus"]
    assert credentials[-1] == gone


def test_another_branch_is_fetched_before_the_templates_change(site: Site) -> None:
    site.apply()
    site.awx.one("job_templates", "AOS site")["playbook"] = "playbooks/install.yml"
    changes = site.apply({"awx_scm_branch": "v2"})["changes"]
    assert changes == [
        "project AOS CloudManager gets another scm_branch",
        "job template AOS site gets another playbook",
    ]


@pytest.mark.parametrize("check", [False, True])
def test_a_bad_token_is_told_and_nothing_is_changed(site: Site, check: bool) -> None:
    outcome = site.apply(token="no-such-token", _ansible_check_mode=check)
    assert outcome["failed"]
    assert f"AWX at {site.server.url}/api/v2 refuses the token (HTTP 401); make a new one" in outcome["msg"]
    assert "no-such-token" not in json.dumps(outcome)
    assert site.awx.changes == []


def test_a_token_that_is_not_given_is_asked_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AOS_AWX_TOKEN", raising=False)
    assert site.apply(token="")["msg"] == "the token of AWX is missing; give token or AOS_AWX_TOKEN"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://awx.invalid", "awx"])
def test_an_awx_that_does_not_answer_is_told(site: Site, url: str) -> None:
    said = site.apply(url=url)["msg"]
    assert f"AWX does not answer at {url}/api/v2 (" in said
    assert "check url" in said


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_an_awx_whose_certificate_nobody_knows_is_told(site: Site, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    write_certificate(tmp_path, "awx.test", "127.0.0.1")
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    site.server.socket = context.wrap_socket(site.server.socket, server_side=True)
    url = site.server.url.replace("http:", "https:")
    said = site.apply(url=url)["msg"]
    assert f"the certificate of {url}/api/v2 is not trusted" in said
    assert "set ca_cert or validate_certs" in said
    for trust in ({"validate_certs": False}, {"ca_cert": str(tmp_path / "cert.pem")}):
        assert site.apply(url=url, _ansible_check_mode=True, **trust)["changed"]


def test_another_prefix_is_asked_for_where_there_is_no_api(site: Site) -> None:
    site.server.prefix = "/api/controller/v2"
    assert "set prefix, which behind a gateway is /api/controller/v2" in site.apply()["msg"]
    assert site.apply(prefix="api/controller/v2/")["changed"]


def test_an_awx_without_the_galaxy_credential_is_told_before_anything_is_made(site: Site) -> None:
    site.awx.objects["credentials"].clear()
    said = site.apply()["msg"]
    assert "AWX has no Galaxy credential Ansible Galaxy, without which it installs no collection for a job" in said
    assert site.awx.changes == []
    assert site.apply(galaxy_credential="")["changed"]


@pytest.mark.parametrize("again", [False, True])
def test_a_repository_that_awx_cannot_fetch_is_told(site: Site, again: bool) -> None:
    site.awx.unfetchable.add(INPUTS["awx_scm_url"])
    for _time in range(1 + again):
        said = site.apply()["msg"]
    assert f"AWX could not fetch project AOS CloudManager from {INPUTS['awx_scm_url']} (its update is failed)" in said
    assert site.awx.objects["job_templates"] == {}


def test_a_repository_is_not_waited_for_without_end(site: Site) -> None:
    site.awx.slow.add(INPUTS["awx_scm_url"])
    begun = time.monotonic()
    said = site.apply(project_timeout=0.3)["msg"]
    assert time.monotonic() - begun < 15
    assert f"AWX has not fetched project AOS CloudManager from {INPUTS['awx_scm_url']} in 0.3 seconds" in said
    assert site.awx.objects["job_templates"] == {}
    site.awx.slow.clear()
    assert site.apply()["changed"]
    assert not site.apply()["changed"]


def test_a_playbook_that_the_project_lacks_is_told_with_the_remedy(site: Site) -> None:
    site.awx.lacking.add("playbooks/site.yml")
    said = site.apply()["msg"]
    assert said.startswith("job template AOS site is made: AWX refuses POST")
    assert "playbook: Playbook not found for project.; update its project in AWX" in said
    assert "playbooks/site.yml is not in what AWX has fetched" in said


def test_what_awx_refuses_is_told_in_its_words_with_the_object(site: Site) -> None:
    survey = {"question_name": "Host", "variable": "host", "type": "text", "required": True, "default": 5}
    template = {"name": "Odd", "project": "AOS CloudManager", "playbook": "playbooks/site.yml", "survey": [survey]}
    said = site.apply(job_templates=[template], workflows=[])["msg"]
    assert said.startswith("job template Odd gets its survey: AWX refuses POST")
    assert "(HTTP 400): error: survey question host: ('text', 5)" in said


def test_an_object_that_others_name_must_be_there_before_anything_is_made(site: Site) -> None:
    template = {"name": "Odd", "project": "Strange", "playbook": "playbooks/site.yml", "credentials": ["No such"]}
    said = site.apply(job_templates=[template], workflows=[])["msg"]
    assert said.startswith("AWX has no project Strange, which another object names; make it")
    assert site.awx.changes == []


def test_an_object_of_another_hand_can_be_named(site: Site) -> None:
    site.apply()
    named = {"project": "AOS CloudManager", "inventory": "AOS hosts"}
    template = {"name": "Odd", "playbook": "playbooks/site.yml", **named}
    kinds = ("projects", "inventories", "inventory_sources", "workflows")
    outcome = site.apply(job_templates=[template], **{kind: [] for kind in kinds})
    assert outcome["changes"] == ["job template Odd is made"]


def test_a_way_to_a_node_that_is_not_there_is_told(site: Site) -> None:
    flow = {"name": "Odd", "nodes": [ASKING], "ways": [{"from": "a", "outcome": "always", "to": "b"}]}
    said = site.apply(workflows=[flow])["msg"]
    assert said == "a way of workflow Odd names node b, which is none of a; correct it"


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"identifier": "a"}, "one of the following is required: unified_job_template, approval"),
        ({**ASKING, "unified_job_template": "AOS site"}, "mutually exclusive: unified_job_template|approval"),
    ],
)
def test_a_node_runs_or_asks_and_never_both(site: Site, node: dict[str, t.Any], words: str) -> None:
    assert words in site.apply(workflows=[{"name": "Odd", "nodes": [node]}])["msg"]


def test_the_playbook_tells_the_same_rehearsed_and_played_and_no_secret(site: Site) -> None:
    """By a site's own organization, so that inputs of the playbook are seen to arrive."""
    rehearsed = site.play("--check", "--diff", awx_organization="Ours")
    assert site.awx.changes == []
    assert "job template AOS site gets credential AOS machine" in rehearsed
    played = site.play("-vvv", awx_organization="Ours")
    assert site.awx.one("organizations", "Ours")
    assert "changed=1" in rehearsed
    assert "changed=1" in played
    assert "changed=0" in site.play(awx_organization="Ours")
    assert site.awx.one("credential_types", "AOS cloud")["injectors"]["file"] == {"template.clouds": "{{ clouds }}"}
    assert "refuses the token (HTTP 401)" in site.play("-vvv", token="no-such-token", ends=2)
