# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from xdist.scheduler import LoadScopeScheduling

from tests.integration.deployment.databases import Database, run_database
from tests.integration.deployment.sites import AS_IN_THE_GUIDE, Installed, Site
from tests.lab.client import Lab
from tests.lab.pytest_plugin import slot_of
from tests.targets.plan import Plan
from tests.targets.services import forget
from tests.targets.target import Target, down_all
from watchdog.tests.contract.mariadb import MariaDB, mariadb

__all__ = ["mariadb"]


STORIES = ("test_bad_input.py", "test_guide.py", "test_interruption.py")
SCENARIO = "test_a_scenario_passes"
# What takes longest is begun first.
FIRST = (f"{SCENARIO}[upgrade_rollback]", *STORIES, SCENARIO)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: next((rank for rank, part in enumerate(FIRST) if part in item.nodeid), len(FIRST)))


class Shares(LoadScopeScheduling):
    """What one worker runs: a file, the stories, which begin with the same installation, or one scenario."""

    def _split_scope(self, nodeid: str) -> str:
        file, _separator, test = nodeid.partition("::")
        if test.startswith(SCENARIO):
            return nodeid
        return "stories" if file.endswith(STORIES) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Shares:
    return Shares(config, log)


@pytest.fixture
def database(mariadb: MariaDB, capsys: pytest.CaptureFixture[str]) -> Database:
    """Run the module database on the tests' server, by its socket."""

    def run(**options: object) -> dict[str, object]:
        return run_database(capsys, {"login_socket": mariadb.socket} | options)

    return run


@pytest.fixture(scope="session")
def plan(worker_id: str) -> Iterator[Plan]:
    """The targets of the slot, which is that of the worker's lab; nothing of them stays."""
    plan = Plan.from_environment(slot_of(worker_id))
    yield plan
    down_all(plan)


@pytest.fixture(scope="module")
def site(plan: Plan, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A fresh controller, and nothing of ours in the lab's services."""
    site = Site(plan, lab, tmp_path_factory.mktemp("site"), Target(plan, "controller"))
    forget(lab)
    site.up()
    yield site
    site.down()
    forget(lab)


@pytest.fixture(scope="session")
def uninterrupted(plan: Plan, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """A controller on which the playbook site has run once, until another module's takes its place."""
    site = Site(plan, lab, tmp_path_factory.mktemp("uninterrupted"), Target(plan, "controller"))
    forget(lab)
    site.up()
    done = site.play("site", **AS_IN_THE_GUIDE)
    assert done.rc == 0, done.output
    yield Installed(site, site.look())
    site.down()
    forget(lab)


@pytest.fixture
def run(lab: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Run a module as the lab's administrator, and return what it printed."""
    for name, value in lab.environment().items():
        if name in ("OS_CLIENT_CONFIG_FILE", "OS_CLOUD"):
            monkeypatch.setenv(name, value)

    def call(module: ModuleType, **options: Any) -> dict[str, Any]:
        with patch_module_args(options), pytest.raises(SystemExit):
            module.main()
        printed = capsys.readouterr().out
        sys.stderr.write(printed)
        outcome: dict[str, Any] = json.loads(printed)
        return outcome

    return call
