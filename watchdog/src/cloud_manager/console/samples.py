# SPDX-License-Identifier: GPL-3.0-or-later
"""`aos-cloud-manager configure`: the guide's first step. It writes sample files and nothing that is in force."""

from __future__ import annotations

import argparse
from pathlib import Path

from cloud_manager.config.samples import samples, write_samples

FOLDER = "/etc/aos"


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    configuring = subparsers.add_parser("configure", help="write the sample files with every parameter and its default")
    add_options(configuring)
    # a configuration that can't be read is what samples are wanted for
    configuring.set_defaults(handler=configure, needs_configuration=False)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, default=Path(FOLDER), metavar="DIR", help="default: %(default)s")


def configure(args: argparse.Namespace, _app: object) -> int:
    new = write_samples(args.folder)
    for path in (args.folder / name for name in samples()):
        print(f"{path} written" if path in new else f"{path} is up to date")
    return 0
