# SPDX-License-Identifier: GPL-3.0-or-later
"""The tarball holds the collection and nothing else, and works where nothing else of ours is."""

import os
import re
import secrets
import socket
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.packaging.tree import COLLECTION, ROOT, modules, playbooks, run

JUNK = re.compile(
    r"(^|/)(\.git|\.venv|\.ci|\.ansible|__pycache__|tests|tools|watchdog|collections|dev|ansible\.cfg|clouds\.yaml)(/|$)"
    r"|\.(pyc|log|pid|db|sqlite|key|pem|tar\.gz)$|junk"
)


@pytest.fixture(scope="module")
def names(tarball):
    """Return the paths in the tarball."""
    with tarfile.open(tarball) as archive:
        return set(archive.getnames())


@pytest.fixture(scope="module")
def powered_on_bmc():
    """Yield the power control of a BMC, simulated on the loopback, whose machine is on."""
    address, password = "127.0.0.9", secrets.token_hex(8)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((address, 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("bmc.py"), address, str(port), "admin"],
        env={**os.environ, "BMC_PASSWORD": password},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "listening\n"
    yield {
        "title": "simulated",
        "protocol": "ipmi",
        "address": address,
        "port": port,
        "outlet": None,
        "username": "admin",
        "password": password,
        "default": True,
        "options": {},
    }
    process.kill()
    process.wait()
    process.stdout.close()


def inventory(folder, control):
    """Write an inventory with one hypervisor; return its path."""
    path = folder / "inventory.yml"
    hosts = {"compute-01.example.org": {"power_controls": [control]}}
    path.write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    return path


def test_the_tarball_holds_every_module_and_playbook(names):
    assert {f"plugins/modules/{name}.py" for name in modules()} <= names
    assert {f"playbooks/{name}.yml" for name in playbooks()} <= names
    assert {f"playbooks/argument_specs/{name}.yml" for name in playbooks()} <= names
    assert {"LICENSE", "README.md", "meta/runtime.yml", "requirements.txt"} <= names


def test_the_tarball_holds_no_junk(names):
    assert not [name for name in names if JUNK.search(name)]


def test_of_the_inventories_only_the_example_is_ours(names):
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / "inventory" / "example").rglob("*") if path.is_file()}
    assert ours <= names
    others = ["inventory/mine/group_vars/all/vault.yml", "inventory/mine.yml", "inventory/examples/hosts.yml"]
    ignored = run(["git", "check-ignore", "--no-index", *others, *sorted(ours)], cwd=ROOT)
    assert ignored.stdout.splitlines() == others


@pytest.mark.parametrize("name", playbooks())
def test_an_installed_playbook_is_found_by_its_full_name(installed, name):
    done = installed("ansible-playbook", "--syntax-check", f"{COLLECTION}.{name}", "-e", "host=compute-01")
    assert done.returncode == 0, done.stdout


def test_an_installed_playbook_reads_the_power_of_a_host(installed, powered_on_bmc, tmp_path):
    hosts = inventory(tmp_path, powered_on_bmc)
    done = installed(
        "ansible-playbook",
        "-i",
        hosts,
        f"{COLLECTION}.power_host",
        "-e",
        "host=compute-01.example.org power_state=status",
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"compute-01\.example\.org\b.*\bon\b", done.stdout), done.stdout
    assert powered_on_bmc["password"] not in done.stdout


def test_an_installed_playbook_names_a_host_that_the_inventory_does_not_know(installed, powered_on_bmc, tmp_path):
    hosts = inventory(tmp_path, powered_on_bmc)
    done = installed(
        "ansible-playbook", "-i", hosts, f"{COLLECTION}.power_host", "-e", "host=nobody power_state=status"
    )
    assert done.returncode != 0
    assert "nobody" in done.stdout
    assert "no hosts matched" not in done.stdout
