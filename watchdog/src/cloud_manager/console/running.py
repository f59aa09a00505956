# SPDX-License-Identifier: GPL-3.0-or-later
"""`watch`, `once` and `check-config`."""

from __future__ import annotations

import argparse
import signal

from cloud_manager.bootstrap import App, set_up_logging
from cloud_manager.config import DEFAULT_FILES
from cloud_manager.errors import CloudUnavailable


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    watching = subparsers.add_parser("watch", help="run the watchdog until it is told to stop")
    watching.set_defaults(handler=watch)
    single = subparsers.add_parser("once", help="run one cycle and wait for the playbooks that it started")
    single.set_defaults(handler=once)
    checking = subparsers.add_parser("check-config", help="say everything that is wrong with the configuration")
    checking.set_defaults(handler=check_config)


def add_config_files(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config-file",
        action="append",
        metavar="FILE",
        help=f"read this file; may be repeated, later files win (default: {', '.join(DEFAULT_FILES)})",
    )


def watch(_args: argparse.Namespace, app: App) -> int:
    set_up_logging(app.config)
    app.say_notices()
    app.watchdog().watch()
    return 0


def once(_args: argparse.Namespace, app: App) -> int:
    """1 where the watchdog was blind: nothing was decided then."""
    set_up_logging(app.config)
    app.say_notices()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # playbooks are ended in order, as after Ctrl-C
    decision = app.watchdog().once()
    if decision and decision.blind:
        raise CloudUnavailable(decision.blind)
    return 0


def check_config(_args: argparse.Namespace, app: App) -> int:
    """What is wrong with the files, their reading has said already; whether what they name answers, `plan` shows."""
    for notice in app.config.notices:
        print(f"notice: {notice}")
    label = app.access.label
    print(f"read: {', '.join(app.config.files) or 'no file, all parameters have their defaults'}")
    print(f"database: {app.database.name}")
    print(f"cloud: {label}")
    print(f"systemd: the watchdog hangs after {app.silence:.0f} s without a sign; WatchdogSec enables that")
    print("the configuration is valid; `aos-cloud-manager plan` tries what it names")
    return 0
