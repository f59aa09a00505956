# SPDX-License-Identifier: GPL-3.0-or-later
"""The options are the guide's, and everything made of them agrees with them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from oslo_config import cfg

from cloud_manager.config import Config, list_opts, load
from cloud_manager.config.fields import shown
from cloud_manager.config.model import parameters, sections
from cloud_manager.config.samples import documented, samples
from cloud_manager.domain.facts import JobKind
from cloud_manager.domain.policy import Policy
from cloud_manager.errors import BadInput

ROOT = Path(__file__).resolve().parents[3]

GUIDE = """
DEFAULT dhcp_leases /var/lib/dhcp/dhcpd/state/dhcpd.leases, /var/lib/dhcp/dhcpd.leases
agent agent_confirm_timeout 10
agent agent_response_timeout 60
agent backoff_factor 0.3
agent enabled False
agent logfile
api audit_enabled True
api host 0.0.0.0
api logfile
api port 9362
balancing approx 0.1
balancing enabled False
balancing migration_retries 3
balancing periodic_time 24
database url mysql+pymysql://aos:password@localhost:3306/cloud_manager?charset=utf8
drs host
drs password
drs port 80
drs username
drs_trigger enabled True
drs_trigger logfile
drs_trigger trigger_interval 600
extra_availability_check attempts 2
extra_availability_check delay 60
extra_availability_check enabled False
extra_availability_check instance_rate 100
host_tasks allow_evacuate_host True
host_tasks deny_evacuate
host_tasks evacuation_retries 2
host_tasks prioritized_evacuation_timeout 60
host_tasks recovery_priority 5
host_tasks retries_wait_for_node_state 240
host_tasks retries_wait_for_vm_status 60
listener logfile
listener nova_rabbit_vhost /
node_sync enabled True
node_sync logfile
node_sync reserve_interval 60
node_sync sync_interval 60
node_tracker allow_host_auto_power_off False
node_tracker enabled True
node_tracker host_restart_timeout 600
node_tracker logfile
node_tracker loop_time 30
node_tracker max_down_hosts 0
node_tracker mutex 3
node_tracker mutex_up 1
node_tracker timeout_reserv_node_up 15
nova_database url
power shutdown_interval 30
power shutdown_max_tick 10
pxe conf_dir /var/lib/tftpboot/pxelinux.cfg/
storage_sync enabled True
storage_sync logfile
storage_sync sync_interval 60
"""
OURS = {"cloud", "fencing", "executor", "recovery", "leadership", "crypto"}


def all_parameters() -> dict[tuple[str, str], object]:
    return {(section, name): default for section, kind in sections().items() for name, default, _ in parameters(kind)}


def test_every_parameter_of_the_guide_exists_with_its_default_and_no_other_stands_in_its_sections() -> None:
    guide = {}
    for line in GUIDE.strip().splitlines():
        section, name, *default = line.split(" ", 2)
        guide[section, name] = default[0] if default else ""
    found = {key: shown(default) for key, default in all_parameters().items() if key[0] not in OURS}
    assert found.pop(("DEFAULT", "log_level")) == "INFO"
    assert found == guide


def test_oslo_config_gives_the_same_defaults() -> None:
    conf = cfg.ConfigOpts()
    for section, options in list_opts():
        conf.register_opts(options, group=None if section == "DEFAULT" else section)
    conf(args=[], default_config_files=[], default_config_dirs=[], use_env=False)
    for (section, name), default in all_parameters().items():
        value = conf[name] if section == "DEFAULT" else conf[section][name]
        assert value == (list(default) if isinstance(default, tuple) else default), (section, name)


def test_every_parameter_has_a_meaning_that_ends_as_a_sentence() -> None:
    for section, kind in sections().items():
        for name, _, spec in parameters(kind):
            assert spec.help.endswith("."), (section, name)


def test_the_samples_in_the_repository_are_those_of_the_options() -> None:
    for name, text in samples().items():
        stored = (ROOT / "watchdog" / "etc" / name).read_text(encoding="utf-8")
        assert stored == text, "run: python -m cloud_manager.config --samples watchdog/etc"


def test_the_table_in_the_documentation_is_that_of_the_options() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert documented(text) == text, "run: python -m cloud_manager.config --docs docs/configuration.md"


def test_the_documentation_without_marks_is_refused() -> None:
    with pytest.raises(BadInput, match="options: begin"):
        documented("nothing")


def test_the_samples_can_be_used_as_they_are_and_with_every_line_in_force(tmp_path: Path) -> None:
    names = []
    for name, text in samples().items():
        plain, forced = tmp_path / name, tmp_path / f"forced-{name}"
        plain.write_text(text, encoding="utf-8")
        lines = [line[1:] if line.startswith("#") and not line.startswith("# ") else line for line in text.splitlines()]
        forced.write_text("\n".join(lines), encoding="utf-8")
        names += [str(plain), str(forced)]
        assert load([str(plain)]).given == frozenset()
    config = load(names)
    assert config.given == set(all_parameters())
    assert config.host_tasks.deny_evacuate == ("compute-01", "compute-02")
    assert config.notices == ()


def test_the_level_of_logging_stands_in_the_common_sample_only() -> None:
    found = samples()
    assert "#log_level = INFO" in found["aos.conf.example"]
    assert "log_level" not in found["cloud_manager.conf.example"]


def test_the_command_writes_the_samples(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "cloud_manager.config", "--samples", str(tmp_path)], check=True)
    assert {file.name: file.read_text(encoding="utf-8") for file in tmp_path.iterdir()} == samples()


def test_the_policy_of_the_defaults_is_the_domains_default() -> None:
    assert Config().policy() == Policy()


def test_the_policy_carries_what_is_configured(tmp_path: Path) -> None:
    file = tmp_path / "aos.conf"
    file.write_text(
        "[node_tracker]\nmutex = 4\nmutex_up = 2\nmax_down_hosts = 6\n"
        "[host_tasks]\nallow_evacuate_host = no\ndeny_evacuate = compute-09\n[fencing]\nrequired = no\n"
        "[recovery]\nrecover_disabled_hosts = yes\nsettle_seconds = 7\nretry_interval = 8\nretry_interval_max = 9\n"
    )
    assert load([str(file)]).policy() == Policy(
        mutex=4,
        mutex_up=2,
        max_down_hosts=6,
        allow_evacuate_host=False,
        deny_evacuate=frozenset({"compute-09"}),
        fencing_required=False,
        recover_disabled_hosts=True,
        settle_seconds=7.0,
        retry_interval=8.0,
        retry_interval_max=9.0,
    )


@pytest.mark.parametrize("kind", list(JobKind))
def test_each_playbook_knows_the_variables_that_it_gets_and_their_types(kind: JobKind, tmp_path: Path) -> None:
    file = tmp_path / "aos.conf"
    file.write_text("[cloud]\ncloud = aos\n")
    text = (ROOT / "playbooks" / "argument_specs" / f"{kind.value}.yml").read_text(encoding="utf-8")
    spec = yaml.safe_load(text)["argument_spec"]
    types = {"str": str, "int": int, "float": float, "bool": bool}
    given = load([str(file)]).playbook_vars(kind)
    assert given
    for name, value in given.items():
        assert name in spec, name
        assert isinstance(value, types[spec[name].get("type", "str")]), name


def test_the_cloud_is_named_to_the_playbooks_only_where_it_has_a_name(tmp_path: Path) -> None:
    assert "aos_cloud" not in Config().playbook_vars(JobKind.RECOVER)
    file = tmp_path / "aos.conf"
    file.write_text("[cloud]\ncloud = west\n")
    assert load([str(file)]).playbook_vars(JobKind.RETURN)["aos_cloud"] == "west"


@pytest.mark.parametrize(
    ("text", "database", "key"),
    [
        ("", None, "/etc/aos/cloud_manager.key"),
        ("[crypto]\nkey_file = /srv/key\n", None, "/srv/key"),
        ("[database]\nurl = sqlite:////srv/store.db\n", "/srv/store.db", "/srv/cloud_manager.key"),
        (
            "[database]\nurl = sqlite:////srv/store.db\n[crypto]\nkey_file = /etc/aos/cloud_manager.key\n",
            "/srv/store.db",
            "/etc/aos/cloud_manager.key",
        ),
    ],
)
def test_the_key_stands_beside_an_embedded_database_unless_a_file_says_otherwise(
    tmp_path: Path, text: str, database: str | None, key: str
) -> None:
    file = tmp_path / "aos.conf"
    file.write_text(text)
    config = load([str(file)])
    assert config.embedded_database == (Path(database) if database else None)
    assert config.key_file == Path(key)
