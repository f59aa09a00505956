# SPDX-License-Identifier: GPL-3.0-or-later
"""What --check tells is what happens in earnest, on this machine as the controller."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.packaging.tree import BIN, ROOT

SECRET = "of-nobodys-business"
WRONG = {"node_tracker": {"max_down_hosts": "many"}, "database": {"url": f"mysql+pymysql://aos:{SECRET}@127.0.0.1/x"}}


class Controller:
    """Folders of this machine with the program of the development environment in the place of a release."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.config = folder, folder / "config"
        self.config.mkdir()
        programs = folder / "program" / "current" / "bin"
        programs.mkdir(parents=True)
        (programs / "aos-cloud-manager").symlink_to(BIN / "aos-cloud-manager")

    def play(self, name: str, *options: str, **given: object) -> tuple[int, str]:
        """Run a playbook on it; its status and all that it said, every task's result and options too."""
        variables = {
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
            "aos_user": "root",
            "aos_keystone_auth_url": "http://127.0.0.1:1/v3",
            "aos_keystone_password": SECRET,
            "aos_database_password": SECRET,
            "aos_root": str(self.folder / "program"),
            "aos_config_dir": str(self.config),
            "aos_link": str(self.folder / "link"),
            **{f"aos_{kind}_dir": str(self.folder / kind) for kind in ("state", "log", "rollback")},
            **given,
        }
        inventory = self.folder / "hosts.yml"
        inventory.write_text(yaml.safe_dump({"controllers": {"hosts": {"controller-01": variables}}}))
        done = subprocess.run(
            [
                BIN / "ansible-playbook",
                ROOT / "playbooks" / f"{name}.yml",
                f"--inventory={inventory}",
                "-vvv",
                *options,
            ],
            cwd=self.folder,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"),
                "ANSIBLE_HOME": str(self.folder / "ansible"),
                "TMPDIR": str(self.folder),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, " ".join(f"{done.stdout} {done.stderr}".split())

    def configure(self, *options: str, **given: object) -> tuple[int, str]:
        """Run the role configure as site does."""
        return self.play("site", "--tags=configure", *options, **given)

    def holds(self) -> dict[str, str]:
        """What is in its folder of the configuration, and the drafts that were left."""
        files = [*self.config.iterdir(), *Path("/run").glob("aos-configure*")]
        return {file.name: file.read_text() if file.is_file() else "" for file in files}


@pytest.fixture
def controller(tmp_path):
    return Controller(tmp_path)


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_a_configuration_that_is_not_taken_is_refused_with_its_reason(controller, options):
    assert controller.configure()[0] == 0
    before = controller.holds()
    status, said = controller.configure(*options, aos_config=WRONG)
    assert status == 2
    assert "[node_tracker] max_down_hosts: 'many' is wrong" in said.replace("''", "'")
    assert SECRET not in said
    assert controller.holds() == before


def test_a_rehearsal_tells_what_would_change_and_changes_nothing(controller):
    status, said = controller.configure("--check")
    assert status == 0, said
    assert "changed=5" in said
    assert controller.holds() == {}
    assert controller.configure()[0] == 0
    sample = controller.config / "cloud_manager.conf.example"
    sample.write_text("of an older release\n")
    before = controller.holds()
    status, said = controller.configure("--check")
    assert status == 0, said
    assert "changed=1" in said
    assert controller.holds() == before
    assert controller.configure()[0] == 0
    assert "of an older release" not in sample.read_text()
    assert "changed=0" in controller.configure()[1]


def test_a_package_is_found_from_where_ansible_runs(controller):
    """Brought to the controller, where nobody needs to take it for a wheel."""
    (controller.folder / "named.whl").touch()
    said = controller.play("install", "--check", "--tags=install", aos_package="named.whl")[1]
    assert "Could not find or access" not in said
    assert "TASK [aos.cloud_manager.install : Compare it to what is installed]" in said
