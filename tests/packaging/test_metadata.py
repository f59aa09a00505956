# SPDX-License-Identifier: GPL-3.0-or-later
"""What is listed by hand equals what is there."""

import re
import tomllib

import pytest
import yaml

from tests.packaging.tree import COLLECTION, ROOT, imports, modules, read_yaml

CLOUD_FRAGMENT = f"{COLLECTION}.cloud"


def documentation(module):
    """Return a module's DOCUMENTATION, parsed."""
    text = (ROOT / "plugins" / "modules" / f"{module}.py").read_text(encoding="utf-8")
    found = re.search(r'^DOCUMENTATION = r?"""(.*?)"""', text, re.DOTALL | re.MULTILINE)
    assert found, f"{module} has no DOCUMENTATION"
    return yaml.safe_load(found[1])


def test_the_action_group_holds_every_module():
    assert read_yaml("meta", "runtime.yml")["action_groups"]["aos"] == modules()


def test_the_cloud_group_holds_the_modules_that_take_a_cloud():
    taking = [
        name for name in modules() if CLOUD_FRAGMENT in documentation(name).get("extends_documentation_fragment", [])
    ]
    assert read_yaml("meta", "runtime.yml")["action_groups"]["cloud"] == taking


def test_collection_and_daemon_carry_the_same_version():
    project = tomllib.loads((ROOT / "watchdog" / "pyproject.toml").read_text())["project"]
    assert project["version"] == read_yaml("galaxy.yml")["version"]


def test_the_unit_tests_of_ansible_test_use_the_locked_versions():
    locked = set((ROOT / "tests" / "requirements.lock").read_text().splitlines())
    wanted = {
        line for line in (ROOT / "tests/unit/requirements.txt").read_text().splitlines() if not line.startswith("#")
    }
    assert wanted <= locked


@pytest.mark.parametrize("path", sorted((ROOT / "plugins").rglob("*.py")), ids=lambda path: path.stem)
def test_plugins_never_import_the_daemon(path):
    assert not [name for name in imports(path) if name.split(".")[0] == "cloud_manager"]


@pytest.mark.parametrize("path", sorted((ROOT / "plugins").rglob("*.py")), ids=lambda path: path.stem)
def test_every_plugin_carries_the_licence(path):
    head = path.read_text(encoding="utf-8").splitlines()[:5]
    assert any("GNU General Public License v3.0+" in line for line in head)
    assert "# SPDX-License-Identifier: GPL-3.0-or-later" in head


def test_the_checkout_resolves_its_own_name():
    link = ROOT / "collections" / "ansible_collections" / "aos" / "cloud_manager"
    assert link.is_symlink()
    assert link.resolve() == ROOT
