# SPDX-License-Identifier: GPL-3.0-or-later
"""`power-control link` and `unlink`: which host is on which outlet."""

from __future__ import annotations

import argparse

from cloud_manager.console.power_app import PowerApp, add_options, chosen, options_from
from cloud_manager.errors import CloudManagerError


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("link", help="say which host a power control switches")
    parser.add_argument("host", metavar="HOST", help="full name of the host, as Nova knows it")
    parser.add_argument("title", metavar="TITLE")
    parser.add_argument(
        "--outlet",
        type=int,
        action="append",
        default=[],
        help="outlet of a relay board, 1-65535; again for each further supply of the host",
    )
    parser.add_argument("--default", action="store_true", help="use this power control of the host before its others")
    add_options(parser, "it counts before the same option of the power control; ssh needs domain=NAME")
    parser.set_defaults(handler=link)
    parser = commands.add_parser("unlink", help="say that a power control no longer switches a host")
    parser.add_argument("host", metavar="HOST")
    parser.add_argument("title", metavar="TITLE")
    parser.add_argument("--outlet", type=int, help="this outlet only; otherwise all that the host has there")
    parser.add_argument("--new-default", metavar="TITLE", help="which of the remaining ones comes first then")
    parser.add_argument("--force", action="store_true", help="also the only one, or one outlet of several")
    parser.set_defaults(handler=unlink)


def link(args: argparse.Namespace, app: PowerApp) -> int:
    given = {name: value for name, value in options_from(args.option).items() if value is not None}
    options = given if args.option else None
    if args.outlet:
        app.power_controls.link_outlets(args.host, args.title, args.outlet, args.default, options)
    else:
        app.power_controls.link(args.host, args.title, None, args.default, options)
    print(f"host {args.host} linked to power control {args.title}")
    _warn_of_unknown(args.host, app)
    print(f"next: aos-cloud-manager power-control verify {args.title}")
    return 0


def unlink(args: argparse.Namespace, app: PowerApp) -> int:
    app.power_controls.unlink(args.host, args.title, args.outlet, args.new_default, args.force)
    print(f"host {args.host} unlinked from power control {args.title}")
    ((_, links),) = chosen(app.power_controls, args.title)
    if kept := ", ".join(link.place for link in links if link.host == args.host):
        print(f"warning: host {args.host} stays linked to {kept} of power control {args.title}: fencing cuts only that")
    rest = app.power_controls.titles().get(args.host, ())
    if rest:
        print(f"the default power control of host {args.host} is {rest[0]}")
    else:
        print(f"warning: host {args.host} has no power control any more: it can NOT be fenced")
    return 0


def _warn_of_unknown(host: str, app: PowerApp) -> None:
    """While Nova can't be asked a name is taken as it is; `initialise` compares."""
    try:
        hosts = app.cloud.look().hosts
    except CloudManagerError:
        return
    if host not in hosts:
        print(f"warning: Nova knows no host {host}: is the name right? What isn't Nova's is never fenced")
