# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide, followed by hand, ends in the state that the playbook site makes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.deployment import guide, sites
from tests.integration.deployment.sites import Site
from tests.lab.infrastructure import MessageBus
from tests.lab.plan import REPOSITORY
from tests.targets import state

pytestmark = pytest.mark.timeout(1200)

MAPPING = REPOSITORY / "docs" / "guide-mapping.md"
STEPS = {"Installation": 5, "Configuration": 12, "Recovery plan": 2}
# A phrase of docs/guide-mapping.md -> the differences that it is the reason of: `-` by hand, `+` by site.
ALLOWED = {
    "the guide's folder is emptied at each boot": [
        r"[-] files: /tmp/.*",
        r"[+] files: /var/lib/aos/rollback.*",
    ],
    "no password and no shell": [
        r"[-] users: aos  /home/aos /bin/sh",
        r"[+] users: aos .* /home/aos /usr/sbin/nologin",
    ],
    "nobody but root and the service reads them": [
        r"[-] files: /etc/aos drwxr-xr-x root:root",
        r"[+] files: /etc/aos drwxr-x--- root:aos",
        r"[-] files: /var/l(ib|og)/aos/cloud-manager drwxr-xr-x aos:aos",
        r"[+] files: /var/l(ib|og)/aos/cloud-manager drwxr-x--- aos:aos",
    ],
    "the files hold what was decided, not all defaults": [
        r"[-] files: /etc/aos/(aos.conf|cloud_manager.conf|cloud_manager.clouds.yaml) -rw-r--r-- root:root \w+",
        r"[+] files: /etc/aos/(aos.conf|cloud_manager.conf|cloud_manager.clouds.yaml) -rw-r----- root:aos \w+",
    ],
    "the key that encrypts": [r"[-+] files: /etc/aos/cloud_manager.key -rw------- aos:aos \w+"],
    "the name in grants is escaped": [
        r"[-] grants: GRANT ALL PRIVILEGES ON `cloud_manager`[.][*] TO `aos`@`(%|localhost)`",
        r"[+] grants: GRANT ALL PRIVILEGES ON `cloud\\\\_manager`[.][*] TO `aos`@`(%|localhost)`",
    ],
    "carries our mark": [
        r"[-] databases: cloud_manager utf8mb4 utf8mb4_general_ci",
        r"[+] databases: cloud_manager utf8mb4 utf8mb4_general_ci aos.cloud_manager .*",
        r"[-] rabbitmq: (user|vhost) aos",
        r"[+] rabbitmq: (user|vhost) aos [(]aos.cloud_manager[)]",
        r"[-] keystone: user aos",
        r"[+] keystone: user aos [(]CloudManager [(]aos.cloud_manager[)][)]",
        r"[-] keystone: service cloud-manager cloud-manager [(]Cloud Manager Service[)]",
        r"[+] keystone: service cloud-manager cloud-manager [(]Cloud Manager Service [(]aos.cloud_manager[)][)]",
    ],
    "Nova's default policy lets no one else": [r"[+] keystone: role admin of aos on service"],
    "drops nothing of an incident": [r"[+] files: /etc/systemd/system/aos-cloud-manager-.service.d.*"],
}
# The same of the configuration's parameters.
ALLOWED_SETTINGS = {
    "`charset=utf8mb4`": {"database.url"},
    "the collection that belongs to the release": {"executor.collections_path"},
    "the files hold what was decided": {"crypto.key_file", "executor.state_dir"},
}


def follow(site: Site, *steps: guide.Step) -> None:
    """Type the commands where they belong."""
    lab, (target,) = site.lab, site.targets
    login = {
        name: value for name, value in lab.environment().items() if name not in ("OS_CLIENT_CONFIG_FILE", "OS_CLOUD")
    }
    here = "".join(f"export {name}='{value}'\n" for name, value in login.items())
    here += f"PATH={sites.CURRENT}/bin:$PATH\nset -e\n"
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


@pytest.fixture(scope="module")
def by_hand(site):
    """What the guide makes. Removed again by the playbook that removes, as far as it may."""
    before = state.of_services(site.lab)
    follow(site, *guide.BEFORE_UNITS)
    units = site.play("site", "--tags", "services", **sites.AS_IN_THE_GUIDE)
    assert units.rc == 0, units.output
    follow(site, *guide.AFTER_UNITS)
    found = site.look()
    removed = site.play("uninstall", force=True, remove_data=True, **sites.AS_IN_THE_GUIDE)
    assert removed.rc == 0, removed.output
    return found, state.differences(before, state.of_services(site.lab))


@pytest.fixture(scope="module")
def by_site(by_hand, uninterrupted):
    return uninterrupted.found


def test_the_guide_and_site_end_in_the_same_state(by_hand, by_site):
    found = state.differences(by_hand[0].state, by_site.state)
    allowed = [pattern for patterns in ALLOWED.values() for pattern in patterns]
    assert [line for line in found if not any(re.fullmatch(pattern, line) for pattern in allowed)] == []
    assert [pattern for pattern in allowed if not any(re.fullmatch(pattern, line) for line in found)] == []


def test_they_decide_the_same_and_bring_the_same_packages(by_hand, by_site):
    differing = {name for name, _value in by_hand[0].settings.items() ^ by_site.settings.items()}
    assert differing == set().union(*ALLOWED_SETTINGS.values())
    assert by_hand[0].packages == by_site.packages


def test_what_was_made_by_hand_is_removed_by_force(by_hand):
    assert by_hand[1] == []


@pytest.mark.parametrize("phrase", [*ALLOWED, *ALLOWED_SETTINGS])
def test_each_difference_has_its_reason_in_the_document(phrase):
    assert phrase in " ".join(MAPPING.read_text().split())


@pytest.mark.parametrize("step", [f"{part} {number}" for part, last in STEPS.items() for number in range(1, last + 1)])
def test_each_step_of_the_guide_has_a_task_that_exists(step):
    task = rows()[step]
    places = list(named(task))
    assert places
    assert [place for place in places if not place.is_file()] == []
    written = "".join(place.read_text() for place in places)
    assert [name for name in re.findall(r"\*(.+?)\*", task) if f"name: {name}\n" not in written] == []


def rows() -> dict[str, str]:
    """`Installation 1` -> what the second column says; a row that names no part belongs to the one above it."""
    found, part = {}, ""
    for line in MAPPING.read_text().splitlines():
        if row := re.match(r"[|] (?:(\D+?) )?(\d+): .*? [|] (.*?) [|]", line):
            part = row[1] or part
            found[f"{part} {row[2]}"] = row[3]
    return found


def named(task: str) -> Iterator[Path]:
    """The files that a row names: tasks of a role or a playbook, a module."""
    for kind, name, files in re.findall(r"(role|playbook) (\w+)((?:, `\w+[.]yml`)*)", task):
        place = REPOSITORY / (f"roles/{name}/tasks" if kind == "role" else "playbooks/tasks")
        yield from (place / file for file in re.findall(r"\w+[.]yml", files))
        yield place / "main.yml" if kind == "role" else REPOSITORY / "playbooks" / f"{name}.yml"
    yield from (REPOSITORY / "plugins/modules" / f"{name}.py" for name in re.findall(r"module `(\w+)`", task))
