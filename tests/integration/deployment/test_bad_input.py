# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator can say wrongly ends site early, with one sentence that names the thing and the remedy."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.integration.deployment.databases import run_database
from tests.integration.deployment.sites import AS_IN_THE_GUIDE, PASSWORDS, Played, Site, usual
from tests.lab.lifecycle import password_of
from tests.lab.record import write_private
from tests.targets.services import forget

NOWHERE = "http://127.0.0.254:1"
SECRET = "of nobody's business"
SMALL = "/opt/small"
QUOTED = "cloud-man'ager"


pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def site(uninterrupted) -> Iterator[Site]:
    """One on which the playbook site has run, wherever the tests before have left it; nothing of it stays."""
    site = uninterrupted.site
    if not site.targets[0].leader:
        site.up()
        assert site.play("site", **AS_IN_THE_GUIDE).rc == 0
    yield site
    site.down()
    forget(site.lab)


def secrets(site: Site) -> list[str]:
    return [SECRET, password_of(site.lab.plan), *PASSWORDS.values()]


def refused(site: Site, played: Played, *parts: str) -> None:
    """It failed in one task, told what these words say, and changed nothing."""
    assert played.rc == 2, played.output
    for part in parts:
        assert part in played.failure
    assert "Traceback" not in played.output
    assert played.tasks("changed") == []
    assert [secret for secret in secrets(site) if secret in played.output] == []


@pytest.mark.parametrize(
    ("tags", "wrong", "parts"),
    [
        pytest.param(
            "database",
            {"aos_database_admin_password": SECRET},
            ["Access denied for user 'root'", "correct login_user"],
            id="password of the database's administrator",
        ),
        pytest.param(
            "preflight",
            {"aos_database_port": 1},
            ["the database server 127.0.0.1:1 is not reached", "correct aos_database_host and aos_database_port"],
            id="database unreachable",
        ),
        pytest.param(
            "preflight",
            {"aos_rabbitmq_api_url": NOWHERE},
            [f"RabbitMQ at {NOWHERE} is not reached", "correct aos_rabbitmq_api_url"],
            id="RabbitMQ unreachable",
        ),
        pytest.param(
            "messaging",
            {"aos_rabbitmq_admin_password": SECRET},
            ["Login failed", "correct login_user"],
            id="password of RabbitMQ's administrator",
        ),
        pytest.param(
            "preflight",
            {"aos_keystone_auth_url": f"{NOWHERE}/v3"},
            [f"keystone at {NOWHERE}/v3 does not answer", "correct aos_keystone_auth_url"],
            id="keystone unreachable",
        ),
        pytest.param(
            "identity",
            {"aos_keystone_region": "RegionTwo"},
            ["no region RegionTwo; give one of RegionOne"],
            id="region missing",
        ),
        pytest.param(
            "preflight",
            {"aos_package": "cloud-manager"},
            ["cloud-manager does not exist on the control node", "a bare name would be the package of a stranger"],
            id="bare public name",
        ),
        pytest.param(
            "preflight",
            {"aos_keystone_auth_url": "", "aos_database_password": "", "aos_rabbitmq_password": ""},
            [
                "aos_keystone_auth_url is not set",
                "aos_database_password is not set",
                "aos_rabbitmq_password is not set",
            ],
            id="several at once",
        ),
    ],
)
def test_it_is_refused_with_its_remedy(site, tags, wrong, parts):
    refused(site, site.play("site", "--tags", tags, **{**AS_IN_THE_GUIDE, **wrong}), *parts)


def test_an_administrator_whom_keystone_refuses_is_told_so(site, tmp_path, monkeypatch):
    wrong = tmp_path / "clouds.yaml"
    write_private(wrong, site.lab.clouds_yaml.read_text().replace(password_of(site.lab.plan), SECRET))
    done = site.play("site", "--tags", "identity", environment={"OS_CLIENT_CONFIG_FILE": str(wrong)}, **AS_IN_THE_GUIDE)
    refused(site, done, "refuses the credentials", "401")


def test_no_package_is_refused_where_there_is_no_checkout(site, tmp_path):
    """An installed collection has no folder watchdog beside it."""
    tarball = site.variables["aos_collection"]
    only = {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path)}
    command = ["ansible-galaxy", "collection", "install", "--offline", "--no-deps", tarball, "-p", str(tmp_path)]
    subprocess.run(command, cwd=tmp_path, env=usual(site.lab, tmp_path) | only, check=True, capture_output=True)
    done = site.play(
        "site",
        "--tags",
        "preflight",
        environment=only,
        **AS_IN_THE_GUIDE | {"aos_package": ""},
    )
    refused(site, done, "does not exist on the control node: set aos_package to a wheel")


def test_an_inventory_without_controllers_is_refused(site):
    none = Site(site.plan, site.lab, site.folder)
    refused(site, none.play("site", **AS_IN_THE_GUIDE), "The inventory has no host in the group controllers")


def test_controllers_with_differing_parameters_are_refused(site):
    two = Site(site.plan, site.lab, site.folder, *site.targets)
    two.hosts["other"] = two.hosts["controller"] | {"aos_database_name": "another"}
    done = two.play("site", "--tags", "preflight", **AS_IN_THE_GUIDE)
    assert done.rc == 2
    assert {told.host for told in done.told if told.how == "failed"} == {"controller", "other"}
    assert done.output.count("the controllers have different aos_database_name") >= 2


@pytest.fixture
def small(site) -> Iterator[str]:
    """A folder of the controller's with 20 MiB."""
    target = site.targets[0]
    target.run("mkdir", SMALL)
    target.run("mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", SMALL)
    yield f"{SMALL}/cloud-manager"
    target.run("umount", SMALL)
    target.run("rmdir", SMALL)


def test_a_disk_that_is_too_small_is_refused(site, small):
    done = site.play("site", "--tags", "preflight", aos_root=small, **AS_IN_THE_GUIDE)
    refused(site, done, f"{small} has 20 MiB left and 1024 are needed", "make room, or set aos_root")


def test_a_disk_that_fills_up_leaves_no_half_a_release(site, small):
    done = site.play("install", "--tags", "install", aos_root=small, **AS_IN_THE_GUIDE)
    assert done.rc == 2
    assert "no space is left" in done.failure
    assert "free about 300 MB" in done.failure
    assert "Traceback" not in done.output
    left = site.targets[0].run("find", small, "-name", "release.json", "-o", "-name", "current").stdout
    assert left == ""


def test_an_endpoint_with_another_address_is_changed_and_shown(site):
    url = "https://cloud.example.org:9362"
    done = site.play("site", "--tags", "identity", "--diff", aos_keystone_endpoints={"public": url}, **AS_IN_THE_GUIDE)
    assert done.rc == 0, done.output
    assert done.tasks("changed") == ["Make the user, its roles, the service and the endpoints"]
    assert "http://controller:9362" in done.output
    assert url in done.output


def test_a_wrong_password_of_the_services_user_is_told_of(site):
    """Only where the operator gives the address himself: else it becomes the password."""
    url = f"mysql+pymysql://aos:wrong@127.0.0.1:{site.lab.plan.port('mariadb')}/cloud_manager"
    given = AS_IN_THE_GUIDE | {"aos_config": {"database": {"url": url}}}
    done = site.play("site", "--tags", "configure,database", **given)
    assert done.rc == 2
    assert "Access denied for user 'aos'" in done.failure
    assert "Traceback" not in done.output
    assert "wrong" not in done.failure


def test_a_name_with_a_quote_and_a_dash_works_and_goes_away_again(site, capsys):
    given = AS_IN_THE_GUIDE | {"aos_database_name": QUOTED}
    done = site.play("site", "--tags", "database,configure", **given)
    assert done.rc == 0, done.output
    assert [QUOTED, "alembic_version"] in site.lab.sql("SELECT table_schema, table_name FROM information_schema.tables")
    found = run_database(
        capsys,
        {"name": QUOTED, "state": "absent", "login_host": "127.0.0.1", "login_port": site.lab.plan.port("mariadb")},
    )
    assert found["changes"]
    assert QUOTED not in [name for (name,) in site.lab.sql("SHOW DATABASES")]


def test_after_all_of_that_site_runs_and_then_finds_nothing_to_do(site):
    done = site.play("site", **AS_IN_THE_GUIDE)
    assert done.rc == 0, done.output
    again = site.play("site", **AS_IN_THE_GUIDE)
    assert (again.rc, again.tasks("changed")) == (0, []), again.output
