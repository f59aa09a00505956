# SPDX-License-Identifier: GPL-3.0-or-later
"""`maintenance` and `confirm-off`: what an operator says about a host, facts for the next cycle."""

from __future__ import annotations

import argparse
import sys

from cloud_manager.bootstrap import App
from cloud_manager.errors import BadInput, CloudUnavailable


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("maintenance", help="tell that a host is being worked on, or no longer")
    parser.add_argument("host", metavar="HOST")
    parser.add_argument("mode", choices=("on", "off"))
    parser.add_argument("--reason", default="", metavar="TEXT", help="shown to everybody; required with `on`")
    parser.add_argument("--who", default="", metavar="NAME", help="who says so (default: your login name)")
    parser.set_defaults(handler=maintenance)
    parser = subparsers.add_parser(
        "confirm-off", help="tell that you know a host to be off, where its power control can't confirm it"
    )
    parser.add_argument("host", metavar="HOST")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="how you know it")
    parser.add_argument("--who", default="", metavar="NAME", help="who says so (default: your login name)")
    parser.set_defaults(handler=confirm_off)


def maintenance(args: argparse.Namespace, app: App) -> int:
    host, who = args.host, args.who or app.login
    if args.mode == "off":
        if host not in app.journal.operator_facts().maintenance:
            raise BadInput(f"host {host} is not in maintenance: see `aos-cloud-manager status`")
        app.journal.set_maintenance(host, None, who, app.clock.now())
        print(f"maintenance of {host} is over")
        return 0
    if not args.reason.strip():
        raise BadInput("maintenance needs a reason: give --reason TEXT")
    _require_known(host, app)
    app.journal.set_maintenance(host, args.reason.strip(), who, app.clock.now())
    print(f"{host} is in maintenance: it will neither be powered off nor evacuated")
    return 0


def confirm_off(args: argparse.Namespace, app: App) -> int:
    if not args.reason.strip():
        raise BadInput("confirm-off needs a reason: say by --reason TEXT how you know that the host is off")
    who = args.who or app.login
    app.journal.acknowledge(args.host, who, args.reason.strip(), app.clock.now())
    print(f"recorded: {who} knows that {args.host} is off; the watchdog will evacuate it without confirmation")
    return 0


def _require_known(host: str, app: App) -> None:
    """While Nova is away a name is taken as it is: maintenance may be what keeps a host from being powered off."""
    try:
        hosts = app.cloud.look().hosts
    except CloudUnavailable as error:
        print(f"warning: {host} could not be checked: {error}", file=sys.stderr)
        return
    if host not in hosts:
        raise BadInput(f"host {host} is unknown to Nova; give a name as `openstack compute service list` shows it")
