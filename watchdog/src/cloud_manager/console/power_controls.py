# SPDX-License-Identifier: GPL-3.0-or-later
"""`aos-cloud-manager power-control`: which device switches which host, and whether it answers."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from pathlib import Path

from cloud_manager.console import power_links, power_readings, power_switching
from cloud_manager.console.power_app import PowerApp, add_options, chosen, options_from
from cloud_manager.console.table import table
from cloud_manager.console.words import moment
from cloud_manager.domain.power import PROTOCOLS, ControlChange, ControlType, Need, PowerControl, PowerLink, Secret
from cloud_manager.errors import BadInput

PASSWORD_VARIABLE = "AOS_BMC_PASSWORD"
PASSWORD_WORDS = (
    f"The password is read from --password-file, else from the variable {PASSWORD_VARIABLE}, else from the terminal; "
    "never from the command line."
)


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("power-control", help="power controls: which device switches which host, and do so")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _register_add(commands.add_parser("add", help="make a power control known"))
    _register_set(commands.add_parser("set", help="change a power control"))
    removal = commands.add_parser("remove", help="forget a power control")
    removal.add_argument("title", metavar="TITLE")
    removal.add_argument("--force", action="store_true", help="unlink it from its hosts as well")
    removal.set_defaults(handler=remove)
    listed = commands.add_parser("list", help="show the power controls and their hosts")
    listed.set_defaults(handler=show_all)
    shown = commands.add_parser("show", help="show all that is known of one power control, except its password")
    shown.add_argument("title", metavar="TITLE")
    shown.set_defaults(handler=show)
    power_links.register(commands)
    power_readings.register(commands)
    power_switching.register(commands)


def _register_add(parser: argparse.ArgumentParser) -> None:
    parser.description = PASSWORD_WORDS
    parser.add_argument("--title", required=True, help="unique name of the power control")
    parser.add_argument("--protocol", required=True, help=f"one of: {', '.join(PROTOCOLS)}; it can't be changed later")
    parser.add_argument("--address", required=True, help="its address or name in the management network")
    parser.add_argument("--port", type=int, help="port, where it isn't the protocol's own")
    parser.add_argument("--outlets", type=int, metavar="N", help="how many outlets a relay board has")
    parser.add_argument("--username", default="", help="where the protocol has users")
    _add_password(parser)
    add_options(parser)
    parser.set_defaults(handler=add)


def _register_set(parser: argparse.ArgumentParser) -> None:
    parser.description = PASSWORD_WORDS
    parser.add_argument("name", metavar="TITLE")
    parser.add_argument("--title", help="its new name")
    parser.add_argument("--address")
    parser.add_argument("--port", type=int)
    parser.add_argument("--outlets", type=int, metavar="N", help="how many outlets the relay board has")
    parser.add_argument("--username")
    parser.add_argument("--new-password", action="store_true", help="read a new password, as `add` does")
    _add_password(parser)
    add_options(parser, "NAME= without a value takes the option away")
    parser.add_argument(
        "--forget-identity",
        action="store_true",
        help="forget the serial numbers that were recorded, because a machine was replaced; then initialise it again",
    )
    for fixed in ("--type", "--protocol"):
        parser.add_argument(fixed, action=_Fixed, help=argparse.SUPPRESS)
    parser.set_defaults(handler=change)


def add(args: argparse.Namespace, app: PowerApp) -> int:
    if args.protocol not in PROTOCOLS:
        raise BadInput(f"power control {args.title}: no protocol {args.protocol!r}: give {' or '.join(PROTOCOLS)}")
    facts = PROTOCOLS[args.protocol]
    port = facts.port if args.port is None else args.port
    outlets = args.outlets
    if outlets is None:
        if facts.type is ControlType.RELAY:
            raise BadInput(f"power control {args.title} is a relay board: say by --outlets N how many outlets it has")
        outlets = 1 if facts.type is ControlType.BMC else 0
    options = {name: value for name, value in options_from(args.option).items() if value is not None}
    password = _password(args.title, args.password_file, facts.password)
    app.power_controls.add(
        PowerControl(args.title, args.protocol, args.address, port, args.username, password, outlets, options)
    )
    print(f"power control {args.title} added")
    print(f"next: aos-cloud-manager power-control link HOST {args.title}")
    return 0


def change(args: argparse.Namespace, app: PowerApp) -> int:
    wanted = args.new_password or args.password_file is not None
    asked = ControlChange(
        title=args.title,
        address=args.address,
        port=args.port,
        username=args.username,
        password=read_password(args.name, args.password_file) if wanted else None,
        outlets=args.outlets,
        options=options_from(args.option, may_remove=True),
    )
    if asked != ControlChange() or not args.forget_identity:
        app.power_controls.change(args.name, asked)
        print(f"power control {args.name} changed")
    title = args.title or args.name
    if args.forget_identity:
        count = app.power_controls.forget_identity(title)
        print(f"power control {title}: {count} recorded identities forgotten")
    print(f"next: aos-cloud-manager power-control initialise {title}")
    return 0


def remove(args: argparse.Namespace, app: PowerApp) -> int:
    for host, default in app.power_controls.remove(args.title, args.force).items():
        print(f"host {host}: {f'its default is {default} now' if default else 'it can NOT be fenced any more'}")
    print(f"power control {args.title} removed")
    return 0


def show_all(_args: argparse.Namespace, app: PowerApp) -> int:
    rows = [
        (control.title, control.protocol, f"{control.address}:{control.port}", control.username or "-", *_columns(link))
        for control, links in app.power_controls.list()
        for link in links or (None,)
    ]
    head = ("TITLE", "PROTOCOL", "ADDRESS", "USERNAME", "HOST", "OUTLET", "DEFAULT", "VERIFIED", "LAST READING")
    print(table(head, rows))
    return 0


def show(args: argparse.Namespace, app: PowerApp) -> int:
    ((control, links),) = chosen(app.power_controls, args.title)
    ports = (
        f"{control.outlets} ({len(links)} used)"
        if control.outlets
        else f"as many as it has machines ({len(links)} used)"
    )
    facts = {
        "id": control.id,
        "title": control.title,
        "type": control.type,
        "protocol": control.protocol,
        "address": control.address,
        "port": control.port,
        "ports": ports,
        "username": control.username or "-",
        "password": "-" if PROTOCOLS[control.protocol].password is Need.NONE else "never shown",
        "options": _options(control.options),
    }
    print("\n".join(f"{name + ':':<10} {value}" for name, value in facts.items()))
    rows = [
        (
            link.host,
            link.place or "-",
            "yes" if link.default else "no",
            "never" if link.initialised_at is None else moment(link.initialised_at),
            link.identity or "-",
            _reading(link),
            _options(link.options),
            link.check.message if link.check and link.failing else "",
        )
        for link in links
    ]
    head = ("HOST", "PLACE", "DEFAULT", "INITIALISED", "IDENTITY", "LAST READING", "OPTIONS", "MESSAGE")
    print(table(head, rows) if rows else f"no host: aos-cloud-manager power-control link HOST {control.title}")
    return 0


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


def _password(title: str, file: Path | None, need: Need) -> Secret:
    """Where the protocol can do without a password nobody is asked for one; only what is given by name is taken."""
    if need is Need.REQUIRED or file is not None:
        return read_password(title, file)
    given = need is Need.OPTIONAL and PASSWORD_VARIABLE in os.environ
    return read_password(title, None) if given else Secret("")


def _add_password(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="file whose first line is the password")
    parser.add_argument("--password", action=_Refused, help=argparse.SUPPRESS)


class _Refused(argparse.Action):
    """Without this option argparse would take --password for --password-file, and repeat the password in its error."""

    def __call__(self, parser: argparse.ArgumentParser, *_rest: object) -> None:
        parser.error(
            f"a password on the command line can be read by every process: use --password-file or {PASSWORD_VARIABLE}"
        )


class _Fixed(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_rest: object) -> None:
        parser.error("type and protocol of a power control can't be changed: remove it, and add another one")


def _options(options: object) -> str:
    return (
        ", ".join(f"{name}={value}" for name, value in options.items())
        if isinstance(options, dict) and options
        else "-"
    )


def _columns(item: PowerLink | None) -> tuple[str, str, str, str, str]:
    if item is None:
        return "-", "-", "-", "-", "-"
    verified = "never" if item.verified_at is None else moment(item.verified_at)
    return item.host, str(item.outlet or "-"), "yes" if item.default else "no", verified, _reading(item)


def _reading(item: PowerLink) -> str:
    if item.check is None:
        return "none"
    return f"{'FAILED' if item.failing else item.check.state} {moment(item.check.at)}"
