# SPDX-License-Identifier: GPL-3.0-or-later
"""Real playbooks by the real ansible-runner: results, ends, and where secrets are not."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cloud_manager.adapters.clock import SystemClock
from cloud_manager.adapters.processes import INSTALLATION, JOB, marked
from cloud_manager.adapters.runner import AnsiblePlaybooks, RunnerOptions
from cloud_manager.domain.actions import Action, ReadPower, Recover
from cloud_manager.domain.facts import Fence, JobFact, JobStatus, Power, PowerReading
from cloud_manager.domain.power import PowerControl, PowerLink, Secret
from cloud_manager.errors import JobNotStarted
from cloud_manager.ports import JobEvent, Switched
from watchdog.tests.adapters import small_collection
from watchdog.tests.fakes.clock import FakeClock

PASSWORD = "{{ 7 * 7 }} tr0ub'\"\\ador\u00e9"
CONTROLS = (PowerLink("c1", PowerControl("bmc {{ 1 }}", "ipmi", "192.0.2.1", 623, "admin", Secret(PASSWORD))),)
READ = ReadPower("1-read-1", "c1", 1)
RECOVER = Recover("1-recover-1", "c1", 1, override="ada: {{ 2 * 2 }} is off")
FOREVER = "(open(os.environ['HOME'] + '/../started', 'w').close(), time.sleep(300))"


class Listener:
    def __init__(self) -> None:
        self.events: list[JobEvent] = []
        self.results: list[JobFact] = []

    def job_event(self, event: JobEvent) -> None:
        self.events.append(event)

    def job_ended(self, result: JobFact) -> None:
        self.results.append(result)

    @property
    def result(self) -> JobFact:
        assert len(self.results) == 1
        return self.results[0]


class Stage:
    """Playbooks over a small collection; does: what the module returns."""

    def __init__(self, folder: Path) -> None:
        self.run_dir, self.state_dir = folder / "run", folder / "state"
        self.folder = folder
        self.listener = Listener()

    def playbooks(self, action: Action, module: str, does: str, **options: object) -> AnsiblePlaybooks:
        collections = small_collection.make(self.folder, action.kind.value, module, does)
        settings = {"collections_path": str(collections), "timeout": 60.0, **options}
        return AnsiblePlaybooks(RunnerOptions(self.run_dir, self.state_dir, **settings), SystemClock())

    def run(
        self, action: Action, module: str, does: str, cancelled: Callable[[], bool] = lambda: False, **options: object
    ) -> JobFact:
        self.playbooks(action, module, does, **options).run(action, CONTROLS, self.listener, cancelled)
        return self.listener.result

    def files(self) -> list[Path]:
        return [path for root in (self.run_dir, self.state_dir) for path in root.rglob("*") if path.is_file()]

    def running(self) -> dict[int, str]:
        return marked([READ.key, RECOVER.key], str(self.state_dir))

    def started(self) -> bool:
        """The module of FOREVER works."""
        return any(self.run_dir.rglob("started"))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def power(result: str, state: str = "off", message: str = "") -> str:
    readings = [{"at": 1.0, "state": state}] * 2
    said = {"host": "c1", "state": state, "result": result, "control": "bmc-c1", "readings": readings}
    return repr({"power": {**said, "message": message}})


def test_a_reading_comes_back_through_a_playbook(stage: Stage) -> None:
    does = "{'power': {'state': 'on', 'result': 'READ', 'control': module.params['controls'][0]['title']}}"
    reading = stage.playbooks(READ, "power_info", does).read_power("c1", CONTROLS)
    assert reading == PowerReading("bmc {{ 1 }}", Power.ON)


def test_readings_at_the_same_time_do_not_disturb_each_other(stage: Stage) -> None:
    does = "{'power': {'state': 'on', 'control': 'x', 'identity': 'SERIAL'}}"
    collections = small_collection.make(stage.folder, READ.kind.value, "power_info", does)
    options = RunnerOptions(stage.run_dir, stage.state_dir, collections_path=str(collections))
    playbooks = AnsiblePlaybooks(options, FakeClock())  # all of them in the same millisecond
    with ThreadPoolExecutor(3) as pool:
        readings = list(pool.map(lambda _: playbooks.read_power("c1", CONTROLS), range(3)))
    assert readings == [PowerReading("x", Power.ON, identity="SERIAL")] * 3


def test_a_reading_ends_when_it_is_cancelled(stage: Stage) -> None:
    reading = stage.playbooks(READ, "power_info", FOREVER).read_power("c1", CONTROLS, stage.started)
    assert (reading.state, reading.message) == (Power.UNKNOWN, "cancelled")


def test_a_switch_that_is_confirmed_is_told_so(stage: Stage) -> None:
    does = power("ON_CONFIRMED", "on", "is on")
    switched = stage.playbooks(READ, "power", does).switch_power("c1", CONTROLS, "on", 60.0)
    assert switched == Switched(True, Power.ON, "is on")
    assert not list((stage.state_dir / "jobs").iterdir())


def test_a_switch_that_is_not_confirmed_is_told_with_what_was_seen(stage: Stage) -> None:
    does = f"{{**{power('STILL_ON', 'on', 'reads on')}, 'failed': True, 'msg': 'stuck'}}"
    switched = stage.playbooks(READ, "power", does).switch_power("c1", CONTROLS, "off", 60.0)
    assert switched == Switched(False, Power.ON, "reads on")
    (stage.folder / "collections/ansible_collections/aos/cloud_manager/playbooks/power_host.yml").write_text("- x")
    broken = stage.playbooks(RECOVER, "power", does).switch_power("c1", CONTROLS, "off", 60.0)
    assert (broken.proven, broken.state) == (False, Power.UNKNOWN)
    assert broken.message


def test_the_module_gets_the_password_as_it_is(stage: Stage) -> None:
    does = "{'power': {'state': 'on', 'control': str([ord(c) for c in module.params['controls'][0]['password']])}}"
    reading = stage.playbooks(READ, "power_info", does).read_power("c1", CONTROLS)
    assert reading.control == str([ord(letter) for letter in PASSWORD])


def test_a_confirmed_power_off_is_told_in_plain_words(stage: Stage) -> None:
    result = stage.run(RECOVER, "power", power("OFF_CONFIRMED"))
    assert result.status is JobStatus.SUCCEEDED
    assert result.power == PowerReading("bmc-c1", Power.OFF, Fence.OFF_CONFIRMED)
    assert [event.text for event in stage.listener.events] == ["power control bmc-c1 confirmed power-off by 2 readings"]


def test_a_failure_carries_the_modules_message_and_what_it_saw(stage: Stage) -> None:
    does = f"{{**{power('STILL_ON', 'on', 'reads on after 30 s')}, 'failed': True, 'msg': 'host c1 stays on'}}"
    result = stage.run(RECOVER, "power", does)
    assert (result.status, result.message) == (JobStatus.FAILED, "host c1 stays on")
    assert result.power == PowerReading("bmc-c1", Power.ON, Fence.STILL_ON, "reads on after 30 s")


def test_a_playbook_that_does_not_exist_fails_with_ansibles_words(stage: Stage) -> None:
    playbooks = stage.playbooks(READ, "power_info", "{}")
    playbooks.run(RECOVER, CONTROLS, stage.listener, lambda: False)
    assert stage.listener.result.status is JobStatus.FAILED
    assert "recover_host" in stage.listener.result.message


def test_what_an_operator_typed_is_not_evaluated(stage: Stage) -> None:
    playbook = small_collection.make(stage.folder, "recover_host", "power", "{}") / "ansible_collections/aos"
    path = playbook / "cloud_manager/playbooks/recover_host.yml"
    path.write_text("- hosts: c1\n  gather_facts: false\n  tasks: [{ansible.builtin.fail: {msg: '{{ override }}'}}]\n")
    options = RunnerOptions(stage.run_dir, stage.state_dir, collections_path=str(stage.folder / "collections"))
    AnsiblePlaybooks(options, SystemClock()).run(RECOVER, CONTROLS, stage.listener, lambda: False)
    assert stage.listener.result.message == "ada: {{ 2 * 2 }} is off"


def test_nothing_secret_stays_and_the_jobs_folder_is_gone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_PASSWORD", "of-the-daemon")
    stage.run(RECOVER, "power", power("OFF_CONFIRMED"), clouds_yaml="clouds: {x: {auth: {password: in-the-file}}}")
    kept = stage.files()
    assert any(path.name == "stdout" for path in kept)
    assert any(path.parent.name == "job_events" for path in kept)
    assert not any(path.name == "command" for path in kept), "it repeats the environment"
    for path in kept:
        text = path.read_text(errors="replace")
        assert "invocation" not in text, path
        for secret in ("tr0ub", "of-the-daemon", "in-the-file"):
            assert secret not in text, path
    assert not list(stage.run_dir.rglob("inventory.yml"))


def test_the_playbook_finds_its_cloud_and_nothing_else_of_our_environment(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OS_PASSWORD", "of-the-daemon")
    does = "{'power': {'state': 'on', 'control': ' '.join(sorted(n for n in os.environ if n[:3] in ('OS_', 'AOS')))}}"
    environment = {"OS_CLOUD": "x", "OS_CLIENT_CONFIG_FILE": "/x"}
    reading = stage.playbooks(READ, "power_info", does, environment=environment).read_power("c1", CONTROLS)
    assert reading.control == f"{JOB} {INSTALLATION} OS_CLIENT_CONFIG_FILE OS_CLOUD"


def test_no_password_is_in_any_command_line(stage: Stage) -> None:
    does = "{'power': {'state': 'on', 'control': str(sum(b'tr0ub' in open(p, 'rb').read() for p in COMMANDS))}}"
    found = (
        "[f'/proc/{n}/cmdline' for n in os.listdir('/proc') if n.isdigit() and os.path.exists(f'/proc/{n}/cmdline')]"
    )
    reading = stage.playbooks(READ, "power_info", does.replace("COMMANDS", found)).read_power("c1", CONTROLS)
    assert reading.control == "0"


def test_a_playbook_that_takes_too_long_is_ended_with_all_it_started(stage: Stage) -> None:
    does = f"(subprocess.Popen(['sleep', '301'], start_new_session=True), {FOREVER})"
    begun = time.monotonic()
    result = stage.run(RECOVER, "power", does, timeout=4.0)
    assert time.monotonic() - begun < 20
    assert result.status is JobStatus.FAILED
    assert "longer than [executor] playbook_timeout, 4 s" in result.message
    assert stage.running() == {}


def test_a_cancelled_playbook_is_ended_and_counts_as_lost(stage: Stage) -> None:
    result = stage.run(RECOVER, "power", FOREVER, cancelled=stage.started)
    assert (result.status, result.message) == (JobStatus.LOST, "cancelled")
    assert stage.running() == {}


def test_jobs_run_side_by_side(stage: Stage) -> None:
    does = "(time.sleep(1), {'power': {'state': 'on', 'control': 'x'}})[1]"
    playbooks = stage.playbooks(READ, "power_info", does)
    listeners = [Listener() for _ in range(3)]
    jobs = [
        threading.Thread(target=playbooks.run, args=(ReadPower(f"{n}-read-1", "c1", n), CONTROLS, found, bool))
        for n, found in enumerate(listeners)
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert {listener.result.status for listener in listeners} == {JobStatus.SUCCEEDED}


def test_what_a_killed_daemon_left_running_is_ended_and_its_secrets_are_removed(stage: Stage) -> None:
    collections = small_collection.make(stage.folder, "recover_host", "power", FOREVER)
    folders = (str(stage.run_dir), str(stage.state_dir), str(collections))
    program = f"""
from pathlib import Path
from cloud_manager.adapters.clock import SystemClock
from cloud_manager.adapters.runner import AnsiblePlaybooks, RunnerOptions
from watchdog.tests.adapters.test_runner import CONTROLS, RECOVER, Listener
run_dir, state_dir, collections = {folders!r}
options = RunnerOptions(Path(run_dir), Path(state_dir), collections_path=collections)
AnsiblePlaybooks(options, SystemClock()).run(RECOVER, CONTROLS, Listener(), bool)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    daemon = subprocess.Popen([sys.executable, "-c", program], env=environment)
    deadline = time.monotonic() + 60
    while not stage.started() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert stage.started()
    daemon.kill()
    daemon.wait()
    assert stage.running(), "ansible-core's workers outlive the daemon"
    next_one = stage.playbooks(READ, "power_info", "{}")
    assert next_one.kill(["7-recover-7", RECOVER.key]) == (RECOVER.key,)
    assert stage.running() == {}
    assert not list(stage.run_dir.rglob("inventory.yml"))
    assert next_one.kill([RECOVER.key]) == ()


def test_another_installations_playbook_of_the_same_key_is_left_alone(stage: Stage) -> None:
    environment = {JOB: RECOVER.key, INSTALLATION: "/another/state"}
    bystander = subprocess.Popen(["sleep", "60"], env=environment)
    try:
        assert stage.playbooks(READ, "power_info", "{}").kill([RECOVER.key]) == ()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_only_the_newest_artifacts_are_kept(stage: Stage) -> None:
    playbooks = stage.playbooks(READ, "power_info", power("READ"), keep=2)
    for number in range(3):
        playbooks.run(ReadPower(f"{number}-read-1", "c1", number), CONTROLS, Listener(), bool)
    assert sorted(path.name for path in (stage.state_dir / "jobs").iterdir()) == ["1-read-1", "2-read-1"]


def test_a_folder_that_others_can_look_into_is_refused(stage: Stage) -> None:
    stage.run_dir.mkdir(mode=0o755)
    with pytest.raises(PermissionError):
        stage.playbooks(READ, "power_info", "{}")


def test_a_job_that_finds_no_place_for_its_files_is_not_started(stage: Stage) -> None:
    playbooks = stage.playbooks(READ, "power_info", "{}")
    stage.run_dir.rmdir()
    with pytest.raises(JobNotStarted, match="run_dir"):
        playbooks.run(READ, CONTROLS, stage.listener, bool)
    assert stage.listener.results == []
