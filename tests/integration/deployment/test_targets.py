# SPDX-License-Identifier: GPL-3.0-or-later
"""Targets boot a real systemd, are reached by Ansible and leave nothing behind, however they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.lab import processes
from tests.lab.plan import REPOSITORY
from tests.lab.progress import wait
from tests.lab.pytest_plugin import slot_of
from tests.targets import cgroups, entering
from tests.targets.plan import Plan
from tests.targets.rootfs import RELEASES
from tests.targets.target import Target, down_all
from tools.dev import leftovers

UNIT = """[Service]
DynamicUser=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
SystemCallFilter=@system-service
ExecStart=/usr/bin/sleep infinity
"""


@pytest.fixture(scope="module")
def plan(worker_id, tmp_path_factory):
    """Beside whatever targets the slot has."""
    plan = Plan.from_environment(slot_of(worker_id))
    return Plan(plan.slot, tmp_path_factory.mktemp("targets"), plan.cache)


@pytest.fixture(scope="module")
def targets(plan, tmp_path_factory):
    """A target of each release, booted at once, that sees a file of ours."""
    shown = tmp_path_factory.mktemp("shown")
    (shown / "file").write_text("ours\n")
    booted = {debian: Target(plan, f"test-{os.getpid()}-debian-{debian}") for debian in RELEASES}
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda debian: booted[debian].up(debian, {shown: "/srv/shown"}), booted))
    yield booted
    for target in booted.values():
        target.down()


@pytest.fixture(params=RELEASES)
def target(request, targets):
    return targets[request.param]


def ansible(target, module, arguments, *options):
    """Run one module in the target by the connection plugin, without the repository's own configuration."""
    inventory = f"{target.name},"
    variables = {
        "ansible_connection": "target",
        "ansible_target_instance": str(target.folder),
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    given = [f"--extra-vars={name}={value}" for name, value in variables.items()]
    return subprocess.run(
        [
            Path(sys.executable).with_name("ansible"),
            "all",
            "-i",
            inventory,
            "-m",
            module,
            "-a",
            arguments,
            *given,
            *options,
        ],
        env={
            **os.environ,
            "ANSIBLE_CONNECTION_PLUGINS": str(REPOSITORY / "tests/targets/connection_plugins"),
            "ANSIBLE_PIPELINING": "1",
            "PYTHONPATH": str(REPOSITORY),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def remnants(plan, name):
    return {
        "processes": processes.of_unit(str(plan.folder), name),
        "mounts": [line for line in Path("/proc/mounts").read_text().splitlines() if name in line],
        "control groups": cgroups.named(f"{plan.cgroup_prefix}{name}"),
        "folder": plan.instance(name).exists(),
        "nspawn's": list(Path("/run/systemd/nspawn").glob(f"*/{name}")),
    }


def test_a_target_runs_the_release_that_was_asked_for(targets):
    for debian, target in targets.items():
        assert target.state == "running"
        assert f"VERSION_CODENAME={RELEASES[debian]}" in target.run("cat", "/etc/os-release").stdout


def test_targets_are_told_apart_by_name_and_identity(targets):
    assert [target.run("hostname").stdout.strip() for target in targets.values()] == [t.name for t in targets.values()]
    assert len({target.run("cat", "/etc/machine-id").stdout for target in targets.values()}) == len(RELEASES)


def test_a_target_listens_on_nothing_and_cannot_change_our_network(target):
    pids = {
        int(pid)
        for group in cgroups.hierarchies()
        for pid in cgroups.members(group / f"{target.plan.cgroup_prefix}{target.name}")
    }
    listeners = subprocess.run(["ss", "-Hlntup"], capture_output=True, text=True, check=True).stdout
    assert pids
    assert not [line for line in listeners.splitlines() if any(f"pid={pid}," in line for pid in pids)]
    assert target.run("ip", "link", "add", "aos-test", "type", "dummy", check=False).returncode


def test_a_hardened_unit_runs(target):
    target.run("sh", "-c", "cat > /etc/systemd/system/hardened.service", stdin=UNIT)
    target.run("systemctl", "start", "hardened.service")
    assert target.run("systemctl", "is-active", "hardened.service").stdout == "active\n"
    assert target.run("systemctl", "show", "--property=ControlGroup", "hardened.service").stdout.startswith(
        "ControlGroup=/"
    )


def test_what_is_shown_to_a_target_is_read_only(target):
    assert target.run("cat", "/srv/shown/file").stdout == "ours\n"
    assert target.run("touch", "/srv/shown/file", check=False).returncode


def test_our_environment_stays_outside(target, monkeypatch):
    monkeypatch.setenv("AOS_SECRET", "ours")
    assert "ours" not in target.run("env").stdout


@pytest.mark.parametrize("status", [0, 1, 7])
def test_ansible_sees_the_exit_status_of_a_command(target, status):
    done = ansible(target, "ansible.builtin.raw", f"echo said; exit {status}")
    assert f"rc={status}" in done.stdout.replace("CHANGED | rc=", "rc=").replace("FAILED | rc=", "rc=")
    assert "said" in done.stdout
    assert (done.returncode == 0) == (status == 0)


def test_ansible_hands_a_command_its_input(target):
    done = ansible(target, "ansible.builtin.command", "stdin='two words' argv=['cat']")
    assert "two words" in done.stdout


@pytest.mark.parametrize("pipelining", ["0", "1"])
def test_a_file_arrives_and_comes_back_as_it_was(target, tmp_path, monkeypatch, pipelining):
    monkeypatch.setenv("ANSIBLE_PIPELINING", pipelining)
    content = bytes(range(256)) * 5000
    (tmp_path / "there").write_bytes(content)
    done = ansible(target, "ansible.builtin.copy", f"src={tmp_path}/there dest=/srv/copied mode=0640")
    assert done.returncode == 0, done.stdout
    assert target.run("stat", "--format=%a %s", "/srv/copied").stdout == f"640 {len(content)}\n"
    done = ansible(target, "ansible.builtin.fetch", f"src=/srv/copied dest={tmp_path}/back flat=true")
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "back").read_bytes() == content


def test_a_target_that_does_not_run_is_unreachable_and_named(plan):
    done = ansible(Target(plan, "nobody"), "ansible.builtin.ping", "")
    assert "UNREACHABLE" in done.stdout
    assert "boot it with" in done.stdout


def test_a_target_that_reboots_is_reached_again(plan):
    target = Target(plan, f"test-{os.getpid()}-reboots")
    try:
        target.up()
        before = target.leader
        target.run("touch", "/srv/kept")
        target.run("systemctl", "reboot", check=False)
        wait(lambda: target.leader not in (0, before), 30, "the target to come back")
        target.wait_running()
        assert target.run("cat", "/srv/kept").returncode == 0
    finally:
        target.down()


def test_down_leaves_nothing(plan):
    target = Target(plan, f"test-{os.getpid()}-down")
    target.up()
    found = remnants(plan, target.name)
    # They are mounted where this process does not see them.
    assert (found.pop("mounts"), found.pop("nspawn's")) == ([], [])
    assert all(found.values())
    leader = target.leader
    target.down()
    target.down()
    assert not any(remnants(plan, target.name).values())
    assert processes.wait_gone([leader], 0) == []


def test_a_target_whose_supervisor_was_killed_dies_with_it_and_is_cleaned_up(plan):
    target = Target(plan, f"test-{os.getpid()}-killed")
    target.up()
    leader = target.leader
    os.kill(processes.read_pid(str(target.folder / entering.PID_FILE)), signal.SIGKILL)
    assert processes.wait_gone([leader], 10) == []
    target.down()
    assert not any(remnants(plan, target.name).values())


def test_what_a_run_leaves_is_found_by_its_mark(plan, monkeypatch, capsys):
    mark = f"targets-{os.getpid()}"
    target = Target(plan, f"test-{os.getpid()}-marked")
    with monkeypatch.context() as patch:
        patch.setenv("AOS_RUN_MARK", mark)
        target.up()
    try:
        leader = target.leader
        assert leftovers.main(mark) == 1
        assert f"--machine={target.name}" in capsys.readouterr().out
        assert processes.wait_gone([leader], 10) == []
    finally:
        target.down()


def test_all_of_a_slot_go_at_once(worker_id, tmp_path):
    slot = Plan.from_environment(slot_of(worker_id))
    plan = Plan(slot.slot, tmp_path / "all", slot.cache)
    Target(plan, f"test-{os.getpid()}-all").up()
    assert down_all(plan) > 0
    assert not any(remnants(plan, f"test-{os.getpid()}-all").values())
    assert not plan.folder.exists()
