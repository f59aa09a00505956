# SPDX-License-Identifier: GPL-3.0-or-later
"""`power-control status`, `on`, `off`, `soft-off` by host or by port, and the log of who did what."""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass, replace
from functools import partial

from cloud_manager.console.power_app import PowerApp, chosen
from cloud_manager.console.power_readings import read_all
from cloud_manager.console.table import table
from cloud_manager.console.words import moment
from cloud_manager.domain.facts import Observation, Power, PowerReading
from cloud_manager.domain.power import ControlType, PowerLink
from cloud_manager.domain.power_rules import check_outlet
from cloud_manager.domain.switching import Order, require_not_in_hand
from cloud_manager.errors import BadInput, CloudManagerError, CloudUnavailable
from cloud_manager.ports import Switched

SOFT_OFF_SECONDS = 300.0
VERBS = {"on": "switch on", "off": "switch off", "soft_off": "shut down"}


@dataclass(frozen=True, slots=True)
class Target:
    """What a command is about. links: with passwords. linked: False for a port that is no host's.

    rest: the other outlets that the host has at the same control.
    """

    host: str
    links: tuple[PowerLink, ...]
    linked: bool = True
    rest: tuple[PowerLink, ...] = ()

    @property
    def subject(self) -> str:
        return f"host {self.host}" if self.linked else f"power control {self.links[0].control.title}"

    @property
    def ports(self) -> str:
        return ", ".join(" ".join(filter(None, (link.control.title, link.place))) for link in self.links)

    @property
    def also_fed(self) -> str:
        return f"host {self.host} is also fed by {', '.join(link.place for link in self.rest)}"

    @property
    def shown(self) -> str:
        """What the operator is asked about, all that decides what will be switched."""
        if self.rest:
            return f"{self.links[0].place} of power control {self.links[0].control.title} ({self.also_fed})"
        return f"{self.subject} by {self.ports}"

    @property
    def devices(self) -> list[tuple[object, ...]]:
        return [
            (c.id, c.protocol, c.address, c.port, link.outlet, link.settings)
            for link in self.links
            for c in (link.control,)
        ]

    def seconds(self, timeout: float) -> float:
        """The longest that all of it takes, where each control has the whole time-out."""
        return timeout * len({link.control.title for link in self.links})


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("status", help="read the power of a host or a port, switching nothing")
    _choose(parser)
    parser.set_defaults(handler=status)
    for command, state in (("on", "on"), ("off", "off"), ("soft-off", "soft_off")):
        help_ = "shut down the operating system (ACPI)" if state == "soft_off" else f"{VERBS[state]} and confirm"
        parser = commands.add_parser(command, help=f"{help_}, a host or a port")
        _choose(parser)
        seconds = f"{SOFT_OFF_SECONDS:g}" if state == "soft_off" else "[fencing] timeout"
        parser.add_argument(
            "--timeout", type=float, metavar="S", help=f"until it must be confirmed (default {seconds})"
        )
        parser.add_argument("--force", action="store_true", help="also where that may hurt: you know what runs there")
        parser.add_argument("--yes", action="store_true", help="don't ask")
        parser.set_defaults(handler=partial(switch, state))
    parser = commands.add_parser("log", help="show who did what with power controls, and how it ended")
    parser.add_argument("--last", type=int, default=50, metavar="N", help="the newest N (default 50)")
    parser.set_defaults(handler=log)


def _choose(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("title", nargs="?", metavar="TITLE", help="of the power control")
    parser.add_argument("--outlet", type=int, metavar="N", help="of the power control, where it has several")
    parser.add_argument("--host", metavar="HOST", help="all that switches the host, or its links to TITLE only")


def status(args: argparse.Namespace, app: PowerApp) -> int:
    """1 where a port didn't tell its power."""
    target = _target(args, app)
    number = app.power_controls.begin("power.status", target.subject, target.ports)
    readings = read_all(app, target.links) if target.linked else [_read(app, target)]
    good = all(reading.state is not Power.UNKNOWN for reading in readings)
    said = ", ".join(str(reading.state) for reading in readings)
    app.power_controls.conclude(number, "ok" if good else "FAILED", said)
    rows = [
        (
            target.host if target.linked else "-",
            link.control.title,
            link.place or "-",
            str(reading.state),
            reading.message,
        )
        for link, reading in zip(target.links, readings, strict=True)
    ]
    print(table(("HOST", "CONTROL", "PLACE", "POWER", "MESSAGE"), rows))
    return int(not good)


def switch(state: str, args: argparse.Namespace, app: PowerApp) -> int:
    """1 where what was asked for could not be confirmed, or was not meant so."""
    timeout = _timeout(state, args.timeout, app)
    target = _allowed(state, args, app)
    if not args.yes and sys.stdin.isatty():
        if not _meant(f"{VERBS[state]} {target.shown}?"):
            print("nothing was done")
            return 1
        target = _still(target, state, args, app)
    host = target.host if target.linked else ""
    order = Order(state, host, target.subject, target.ports, target.seconds(timeout), args.force)
    number = app.power_controls.begin_switching(order)
    try:
        done = app.verifier.switch_power(target.host, target.links, state, timeout)
    except CloudManagerError as error:
        _conclude(number, "FAILED", str(error), app)
        raise
    print(_outcome(target, done))
    _conclude(number, "ok" if done.proven else "FAILED", done.message, app)
    if state != "on" and done.proven and target.linked and not target.rest and not _in_maintenance(target.host, app):
        remedy = f"aos-cloud-manager maintenance {target.host} on --reason TEXT"
        print(f"note: the watchdog takes {target.host} for failed and evacuates it, unless: {remedy}")
    return int(not done.proven)


def log(args: argparse.Namespace, app: PowerApp) -> int:
    rows = [
        (moment(a.at), a.who, a.action, a.subject, "no result" if a.result == "" else a.result or "-", a.details)
        for a in app.power_controls.actions(max(args.last, 1))
    ]
    print(table(("TIME", "WHO", "ACTION", "SUBJECT", "RESULT", "DETAILS"), rows))
    return 0


def _target(args: argparse.Namespace, app: PowerApp) -> Target:
    if args.host is None and args.title is None:
        raise BadInput("say what is meant: --host HOST, or TITLE, for a relay board with --outlet N")
    if args.host is not None:
        return _of_host(args.host, args.title, args.outlet, app)
    return _of_port(args.title, args.outlet, app)


def _of_host(host: str, title: str | None, outlet: int | None, app: PowerApp) -> Target:
    every = app.power_controls.of(host)
    if not every:
        raise BadInput(f"host {host} has no power control: aos-cloud-manager power-control link {host} TITLE")
    if title is None and outlet is not None:
        raise BadInput(f"outlet {outlet} of which power control? Give its TITLE too")
    links = tuple(link for link in every if title in (None, link.control.title) and outlet in (None, link.outlet))
    if not links:
        place = f"outlet {outlet} of " if outlet else ""
        raise BadInput(f"host {host} is not linked to {place}power control {title}")
    if title is None:
        return Target(host, links)
    rest = tuple(link for link in every if link.control.title == title and link not in links)
    return Target(host, tuple(replace(link, default=True) for link in links), rest=rest)


def _of_port(title: str, outlet: int | None, app: PowerApp) -> Target:
    ((control, links),) = chosen(app.power_controls, title)
    check_outlet(control, outlet)
    here = [link for link in links if link.outlet == outlet]
    if len(here) == 1 and control.type is not ControlType.VIRTUAL:
        return _of_host(here[0].host, title, outlet, app)
    if control.type is ControlType.VIRTUAL or here:
        raise BadInput(f"power control {title} switches several hosts: say by --host HOST which one is meant")
    nobody = f"port-{outlet or 1}-of-control-{control.id}"
    return Target(nobody, (PowerLink(nobody, app.power_controls.get(title), outlet),), linked=False)


def _timeout(state: str, given: float | None, app: PowerApp) -> float:
    if given is None:
        return SOFT_OFF_SECONDS if state == "soft_off" else app.config.fencing.timeout
    if not 0 < given < math.inf:
        raise BadInput(f"--timeout {given:g}: give the seconds until it must be confirmed, more than 0")
    return given


def _allowed(state: str, args: argparse.Namespace, app: PowerApp) -> Target:
    """As links, journal and Nova are now."""
    target = _target(args, app)
    if not args.force:
        (_may_go_on if state == "on" else _may_go_off)(target, app)
    return target


def _still(shown: Target, state: str, args: argparse.Namespace, app: PowerApp) -> Target:
    """The operator took his time: what he was shown must still be so."""
    target = _allowed(state, args, app)
    if (target.host, target.shown, target.devices) != (shown.host, shown.shown, shown.devices):
        raise BadInput(
            f"meanwhile the links were changed: it was {shown.shown}, and is {target.shown} now, or at another address "
            "or with other options: nothing was done, look at it by `aos-cloud-manager power-control list`"
        )
    return target


def _may_go_off(target: Target, app: PowerApp) -> None:
    if not target.linked:
        raise BadInput(f"no host is linked to {target.ports}, so nobody knows what it feeds: give --force if you do")
    try:
        host = app.cloud.look().hosts.get(target.host)
    except CloudUnavailable as error:
        raise BadInput(
            f"whether host {target.host} is up can't be known ({error}): give --force if you know that it may go off"
        ) from error
    if host is None:
        raise BadInput(
            f"Nova knows no host {target.host}, so nobody knows what runs there: correct the name of its link, "
            "or give --force"
        )
    if host.observation is not Observation.DOWN:
        raise BadInput(
            f"Nova calls host {target.host} {host.observation}: its servers would lose their power: "
            "move them away first, or give --force"
        )


def _may_go_on(target: Target, app: PowerApp) -> None:
    """Nova is asked as well: a fencing that failed later takes back what the record said of an earlier one."""
    if not target.linked:
        return
    record = app.journal.load().hosts.get(target.host)
    require_not_in_hand(record)
    try:
        host = app.cloud.look().hosts.get(target.host)
    except CloudUnavailable:
        return
    require_not_in_hand(record, forced_down=host is not None and host.forced_down and host.marked)


def _meant(question: str) -> bool:
    try:
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _outcome(target: Target, done: Switched) -> str:
    if not target.rest:
        return f"{target.subject}: {done.state}{'' if done.proven else ', NOT confirmed'}: {done.message}"
    link, doubt = target.links[0], "" if done.proven else f", NOT confirmed: {done.message}"
    return f"power control {link.control.title}: {link.place} is {done.state}{doubt}; {target.also_fed}"


def _conclude(number: int, result: str, message: str, app: PowerApp) -> None:
    """What was done is done, also where it can't be written down any more."""
    try:
        app.power_controls.conclude(number, result, message)
    except CloudManagerError as error:
        print(f"warning: the action log could not be told how it ended ({result}): {error}", file=sys.stderr)


def _in_maintenance(host: str, app: PowerApp) -> bool:
    try:
        return host in app.journal.operator_facts().maintenance
    except CloudManagerError:
        return False


def _read(app: PowerApp, target: Target) -> PowerReading:
    try:
        return app.verifier.read_power(target.host, target.links)
    except CloudManagerError as error:
        return PowerReading(target.links[0].control.title, Power.UNKNOWN, message=str(error))
