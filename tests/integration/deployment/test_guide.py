# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide, followed by hand, ends in the state that the playbook site makes."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
import yaml

from tests.integration.deployment import guide, sites
from tests.integration.deployment.sites import Site, forget
from tests.lab.infrastructure import MessageBus
from tests.lab.plan import REPOSITORY
from tests.targets import state

MAPPING = REPOSITORY / "docs" / "guide-mapping.md"
STEPS = {"Installation": 5, "Configuration": 12, "Recovery plan": 2}
AS_IN_THE_GUIDE = dict.fromkeys(sites.PASSWORDS, "password")
# What pip makes is compared by `pip freeze`.
IN_A_RELEASE = re.compile(r"^files: /opt/aos/cloud-manager/releases/[^/ ]+/")
# A phrase of docs/guide-mapping.md -> the differences that it is the reason of: `-` by hand, `+` by site.
ALLOWED: dict[str, list[str]] = {}


def follow(site: Site, *steps: guide.Step) -> None:
    """Type the commands where they belong."""
    lab, (target,) = site.lab, site.targets
    login = {name: value for name, value in lab.environment().items() if name not in ("OS_CLIENT_CONFIG_FILE", "OS_CLOUD")}
    here = "".join(f"export {name}='{value}'\n" for name, value in login.items())
    here += "PATH=/opt/aos/cloud-manager/current/bin:$PATH\nset -e\n"
    for step in steps:
        if step.where == "database":
            lab.sql(step.commands)
        elif step.where == "broker":
            for line in step.commands.splitlines():
                MessageBus(lab.plan).control(*line.split())
        else:
            wheel = f"{sites.PRODUCT}/{Path(site.variables['aos_package']).name}"
            commands = step.commands.format(
                wheel=wheel, mariadb=lab.plan.port("mariadb"), keystone=lab.plan.url("keystone")
            )
            target.run("sh", "-s", stdin=here + commands)


def settled(site: Site) -> dict[str, str]:
    """What the configuration decides, `section.parameter` -> value."""
    read = configparser.ConfigParser(interpolation=None, default_section="")
    read.read_string(site.targets[0].run("cat", "/etc/aos/cloud_manager.conf").stdout)
    return {f"{section}.{name}": value for section in read.sections() for name, value in read[section].items()}


def frozen(site: Site) -> list[str]:
    return site.targets[0].run("/opt/aos/cloud-manager/current/bin/pip", "freeze").stdout.splitlines()


@pytest.fixture(scope="module")
def by_hand(site):
    """(state, configuration, packages) after the guide; removed again by the playbook that removes."""
    before = state.of_services(site.lab)
    follow(site, *guide.BEFORE_UNITS)
    units = site.play("site", "--tags", "services", **AS_IN_THE_GUIDE)
    assert units.rc == 0, units.output
    follow(site, *guide.AFTER_UNITS)
    found = site.gather(), settled(site), frozen(site)
    return found


@pytest.fixture(scope="module")
def by_site(site, by_hand):
    """The same of a fresh controller after the playbook site."""
    site.down()
    forget(site.lab)
    site.up()
    done = site.play("site", aos_package_extras=["osc"], **AS_IN_THE_GUIDE)
    assert done.rc == 0, done.output
    return site.gather(), settled(site), frozen(site)


def test_the_guide_and_site_end_in_the_same_state(by_hand, by_site):
    found = [line for line in state.differences(by_hand[0], by_site[0]) if not IN_A_RELEASE.match(line[2:])]
    allowed = [pattern for patterns in ALLOWED.values() for pattern in patterns]
    assert [line for line in found if not any(re.fullmatch(pattern, line) for pattern in allowed)] == []
    assert [pattern for pattern in allowed if not any(re.fullmatch(pattern, line) for line in found)] == []
