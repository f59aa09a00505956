# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.lab`: the lab by hand."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence

from tests.lab import bmc
from tests.lab.client import COMPUTE, INFRASTRUCTURE, Lab
from tests.lab.control_plane import SERVICES
from tests.lab.errors import LabError
from tests.lab.progress import Progress
from tests.lab.rest import RestError
from tests.lab.status import print_status

Run = Callable[[Lab, argparse.Namespace], None]


def parser() -> argparse.ArgumentParser:
    """Each command's namespace carries `run`, the function that does it."""
    root = argparse.ArgumentParser(prog="lab", description=sys.modules["tests.lab"].__doc__)
    root.add_argument("--slot", type=int, help="several labs side by side: 0 to 9 (default: $AOS_LAB_SLOT or 0)")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Run, text: str, *names: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        for argument in names:
            added.add_argument(argument.lower(), metavar=argument)
        return added

    _add_lives(command)
    _add_boot(command)
    _add_faults(command)
    return root


def _add_lives(command: Callable[..., argparse.ArgumentParser]) -> None:
    added = command("up", up, "make the lab, or complete a running one")
    added.add_argument("--hosts", type=int, default=4, help="nova-computes (default 4)")
    added.add_argument("--report-interval", type=int, help="seconds between two heartbeats (default 2)")
    added.add_argument("--service-down-time", type=int, help="seconds without heartbeat until `down` (default 10)")
    command("down", lambda lab, _: lab.down(), "leave nothing of the lab")
    command("reset", reset, "all hosts on, up, enabled and empty; all faults repaired")
    command("status", lambda lab, _: print_status(lab), "show services, hosts and BMCs")
    command("env", env, "print the environment of an OpenStack client, for eval")


def _add_boot(command: Callable[..., argparse.ArgumentParser]) -> None:
    added = command("boot", boot, "start servers and wait until they are ACTIVE")
    added.add_argument("count", type=int, metavar="N")
    added.add_argument("--host", help="on this host")
    added.add_argument("--shutoff", type=int, default=0, metavar="K", help="stop K of them afterwards")
    added.add_argument("--priority", type=int, help="their recovery_priority")
    added.add_argument("--name", default="server", metavar="PREFIX", help="prefix of their names (default: server)")
    added.add_argument("--never-launched", action="store_true", help="just one, that hangs in BUILD on --host")


def _add_faults(command: Callable[..., argparse.ArgumentParser]) -> None:
    command("kill", lambda lab, a: lab.kill(a.host), "a host loses its power; its BMC knows of no command", "HOST")
    added = command("power", lambda lab, a: print(lab.power(a.host, a.operation)), "switch a host by IPMI", "HOST")
    added.add_argument("operation", choices=bmc.POWER_OPERATIONS)
    command("cut", lambda lab, a: lab.cut(a.host), "part a host from the network", "HOST")
    command("heal", lambda lab, a: lab.heal(a.host), "join it again", "HOST")
    added = command("bmc", lambda lab, a: lab.bmc(a.host, a.mode), "make a BMC fail, or repair it", "HOST")
    added.add_argument("mode", choices=bmc.MODES)
    added = command("refuse", refuse, "a host on which no server can be started", "HOST")
    added.add_argument("state", choices=("on", "off"))
    services = ", ".join([*INFRASTRUCTURE, *SERVICES, f"{COMPUTE}HOST"])
    command("stop", lambda lab, a: lab.stop(a.service), f"stop a service: {services}", "SERVICE")
    command("start", lambda lab, a: lab.start(a.service), "start it again", "SERVICE")


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 2 with a message about what to mend."""
    arguments = parser().parse_args(argv)
    try:
        arguments.run(Lab(arguments.slot), arguments)
    except (LabError, RestError, TimeoutError, ValueError, RuntimeError) as exc:
        print(f"lab: {exc}", file=sys.stderr)
        return 2
    return 0


def up(lab: Lab, arguments: argparse.Namespace) -> None:
    given = {"report_interval": arguments.report_interval, "service_down_time": arguments.service_down_time}
    lab.up(arguments.hosts, **{name: value for name, value in given.items() if value is not None})


def reset(lab: Lab, _: argparse.Namespace) -> None:
    progress = Progress()
    lab.reset()
    progress.done("The lab is sound and empty")


def env(lab: Lab, _: argparse.Namespace) -> None:
    for name, value in lab.environment().items():
        print(f"export {name}={shlex.quote(value)}")


def refuse(lab: Lab, arguments: argparse.Namespace) -> None:
    lab.refuse(arguments.host, arguments.state == "on")


def boot(lab: Lab, arguments: argparse.Namespace) -> None:
    if arguments.host:
        lab.host(arguments.host)
    if not 0 <= arguments.shutoff <= arguments.count:
        raise LabError(f"--shutoff {arguments.shutoff}: must be from 0 to the number of servers, {arguments.count}")
    if arguments.never_launched:
        if not arguments.host:
            raise LabError("--never-launched: needs --host")
        print(lab.nova_boot_unlaunched(arguments.host, arguments.name))
        return
    for server in lab.nova.boot(
        arguments.count,
        arguments.host,
        prefix=arguments.name,
        priority=arguments.priority,
        shutoff=arguments.shutoff,
    ):
        print(server)
