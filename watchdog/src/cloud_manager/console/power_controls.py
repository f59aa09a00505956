# SPDX-License-Identifier: GPL-3.0-or-later
"""`aos-cloud-manager power-control`: which device switches which host, and whether it answers."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from cloud_manager.console.table import table
from cloud_manager.console.words import moment
from cloud_manager.domain.facts import Power, PowerReading
from cloud_manager.domain.power import PROTOCOLS, PowerControl, PowerLink, Secret
from cloud_manager.errors import BadInput, CloudManagerError
from cloud_manager.ports import Clock, PowerControls, Verifier

PORTS = {"ipmi": 623}
PASSWORD_VARIABLE = "AOS_BMC_PASSWORD"


class App(Protocol):
    """What these commands need of the program."""

    @property
    def power_controls(self) -> PowerControls: ...
    @property
    def verifier(self) -> Verifier: ...
    @property
    def clock(self) -> Clock: ...


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("power-control", help="power controls: add, list, link to hosts, verify")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _register_add(commands.add_parser("add", help="make a power control known"))
    listed = commands.add_parser("list", help="show the power controls and their hosts")
    listed.set_defaults(handler=show)
    _register_link(commands.add_parser("link", help="say which host a power control switches"))
    _register_verify(commands.add_parser("verify", help="read the power of every linked host, switching nothing"))


def _register_add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "The password is read from --password-file, else from the variable "
        f"{PASSWORD_VARIABLE}, else from the terminal; never from the command line."
    )
    parser.add_argument("--title", required=True, help="unique name of the power control")
    parser.add_argument("--protocol", required=True, help=f"one of: {', '.join(PROTOCOLS)}")
    parser.add_argument("--address", required=True, help="its address or name in the management network")
    parser.add_argument("--port", type=int, help="port, where it isn't the protocol's own")
    parser.add_argument("--username", required=True)
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="file whose first line is the password")
    parser.add_argument("--password", action=_Refused, help=argparse.SUPPRESS)
    parser.set_defaults(handler=add)


def _register_link(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("host", metavar="HOST", help="full name of the host, as Nova knows it")
    parser.add_argument("title", metavar="TITLE")
    parser.add_argument("--outlet", type=int, help="outlet of the power control, 1-65535; a BMC has none")
    parser.add_argument("--default", action="store_true", help="use this power control of the host before its others")
    parser.set_defaults(handler=link)


def _register_verify(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("title", nargs="?", metavar="TITLE", help="verify this power control")
    which.add_argument("--all", action="store_true", help="verify all of them")
    parser.set_defaults(handler=verify)


def add(args: argparse.Namespace, app: App) -> int:
    if args.protocol not in PORTS:
        raise BadInput(f"power control {args.title}: no protocol {args.protocol!r}: give {' or '.join(PROTOCOLS)}")
    port = PORTS[args.protocol] if args.port is None else args.port
    password = read_password(args.title, args.password_file)
    app.power_controls.add(PowerControl(args.title, args.protocol, args.address, port, args.username, password))
    print(f"power control {args.title} added")
    print(f"next: aos-cloud-manager power-control link HOST {args.title}")
    return 0


def show(_args: argparse.Namespace, app: App) -> int:
    rows = [
        (control.title, control.protocol, f"{control.address}:{control.port}", control.username, *_link_columns(link))
        for control, links in app.power_controls.list()
        for link in links or (None,)
    ]
    print(table(("TITLE", "PROTOCOL", "ADDRESS", "USERNAME", "HOST", "OUTLET", "DEFAULT", "VERIFIED"), rows))
    return 0


def link(args: argparse.Namespace, app: App) -> int:
    app.power_controls.link(args.host, args.title, args.outlet, args.default)
    print(f"host {args.host} linked to power control {args.title}")
    print(f"next: aos-cloud-manager power-control verify {args.title}")
    return 0


def verify(args: argparse.Namespace, app: App) -> int:
    """0 if every asked power control told the power of every one of its hosts, else 1."""
    rows, failed = [], False
    for control, links in _chosen(app.power_controls, args.title):
        for item in links:
            reading = _read(app, item)
            good = reading.state is not Power.UNKNOWN
            failed |= not good
            rows.append((control.title, item.host, str(reading.state), "ok" if good else "FAILED", reading.message))
        if not links:
            failed = True
            rows.append(
                (
                    control.title,
                    "-",
                    "-",
                    "FAILED",
                    f"no host: aos-cloud-manager power-control link HOST {control.title}",
                )
            )
    print(table(("TITLE", "HOST", "POWER", "VERDICT", "MESSAGE"), rows))
    return int(failed)


def read_password(title: str, file: Path | None) -> Secret:
    """From the file, the environment, or the terminal; never from the command line, which every process can read."""
    if file is not None:
        try:
            password = (file.read_text(encoding="utf-8").splitlines() or [""])[0]
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise BadInput(
                f"password file {file} can't be read ({reason}): give a text file that you may read"
            ) from error
    elif PASSWORD_VARIABLE in os.environ:
        password = os.environ[PASSWORD_VARIABLE]
    elif sys.stdin.isatty():
        password = getpass.getpass(f"Password of power control {title}: ")
    else:
        raise BadInput(f"power control {title}: no password: give --password-file FILE or set {PASSWORD_VARIABLE}")
    if not password.isprintable():
        raise BadInput(
            f"power control {title}: the password has characters that can't be printed: is it the right file?"
        )
    if not password:
        raise BadInput(f"power control {title}: the password is empty")
    return Secret(password)


class _Refused(argparse.Action):
    """Without this option argparse would take --password for --password-file, and repeat the password in its error."""

    def __call__(self, parser: argparse.ArgumentParser, *_rest: object) -> None:
        parser.error(
            f"a password on the command line can be read by every process: use --password-file or {PASSWORD_VARIABLE}"
        )


def _chosen(controls: PowerControls, title: str | None) -> Iterator[tuple[PowerControl, tuple[PowerLink, ...]]]:
    found = [item for item in controls.list() if title in (None, item[0].title)]
    if title is not None and not found:
        raise BadInput(f"power control {title} is unknown: see `aos-cloud-manager power-control list`")
    yield from found


def _read(app: App, wanted: PowerLink) -> PowerReading:
    """The power that this one control reads for its host; UNKNOWN with the reason where it couldn't be asked."""
    title, host = wanted.control.title, wanted.host
    print(f"reading the power of host {host} by {title} ...", file=sys.stderr, flush=True)
    try:
        only = [replace(item, default=True) for item in app.power_controls.of(host) if item.control.title == title]
        reading = app.verifier.read_power(host, only)
        if reading.state is not Power.UNKNOWN:
            app.power_controls.verified(host, title, app.clock.now())
    except CloudManagerError as error:
        return PowerReading(title, Power.UNKNOWN, message=str(error))
    return reading


def _link_columns(item: PowerLink | None) -> tuple[str, str, str, str]:
    if item is None:
        return "-", "-", "-", "-"
    verified = "never" if item.verified_at is None else moment(item.verified_at)
    return item.host, str(item.outlet or "-"), "yes" if item.default else "no", verified
