# SPDX-License-Identifier: GPL-3.0-or-later
"""`python -m tests.targets`: targets by hand."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.lab.client import Lab
from tests.lab.errors import LabError
from tests.lab.progress import Progress
from tests.targets import rootfs, scenarios, services, site, state, versions
from tests.targets.plan import Plan
from tests.targets.target import Target, down_all


def parser() -> argparse.ArgumentParser:
    """Each command's namespace carries `run`, the function that does it."""
    root = argparse.ArgumentParser(prog="targets", description=sys.modules["tests.targets"].__doc__)
    root.add_argument("--slot", type=int, help="several sets side by side: 0 to 9 (default: $AOS_LAB_SLOT or 0)")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    added = commands.add_parser("up", help="make a target from nothing and boot it; a running one is lost")
    added.add_argument("name", metavar="NAME")
    added.add_argument("--debian", choices=rootfs.RELEASES, default="12", help="its release (default 12)")
    added.add_argument("--bind", type=bind, action="append", default=[], metavar="OURS:ITS", help="read-only")
    added.set_defaults(run=up)
    added = commands.add_parser("down", help="leave nothing of a target, or of all of the slot")
    which = added.add_mutually_exclusive_group(required=True)
    which.add_argument("name", nargs="?", metavar="NAME")
    which.add_argument("--all", action="store_true", help="also what killed runs left")
    added.set_defaults(run=down)
    commands.add_parser("status", help="show the targets of the slot").set_defaults(run=status)
    added = commands.add_parser("exec", help="run a command in a target")
    added.add_argument("name", metavar="NAME")
    added.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND")
    added.set_defaults(run=execute)
    added = commands.add_parser("save", help="write all that an installation may change, in a target and in the lab")
    added.add_argument("name", metavar="NAME")
    added.add_argument("file", type=Path, metavar="FILE")
    added.set_defaults(run=save)
    added = commands.add_parser("compare", help="fail with what is not as it was saved")
    added.add_argument("name", metavar="NAME")
    added.add_argument("file", type=Path, metavar="FILE")
    added.set_defaults(run=compare)
    added = commands.add_parser("versions", help="build later and broken versions of the daemon into a new folder")
    added.add_argument("folder", type=Path, metavar="FOLDER")
    added.set_defaults(run=lambda _, arguments: versions.wheels(arguments.folder))
    forgetter = commands.add_parser("forget", help="take away what installations made in the lab's services")
    forgetter.set_defaults(run=lambda plan, _: services.forget(Lab(plan.slot)))
    added = commands.add_parser(
        "molecule", help="run scenarios (all, if none is named); makes the lab if there is none"
    )
    added.add_argument("scenarios", nargs="*", metavar="SCENARIO")
    added.add_argument("--only", default="test", metavar="ACTION", help="molecule's own: converge, verify, login ...")
    added.set_defaults(run=molecule)
    return root


def bind(text: str) -> tuple[Path, str]:
    """OURS:ITS, both absolute."""
    ours, _, its = text.partition(":")
    if not (ours.startswith("/") and its.startswith("/")):
        raise argparse.ArgumentTypeError(f"{text!r}: must be two absolute paths with a colon between them")
    return Path(ours), its


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 0, or 2 with a message about what to mend."""
    arguments = parser().parse_args(argv)
    try:
        arguments.run(Plan.from_environment(arguments.slot), arguments)
    except (LabError, TimeoutError, RuntimeError) as exc:
        print(f"targets: {exc}", file=sys.stderr)
        return 2
    return 0


def up(plan: Plan, arguments: argparse.Namespace) -> None:
    Target(plan, arguments.name).up(arguments.debian, dict(arguments.bind), Progress())


def down(plan: Plan, arguments: argparse.Namespace) -> None:
    if arguments.all:
        print(f"The targets on slot {plan.slot} are gone, {down_all(plan)} processes were stopped")
    else:
        Target(plan, arguments.name).down()


def status(plan: Plan, _: argparse.Namespace) -> None:
    for name in plan.names():
        target = Target(plan, name)
        print(f"{name}  {target.state}  {target.leader}")


def execute(plan: Plan, arguments: argparse.Namespace) -> None:
    command = Target(plan, arguments.name).command(*arguments.argv)
    os.execvp(command[0], command)


def save(plan: Plan, arguments: argparse.Namespace) -> None:
    arguments.file.write_text(json.dumps(_state(plan, arguments.name)))


def compare(plan: Plan, arguments: argparse.Namespace) -> None:
    if found := state.differences(json.loads(arguments.file.read_text()), _state(plan, arguments.name)):
        raise LabError("\n".join([f"{arguments.name} is not as it was:", *found]))


def _state(plan: Plan, name: str) -> state.State:
    target = Target(plan, name)
    return state.gather(lambda program: target.run("python3", "-", stdin=program).stdout, Lab(plan.slot))


def molecule(plan: Plan, arguments: argparse.Namespace) -> None:
    lab = Lab(plan.slot)
    if not lab.is_up():
        lab.up(hosts=2)
    site.write(plan, lab)
    for name in arguments.scenarios or scenarios.names():
        done = scenarios.run(plan, name, command=arguments.only)
        print(done.stdout)
        if done.returncode:
            raise LabError(f"scenario {name} failed: see above")
