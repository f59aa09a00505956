# SPDX-License-Identifier: GPL-3.0-or-later
"""MariaDB and RabbitMQ as plain processes with private folders, on loopback only."""

from __future__ import annotations

import os
import socket
import subprocess

from tests.lab import processes
from tests.lab.plan import Plan
from tests.lab.progress import wait

TUNING = (
    "--max-connections=2000",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--performance-schema=off",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_general_ci",
    # The data is thrown away: durability would only cost time.
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-doublewrite=0",
    "--innodb-flush-method=nosync",
    "--innodb-buffer-pool-size=512M",
    "--innodb-log-file-size=64M",
)


class Database:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._socket = f"{plan.folder}/mariadb.sock"
        self.folder = plan.data / "mysql"

    def install(self) -> None:
        """An empty database server whose root needs no password: loopback, throw-away data."""
        subprocess.run(
            [
                "mariadb-install-db",
                "--no-defaults",
                "--user=root",
                f"--datadir={self.folder}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            check=True,
            capture_output=True,
        )

    def start(self) -> None:
        plan = self._plan
        if self.alive():
            return
        processes.spawn(
            str(plan.folder),
            "mariadb",
            [
                "mariadbd",
                "--no-defaults",
                "--user=root",
                f"--datadir={self.folder}",
                f"--socket={self._socket}",
                f"--pid-file={plan.folder}/mariadbd.pid",
                "--bind-address=127.0.0.1",
                f"--port={plan.port('mariadb')}",
                *TUNING,
            ],
            pid_file=f"{plan.pids}/mariadb",
            log=f"{plan.logs}/mariadb.log",
        )

    def alive(self) -> bool:
        return processes.alive(str(self._plan.folder), "mariadb", f"{self._plan.pids}/mariadb")

    def wait_ready(self, timeout: float = 60) -> None:
        def answers() -> bool:
            if not self.alive():
                raise RuntimeError(f"mariadb died, see {self._plan.logs}/mariadb.log")
            return self._client("select 1").returncode == 0

        wait(answers, timeout, "mariadb")

    def stop(self) -> None:
        """A clean shutdown: the data folder can be copied afterwards."""
        processes.stop_unit(str(self._plan.folder), "mariadb", grace=30)

    def sql(self, statement: str) -> list[list[str]]:
        """Run statements; the rows of the result, NULL as the string NULL."""
        done = self._client(statement)
        if done.returncode:
            raise RuntimeError(f"{statement[:200]}: {done.stderr.strip()}")
        return [line.split("\t") for line in done.stdout.splitlines()]

    def _client(self, statement: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["mariadb", "--no-defaults", "-uroot", "-S", self._socket, "--batch", "--skip-column-names"],
            input=statement,
            capture_output=True,
            text=True,
            check=False,
        )


class MessageBus:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def start(self) -> None:
        plan = self._plan
        if self.alive():
            return
        data = plan.data / "rabbitmq"
        (data / "home").mkdir(parents=True, exist_ok=True)
        processes.spawn(
            str(plan.folder),
            "rabbitmq",
            # An exported LOGS breaks the start script.
            ["env", "-u", "LOGS", "/usr/lib/rabbitmq/bin/rabbitmq-server"],
            pid_file=f"{plan.pids}/rabbitmq",
            log=f"{plan.logs}/rabbitmq.log",
            env={
                **self.environment(),
                "RABBITMQ_LOGS": "-",
                "RABBITMQ_LOG_BASE": str(plan.logs),
                "RABBITMQ_MNESIA_BASE": f"{data}/mnesia",
                "RABBITMQ_CONFIG_FILE": f"{plan.etc}/rabbitmq.conf",
                "RABBITMQ_ENABLED_PLUGINS_FILE": f"{plan.etc}/enabled_plugins",
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            },
        )

    def environment(self) -> dict[str, str]:
        """What the server and rabbitmqctl know its node by."""
        plan = self._plan
        return {
            "HOME": f"{plan.data}/rabbitmq/home",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_NODENAME": f"lab{plan.slot}@localhost",
            "RABBITMQ_DIST_PORT": str(plan.port("rabbitmq-distribution")),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(plan.port("epmd")),
        }

    def control(self, *arguments: str) -> None:
        """Run rabbitmqctl where it runs."""
        command = ["env", "-u", "LOGS", "/usr/lib/rabbitmq/bin/rabbitmqctl", *arguments]
        subprocess.run(command, env={**os.environ, **self.environment()}, check=True, capture_output=True)

    def alive(self) -> bool:
        return processes.alive(str(self._plan.folder), "rabbitmq", f"{self._plan.pids}/rabbitmq")

    def wait_ready(self, timeout: float = 120) -> None:
        wait(self._answers, timeout, "rabbitmq")

    def stop(self) -> None:
        processes.stop_unit(str(self._plan.folder), "rabbitmq", grace=0)

    def _answers(self) -> bool:
        """It greets an AMQP 0-9-1 client with a method frame."""
        try:
            with socket.create_connection(("127.0.0.1", self._plan.port("rabbitmq")), 2) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return connection.recv(1) == b"\x01"
        except OSError:
            return False
