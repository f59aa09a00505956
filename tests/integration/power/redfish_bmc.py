# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Redfish service for the tests: sushy-tools' emulator with its fake driver, over TLS, with its auth file."""

from __future__ import annotations

import datetime
import ipaddress
import secrets
import signal
import socket
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import bcrypt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sushy_tools.emulator.memoize import PersistentDict

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_controls import devices
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import ControlError
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device

FRONT = Path(__file__).with_name("redfish_front.py")
ADDRESS = "127.0.41.1"
USERNAME = "admin"
SYSTEM = "27946b59-9e44-4fa7-8e91-f3527a1ef094"
OTHER_SYSTEM = "5d6bf2c0-0a8f-4f0e-8f7e-0a3a1cf2d6b1"

# The emulator reads its configuration as Python. Its fake host obeys after a whole number of seconds that it draws by
# lot from 1 to 11; here the lot always falls on `delay`, the rest of the emulator is as it came.
CONFIGURATION = """\
import types
from sushy_tools.emulator.resources.systems import fakedriver
fakedriver.random = types.SimpleNamespace(randint=lambda low, high: {delay})
SUSHY_EMULATOR_STATE_DIR = {folder!r}
SUSHY_EMULATOR_AUTH_FILE = {auth_file!r}
"""


def free_port(address: str) -> int:
    """Return a TCP port that nobody uses at this address."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def write_certificate(folder: Path, name: str, address: str) -> None:
    """Write cert.pem and key.pem that a service of this name signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


class RedfishBmc:
    """A running emulator and our front before it. Both are ended by close(), whatever state a fault left them in."""

    def __init__(self, folder: Path, host: str, delay: int = 1, beyond_latin_1: str = "é€") -> None:
        self.host = host
        self.folder = folder
        self.password = secrets.token_hex(8) + beyond_latin_1
        self.wrong_password = secrets.token_hex(8)
        self.port = free_port(ADDRESS)
        self._fault = "none"
        write_certificate(folder, "bmc.test", ADDRESS)
        self.ca_cert = str(folder / "cert.pem")
        digest = bcrypt.hashpw(self.password.encode(), bcrypt.gensalt(4)).decode()
        (folder / "users").write_text(f"{USERNAME}:{digest}\n")
        configuration = CONFIGURATION.format(delay=delay, folder=str(folder), auth_file=str(folder / "users"))
        (folder / "emulator.py").write_text(configuration)
        self._systems = PersistentDict()
        self._systems.make_permanent(str(folder), "fakedriver")
        self.reset()
        (folder / "front_fault").write_text("none")
        emulator = str(Path(sys.executable).with_name("sushy-emulator"))
        command = [emulator, "--fake", "--config", str(folder / "emulator.py"), "-i", ADDRESS, "-p", str(self.port)]
        command += ["--ssl-certificate", self.ca_cert, "--ssl-key", str(folder / "key.pem")]
        front = [sys.executable, str(FRONT), str(folder), ADDRESS, str(self.port)]
        self._processes = [self._start(command), self._start(front)]
        self._wait_until_it_answers()

    def close(self) -> None:
        """SIGKILL also ends a stopped process."""
        for process in self._processes:
            process.kill()
            process.wait()

    def reset(self) -> None:
        """Let there be the one system, off, and no memory of requests."""
        for system in list(self._systems):
            if system != SYSTEM:
                del self._systems[system]
        self.host_is("off")
        (self.folder / "front_log").write_text("")

    @property
    def device(self) -> Device:
        return self.device_with()

    @property
    def imposter(self) -> Device:
        return self.device_with(password=self.wrong_password)

    def host_is(self, state: str) -> None:
        """Set on, off, or a PowerState by its Redfish name; nothing is pending any more."""
        self._systems[SYSTEM] = self._record(SYSTEM, {"on": "On", "off": "Off"}.get(state, state))

    def host_will_be(self, state: str, seconds: float) -> None:
        """Let the emulator's host change by itself, as after a command that is still pending."""
        pending = {"power_state": state, "apply_time": time.time() + seconds}
        self._systems[SYSTEM] = self._systems[SYSTEM] | {"pending_power": pending}

    def add_system(self) -> None:
        self._systems[OTHER_SYSTEM] = self._record(OTHER_SYSTEM, "On")

    def remove_systems(self) -> None:
        for system in list(self._systems):
            del self._systems[system]

    @property
    def host_state(self) -> str:
        return {"On": "on", "Off": "off"}[self._systems[SYSTEM]["power_state"]]

    def fault(self, name: str) -> None:
        """Set `silent` (the emulator is stopped) or one of our front's; `none` ends them all."""
        self._fault = name
        if name == "silent":
            self._processes[0].send_signal(signal.SIGSTOP)
        else:
            self._processes[0].send_signal(signal.SIGCONT)
            (self.folder / "front_fault").write_text(name)

    def requests(self) -> list[str]:
        """Return method, path and reset type of each request that our front has seen."""
        return (self.folder / "front_log").read_text().splitlines()

    def item(self, **fields: t.Any) -> dict[str, t.Any]:
        """Return the item of `power_controls`: the emulator itself, our front only while it plays a fault."""
        front = self._fault not in ("none", "silent")
        port = int((self.folder / "front_port").read_text()) if front else self.port
        control = {"title": "bmc", "protocol": "redfish", "address": ADDRESS, "port": port}
        return (
            control | {"username": USERNAME, "password": self.password, "options": {"ca_cert": self.ca_cert}} | fields
        )

    def device_with(self, **fields: t.Any) -> Device:
        return devices(self.host, [{"outlet": None, "default": False} | self.item(**fields)])[0]

    def _record(self, system: str, state: str) -> dict[str, t.Any]:
        return {"uuid": system, "name": f"name-{system}", "power_state": state, "nics": []}

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("a") as log:
            return subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                self.device.read(2.0)
                if (self.folder / "front_port").exists():
                    return
                raise ControlError("has no front yet", "wait")
            except ControlError as error:
                if time.monotonic() > deadline or any(process.poll() is not None for process in self._processes):
                    said = (self.folder / "log").read_text()
                    self.close()
                    raise RuntimeError(
                        f"sushy-emulator does not serve {ADDRESS}:{self.port}: {error}; {said}"
                    ) from error
                time.sleep(0.1)
