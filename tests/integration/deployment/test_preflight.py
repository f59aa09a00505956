# SPDX-License-Identifier: GPL-3.0-or-later
"""What preflight refuses and what it only warns of; this machine is the controller, a stand-in all its services."""

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from tests.integration.deployment.playbooks import played
from tests.packaging.tree import ROOT

PASSWORDS = ("aos_database_password", "aos_keystone_password", "aos_rabbitmq_password")
NOBODY = "http://127.0.0.1:1"
HERE = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable}
SILENT = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}


class Handler(BaseHTTPRequestHandler):
    """Keystone, as far as preflight asks it: an answer with the time."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_arguments):
        pass


@pytest.fixture(scope="module")
def listener():
    """Return the port where all services listen."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def look(tmp_path, listener):
    """Let a playbook look at a site where all is well but for what is given; None takes a variable away.

    Returns its status and what it said, in one line. broker: how rabbit-01 is reached.
    """
    well = {
        "aos_root": str(tmp_path / "program"),
        "aos_link": str(tmp_path / "link"),
        **{f"aos_{name}_dir": str(tmp_path / name) for name in ("config", "state", "log", "rollback")},
        "aos_database_host": "127.0.0.1",
        "aos_database_port": listener,
        "aos_keystone_auth_url": f"http://127.0.0.1:{listener}",
        "aos_rabbitmq_api_url": f"http://127.0.0.1:{listener}",
        "aos_free_mib": 1,
        **dict.fromkeys(PASSWORDS, "password"),
    }

    def play(name="site", broker=HERE, collections=ROOT / "collections", **given):
        said = {option: value for option, value in (HERE | well | given).items() if value is not None}
        hosts = {"controllers": {"hosts": {"controller-01": said}}, "brokers": {"hosts": {"rabbit-01": broker}}}
        inventory = tmp_path / "hosts.yml"
        inventory.write_text(yaml.safe_dump(hosts))
        found = {"ANSIBLE_COLLECTIONS_PATH": str(collections), "ANSIBLE_NOCOLOR": "1"}
        return played(name, inventory, "--tags=preflight", **found)

    return play


@pytest.mark.parametrize("via", ["auto", "api", "rabbitmqctl"])
def test_a_site_where_all_answers_is_ready(look, via):
    status, said = look(aos_rabbitmq_via=via)
    assert status == 0, said
    assert "RabbitMQ at" not in said


@pytest.mark.parametrize(("via", "status"), [("auto", 0), ("api", 2)])
def test_a_management_api_that_is_silent_is_refused_only_where_nothing_else_may_serve(look, via, status):
    found, said = look(aos_rabbitmq_via=via, aos_rabbitmq_api_url=NOBODY)
    assert found == status, said
    assert f"RabbitMQ at {NOBODY} is not reached from controller-01 (" in said


def test_the_management_api_is_tried_from_the_host_that_role_messaging_asks(look):
    """The address is answered on the controller, and that is another machine than the broker's."""
    status, said = look(aos_rabbitmq_via="api", aos_rabbitmq_admin_host="rabbit-01", broker=SILENT)
    assert status == 2
    assert "is not reached from rabbit-01 (" in said
    assert "controller-01 is not ready, nothing was changed" in said
    assert look(aos_rabbitmq_via="api", aos_rabbitmq_admin_host="rabbit-01")[0] == 0


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
def test_an_address_without_a_port_is_tried_at_that_of_its_scheme(look, scheme, port):
    said = look(aos_rabbitmq_via="api", aos_rabbitmq_api_url=f"{scheme}://127.0.0.254")[1]
    assert f"127.0.0.254:{port})" in said


def test_install_asks_for_no_password_and_site_for_all(look):
    nothing = {**dict.fromkeys(PASSWORDS), "aos_keystone_auth_url": None, "aos_database_port": 1}
    status, said = look("install", **nothing)
    assert status == 0, said
    status, said = look(**nothing)
    assert status == 2
    assert [name for name in (*PASSWORDS, "aos_keystone_auth_url") if f"{name} is not set" not in said] == []


def test_the_interpreter_that_is_named_is_the_one_that_is_judged(look, tmp_path):
    old = tmp_path / "python3.9"
    old.write_text("""#!/bin/sh\necho '{"version": "3.9", "venv": true, "mib": 4096}'\n""")
    old.chmod(0o755)
    status, said = look(aos_python=str(old))
    assert status == 2
    assert "Python 3.9 is too old: set aos_python to a Python 3.11 or newer" in said


def test_a_controller_that_cannot_be_looked_at_is_told_with_all_else(look):
    status, said = look(aos_python="/nonexistent", aos_keystone_password=None)
    assert status == 2
    assert "the controller could not be looked at with /nonexistent (" in said
    assert "aos_keystone_password is not set" in said


def test_the_playbook_of_a_checkout_finds_its_package_beside_installed_roles(look, tmp_path):
    """As AWX has them: the project, and what it installs of collections/requirements.yml before all others."""
    done = subprocess.run(
        [
            Path(sys.executable).with_name("ansible-galaxy"),
            *("collection", "install", "--offline", "--no-deps", "-r", "collections/requirements.yml", "-p", tmp_path),
        ],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(tmp_path), "ANSIBLE_HOME": str(tmp_path / "ansible")},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert not (tmp_path / "ansible_collections/aos/cloud_manager/watchdog").exists()
    status, said = look(collections=tmp_path)
    assert status == 0, said
