# SPDX-License-Identifier: GPL-3.0-or-later
"""What an ssh control may look like and what is asked of ssh. The exchange itself is tested against a real sshd."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils import power_ssh
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import Control, ControlError, NoAnswer
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_ssh import Ssh
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError


def a_control(**fields: t.Any) -> Control:
    given: dict[str, t.Any] = {"username": "fence", **fields}
    return Control("c1.example.org", "h", "ssh", given.pop("address", "192.0.2.1"), 22, **given)


class Client:
    """In the place of the ssh program: one exit status, one output and one error text for every call."""

    def __init__(self, status: int = 0, output: str = "", error: str = "") -> None:
        self.done = subprocess.CompletedProcess([], status, output.encode(), error.encode())
        self.calls: list[list[str]] = []

    def __call__(self, arguments: list[str], **_settings: object) -> subprocess.CompletedProcess[bytes]:
        self.calls.append(arguments)
        return self.done


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    client = Client(output="running\n")
    monkeypatch.setattr(power_ssh.subprocess, "run", client)
    return client


@pytest.fixture(autouse=True)
def _ssh_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: "/usr/bin/ssh")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"outlet": 1}, "protocol ssh has no outlets"),
        ({"username": ""}, "has no username; set it in power_controls or in AOS_BMC_USERNAME"),
        ({"username": "-oProxyCommand=x"}, "its username is no name that ssh takes"),
        ({"address": "-oProxyCommand=x"}, "its address is no name that ssh takes"),
        ({"options": {"domian": "c1", "password": "x"}}, "protocol ssh has no option domian, password"),
        ({"options": {"domain": ""}}, "domain '' is no domain's name"),
        ({"options": {"domain": "-c1"}}, "domain '-c1' is no domain's name"),
        ({"options": {"domain": "c1\nreboot"}}, r"domain 'c1\\nreboot' is no domain's name"),
        ({"options": {"domain": "7"}}, "virsh would take domain 7 for the number of another one"),
        ({"options": {"domain": 7}}, "virsh would take domain 7 for the number of another one"),
        ({"options": {"domain": " +7"}}, "for the number of another one"),
        ({"options": {"uri": "system"}}, "option uri is no libvirt URI"),
        ({"options": {"uri": "qemu:///system -r"}}, "option uri is no libvirt URI"),
        ({"options": {"known_hosts": "known_hosts"}}, "option known_hosts must be an absolute path"),
        ({"options": {"known_hosts": '/etc/a" b'}}, "option known_hosts must be an absolute path without quotes"),
        ({"options": {"private_key": "/nowhere/key"}}, "private_key /nowhere/key is no file that can be read here"),
    ],
)
def test_what_makes_no_sense_is_named(fields: dict[str, t.Any], said: str) -> None:
    with pytest.raises(AosError, match=said):
        Ssh().check(a_control(**fields))


def test_a_whole_control_is_accepted(tmp_path: Path) -> None:
    for name in ("known_hosts", "private_key"):
        (tmp_path / name).touch()
    files = {name: str(tmp_path / name) for name in ("known_hosts", "private_key")}
    Ssh().check(a_control(options={"domain": "c1", "uri": "qemu+tls://h.example.org/system", **files}))
    Ssh().check(a_control())


def test_a_missing_ssh_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(
        AosError, match=r"ssh, for protocol ssh of host c1\.example\.org.*install the package openssh-client"
    ):
        Ssh().check(a_control())


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("running", "on"),
        ("idle", "on"),
        ("paused", "on"),
        ("in shutdown", "on"),
        ("crashed", "on"),
        ("pmsuspended", "on"),
        ("shut off", "off"),
    ],
)  # virsh(1), domstate; what is not shut off holds its disks
def test_only_shut_off_is_off(client: Client, said: str, state: str) -> None:
    client.done.stdout = f"{said}\n\n".encode()
    assert Ssh().read(a_control(), 5) == state


@pytest.mark.parametrize("said", ["", "no state", "Welcome!\nshut off", "shut off\nrunning", "SHUT OFF", "\ufffd"])
def test_every_other_word_is_an_error(client: Client, said: str) -> None:
    client.done.stdout = said.encode()
    with pytest.raises(ControlError, match="answers domstate with"):
        Ssh().read(a_control(), 5)


def test_the_domain_is_the_hosts_full_name(client: Client) -> None:
    Ssh().read(a_control(), 4.2)
    virsh = "virsh -q -c qemu:///system domstate --domain c1.example.org"
    assert client.calls[0][-2:] == ["192.0.2.1", f"env LC_ALL=C timeout -s KILL 5 {virsh}"]


def test_the_remote_shell_sees_one_word_per_argument(client: Client) -> None:
    name, uri = "a 'b\" $(c); d", "qemu+ssh://u@h/system?keyfile=/k&no_tty=1"
    Ssh().read(a_control(options={"domain": name, "uri": uri}), 5)
    words = shlex.split(client.calls[0][-1])
    assert words[-5:] == ["-c", uri, "domstate", "--domain", name]


@pytest.mark.parametrize(
    ("action", "commands"),
    [
        ("on", ["start"]),
        ("off", ["destroy"]),
        ("soft_off", ["shutdown"]),
        ("reset", ["reset"]),
        ("cycle", ["destroy", "start"]),
    ],
)
def test_every_action_has_its_command(client: Client, action: str, commands: list[str]) -> None:
    Ssh().send(a_control(), action, 5)
    (call,) = client.calls
    calls = [shlex.split(part) for part in call[-1].split(" && ")]
    assert [words[-3] for words in calls] == commands


def test_the_login_is_by_key_and_the_host_key_is_checked(client: Client) -> None:
    Ssh().read(a_control(password="secret", options={"known_hosts": "/k n", "private_key": "/p k"}), 5)
    (call,) = client.calls
    for setting in (
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "PreferredAuthentications=publickey",
        "ControlMaster=no",
        "ControlPath=none",
        'UserKnownHostsFile="/k n"',
        "GlobalKnownHostsFile=none",
        'IdentityFile="/p k"',
        "IdentitiesOnly=yes",
    ):
        assert call[call.index(setting) - 1] == "-o"
    assert call[call.index("-F") + 1] == "none"
    assert "secret" not in " ".join(call)


@pytest.mark.parametrize(
    ("status", "said", "reason", "final"),
    [
        (255, "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @", "shows another host key", True),
        (
            255,
            "No ED25519 host key is known for h\nHost key verification failed.",
            "shows a host key that is not",
            True,
        ),
        (255, "Load key /k: bad permissions\nu@h: Permission denied (publickey).", "cannot be logged in at", True),
        (255, "u@h: Permission denied (publickey).", "refuses the login", True),
        (255, "Received disconnect: Too many authentication failures", "refuses the login", True),
        (255, "Unable to negotiate: no matching host key type found.", "has no algorithm in common", True),
        (255, "ssh: Could not resolve hostname h: Name or service not known", "has an address that does not", False),
        (255, "ssh: connect to host h port 22: Connection refused", "cannot be reached by ssh", False),
        (255, "ssh: connect to host h port 22: Connection timed out", "does not answer", False),
        (255, "ssh: connect to host h port 22: No route to host", "does not answer", False),
        (255, "", "cannot be reached by ssh (it says nothing)", False),
        (127, "timeout: failed to run command 'virsh': No such file or directory", "cannot run virsh", True),
        (137, "", "runs virsh without an end", False),
        (1, "error: failed to get domain 'c1.example.org'", "has no domain c1.example.org", True),
        (
            1,
            "error: failed to connect to the hypervisor\nerror: Failed to connect socket: No such file or directory",
            "cannot reach libvirt",
            False,
        ),
        (
            1,
            "error: failed to connect to the hypervisor\nerror: Failed to connect socket: Permission denied",
            "cannot reach libvirt",
            True,
        ),
        (1, "error: Failed to start domain 'c1'\nerror: no space left", "refuses (no space left)", False),
    ],
)
def test_every_refusal_has_a_reason_and_a_remedy(
    client: Client, status: int, said: str, reason: str, final: bool
) -> None:
    client.done = subprocess.CompletedProcess([], status, b"", said.encode())
    with pytest.raises(ControlError) as caught:
        Ssh().read(a_control(), 5)
    assert caught.value.reason.startswith(reason)
    assert caught.value.remedy
    assert caught.value.final is final


def test_silence_is_one_kind_of_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_arguments: object, **_settings: object) -> t.NoReturn:
        raise subprocess.TimeoutExpired("ssh", 5)

    monkeypatch.setattr(power_ssh.subprocess, "run", never)
    with pytest.raises(NoAnswer):
        Ssh().read(a_control(), 5)
