# SPDX-License-Identifier: GPL-3.0-or-later
"""`power-control verify` and `initialise`: every linked port is read; nothing is switched."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace

from cloud_manager.console.power_app import PowerApp, chosen
from cloud_manager.console.table import table
from cloud_manager.domain.facts import Power, PowerReading
from cloud_manager.domain.power import Check, PowerLink
from cloud_manager.errors import BadInput, CloudManagerError
from cloud_manager.ports import PowerControls, Verifier


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("verify", help="read the power of every linked host, switching nothing")
    _choose(parser, "verify")
    parser.set_defaults(handler=verify)
    parser = commands.add_parser(
        "initialise", help="match the hosts of Nova with their power controls, read all of them, record who they are"
    )
    _choose(parser, "initialise")
    parser.add_argument(
        "--forget-identity", action="store_true", help="of TITLE: record the serial numbers that are read now"
    )
    parser.set_defaults(handler=initialise)


def _choose(parser: argparse.ArgumentParser, verb: str) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("title", nargs="?", metavar="TITLE", help=f"{verb} this power control")
    which.add_argument("--all", action="store_true", help=f"{verb} all of them")


def verify(args: argparse.Namespace, app: PowerApp) -> int:
    """0 if every asked power control told the power of every one of its hosts, else 1."""
    controls = chosen(app.power_controls, args.title)
    readings = iter(read_all(app, [link for _, links in controls for link in links]))
    rows, failed = [], False
    for control, links in controls:
        for link in links:
            reading = next(readings)
            good = reading.state is not Power.UNKNOWN
            failed |= not good
            if good:
                app.power_controls.verified(link.host, control.title, app.clock.now(), link.outlet)
            host = f"{link.host} ({link.place})" if link.place else link.host
            rows.append((control.title, host, str(reading.state), "ok" if good else "FAILED", reading.message))
        if not links:
            failed = True
            rows.append((control.title, "-", "-", "FAILED", _linking(control.title)))
    print(table(("TITLE", "HOST", "POWER", "VERDICT", "MESSAGE"), rows))
    return int(failed)


@dataclass(frozen=True, slots=True)
class Row:
    host: str
    title: str
    place: str
    power: str
    identity: str
    verdict: str
    message: str = ""

    @property
    def good(self) -> bool:
        return self.verdict == "ok"

    def cells(self) -> tuple[str, ...]:
        return self.host, self.title, self.place or "-", self.power, self.identity or "-", self.verdict, self.message


def initialise(args: argparse.Namespace, app: PowerApp) -> int:
    """0 if every host of Nova has its controls, every control its hosts, and all of them could be read; else 1."""
    if args.forget_identity and args.title is None:
        raise BadInput("--forget-identity needs the TITLE of the power control behind which a machine was replaced")
    hosts = app.cloud.look().hosts
    if args.forget_identity:
        app.power_controls.forget_identity(args.title)
    controls = chosen(app.power_controls, args.title)
    links = [link for _, found in controls for link in found]
    rows = []
    for link, reading in zip(links, read_all(app, links, anew=True), strict=True):
        row = _judged(link, reading, link.host in hosts)
        if row.good:
            app.power_controls.initialised(
                link.host, link.control.title, app.clock.now(), reading.identity, link.outlet
            )
        rows.append(row)
    rows += [Row("-", c.title, "-", "-", "", "NO HOST", _linking(c.title)) for c, found in controls if not found]
    if args.all:
        without = sorted(hosts.keys() - {link.host for link in links})
        rows += [Row(host, "-", "-", "-", "", "NO CONTROL", _linking("TITLE", host)) for host in without]
    rows.sort(key=lambda row: (row.host, row.title))
    print(table(("HOST", "CONTROL", "PLACE", "POWER", "IDENTITY", "VERDICT", "MESSAGE"), [row.cells() for row in rows]))
    wrong = sum(not row.good for row in rows)
    print(f"{len(rows) - wrong} initialised, {wrong} not")
    return int(wrong > 0)


def read_all(app: PowerApp, links: Sequence[PowerLink], anew: bool = False) -> list[PowerReading]:
    """What each control reads for each host, in the order of the links; UNKNOWN with the reason where it wasn't told.

    [executor] max_jobs at a time; the end of each is said on standard error. anew: without handing over the recorded
    identities, by which a device that tells another one would not be read at all.
    """
    controls, verifier, ended = app.power_controls, app.verifier, threading.Event()
    pool = ThreadPoolExecutor(app.config.executor.max_jobs)
    try:
        asked = [pool.submit(_read, controls, verifier, link, ended.is_set, anew) for link in links]
        numbers = {future: number for number, future in enumerate(asked)}
        for count, future in enumerate(as_completed(asked), 1):
            link, reading = links[numbers[future]], future.result()
            check = Check(app.clock.now(), reading.state, reading.message)
            controls.checked(link.host, link.control.title, check, link.outlet)
            words = f"[{count}/{len(links)}] host {link.host} by {link.control.title}: {reading.state}"
            print(words, file=sys.stderr, flush=True)
        return [future.result() for future in asked]
    finally:
        ended.set()
        pool.shutdown(cancel_futures=True)


def _read(
    controls: PowerControls, verifier: Verifier, wanted: PowerLink, cancelled: Callable[[], bool], anew: bool
) -> PowerReading:
    title, host = wanted.control.title, wanted.host
    try:
        only = [
            replace(item, default=True, identity="" if anew else item.identity)
            for item in controls.of(host)
            if (item.control.title, item.outlet) == (title, wanted.outlet)
        ]
        return verifier.read_power(host, only, cancelled)
    except CloudManagerError as error:
        return PowerReading(title, Power.UNKNOWN, message=str(error))


def _judged(link: PowerLink, reading: PowerReading, known: bool) -> Row:
    verdict, message = "ok", reading.message
    if reading.state is Power.UNKNOWN:
        verdict = "UNREADABLE"
    elif link.identity and reading.identity != link.identity:
        verdict = "OTHER MACHINE"
        message = (
            f"tells {reading.identity or 'no identity'}, recorded is {link.identity}: "
            "correct the link, or after a replacement: "
            f"aos-cloud-manager power-control initialise {link.control.title} --forget-identity"
        )
    elif not known:
        verdict, message = "UNKNOWN TO NOVA", "see `openstack compute service list` for the names of hosts"
    return Row(
        link.host,
        link.control.title,
        link.place,
        str(reading.state),
        reading.identity,
        verdict,
        message,
    )


def _linking(title: str, host: str = "HOST") -> str:
    lacking = "no host" if host == "HOST" else "no power control"
    return f"{lacking}: aos-cloud-manager power-control link {host} {title}"
