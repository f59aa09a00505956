# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line of ./dev."""

import argparse
import os
import sys

from tools.dev import check, steps
from tools.dev.running import ROOT

# Programs of their own, run in place of this one: name, arguments before the caller's, what it is for.
PROGRAMS = {
    "demo": (["-m", "tests.demo"], "a hypervisor dies and its servers come back, on a real OpenStack"),
    "bench": (
        ["-m", "tests.bench"],
        "measure recovery, idle cost and power control, beside other programs; JSON",
    ),
    "lab": (["-m", "tests.lab"], "the OpenStack lab: up, status, boot, kill, cut, down ..."),
    "unit": (["-m", "pytest", *steps.UNIT_TESTS], "the fast tests, without a lab"),
}


def step_name(word: str) -> str:
    """Return the word; argparse's own `choices` refuse an empty list of steps on Python 3.11."""
    names = [step.name for step in steps.STEPS]
    if word not in names:
        raise argparse.ArgumentTypeError(f"{word!r} is none of {', '.join(names)}")
    return word


def parser() -> argparse.ArgumentParser:
    """Describe every command, those of other programs too."""
    top = argparse.ArgumentParser(prog="./dev", description=__doc__)
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (_arguments, purpose) in PROGRAMS.items():
        commands.add_parser(name, help=purpose, add_help=False)
    names = [step.name for step in steps.STEPS]
    test = commands.add_parser("test", help=f"everything, or some of: {' '.join(names)}")
    test.add_argument("steps", nargs="*", type=step_name, metavar="STEP", help=" | ".join(names))
    commands.add_parser("lint", help="the first step of test alone")
    commands.add_parser("docs", help="draw again what is drawn from the code")
    commands.add_parser("help", help="this text")
    return top


def main(arguments: list[str]) -> int:
    """Run the command; return its exit status."""
    os.chdir(ROOT)
    if arguments and arguments[0] in PROGRAMS:
        before, _purpose = PROGRAMS[arguments[0]]
        os.execv(sys.executable, [sys.executable, *before, *arguments[1:]])
    top = parser()
    chosen = top.parse_args(arguments or ["help"])
    match chosen.command:
        case "test":
            return check.run(steps.chosen(chosen.steps or [step.name for step in steps.STEPS]))
        case "lint":
            return check.run(steps.chosen(["lint"]))
        case "docs":
            from tools.dev import docs  # here: it imports the daemon, which the other commands need not

            return docs.draw()
        case _:
            top.print_help()
            return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
