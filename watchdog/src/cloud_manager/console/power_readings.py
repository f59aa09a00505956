# SPDX-License-Identifier: GPL-3.0-or-later
"""`power-control verify` and `initialise`: every linked port is read; nothing is switched."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial

from cloud_manager.console.power_app import PowerApp, chosen
from cloud_manager.console.power_verdicts import Row, Verdict, judged, owners
from cloud_manager.console.table import table
from cloud_manager.domain.facts import Power, PowerReading
from cloud_manager.domain.power import Check, PowerControl, PowerLink
from cloud_manager.errors import BadInput, CloudManagerError
from cloud_manager.ports import PowerControls, Verifier

UNLINKED = "unlinked meanwhile"
CHANGED = "changed meanwhile: initialise it again"
# With these the device is not the host's: what it says of its power is not the host's either.
FOREIGN = (Verdict.OTHER_MACHINE, Verdict.SAME_MACHINE)

Chosen = Sequence[tuple[PowerControl, Sequence[PowerLink]]]
Told = Callable[[PowerLink, PowerReading], object]


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("verify", help="read the power of every linked host, switching nothing")
    _choose(parser, "verify")
    parser.set_defaults(handler=verify)
    parser = commands.add_parser(
        "initialise", help="match the hosts of Nova with their power controls, read all of them, record who they are"
    )
    _choose(parser, "initialise")
    parser.add_argument("--host", metavar="HOST", help="only what is linked to this host")
    parser.add_argument(
        "--forget-identity",
        action="store_true",
        help="of TITLE: record the serial numbers that are read now in the place of those recorded before",
    )
    parser.set_defaults(handler=initialise)


def _choose(parser: argparse.ArgumentParser, verb: str) -> None:
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("title", nargs="?", metavar="TITLE", help=f"{verb} this power control")
    which.add_argument("--all", action="store_true", help=f"{verb} all of them")


def verify(args: argparse.Namespace, app: PowerApp) -> int:
    """0 if every asked power control told the power of every one of its hosts, else 1."""
    controls = chosen(app.power_controls, args.title)
    with _logged(app, "verify", args.title) as run:
        rows = _verified(app, controls)
        run.ended("verified", [(row[1], row[0], row[3]) for row in rows], [])
        print(table(("TITLE", "HOST", "POWER", "VERDICT", "MESSAGE"), rows))
    return int(any(row[3] != "ok" for row in rows))


def _verified(app: PowerApp, controls: Chosen) -> list[tuple[str, ...]]:
    gone = set()

    def keep(link: PowerLink, reading: PowerReading) -> None:
        if not _keep(app, link, reading):
            gone.add(_place(link))

    readings = iter(read_all(app, [link for _, links in controls for link in links], keep))
    rows: list[tuple[str, ...]] = []
    for control, links in controls:
        for link in links:
            reading = next(readings)
            verdict, message = ("FAILED" if reading.state is Power.UNKNOWN else "ok"), reading.message
            if verdict == "ok" and not _verify(app, link):
                gone.add(_place(link))
            if _place(link) in gone:
                verdict, message = Verdict.UNLINKED.value, UNLINKED
            host = f"{link.host} ({link.place})" if link.place else link.host
            rows.append((control.title, host, str(reading.state), verdict, message))
        if not links:
            rows.append((control.title, "-", "-", "FAILED", _linking(control.title)))
    return rows


def initialise(args: argparse.Namespace, app: PowerApp) -> int:
    """0 if every host of Nova has its controls, every control its hosts, and all of them could be read; else 1."""
    if args.forget_identity and args.title is None:
        raise BadInput("--forget-identity needs the TITLE of the power control behind which a machine was replaced")
    controls = _of_host(chosen(app.power_controls, args.title), args.host)
    links = [link for _, found in controls for link in found]
    with _logged(app, "initialise", args.title, args.host) as run:
        hosts = app.cloud.look().hosts
        rows, news = _initialised(app, links, hosts.keys(), args.forget_identity)
        rows += [
            Row("-", c.title, verdict=Verdict.NO_HOST, message=_linking(c.title)) for c, found in controls if not found
        ]
        if args.all and args.host is None:
            without = sorted(hosts.keys() - {link.host for link in links})
            rows += [Row(host, "-", verdict=Verdict.NO_CONTROL, message=_linking("TITLE", host)) for host in without]
        rows.sort(key=lambda row: (row.host, row.title))
        run.ended("initialised", [(row.host, row.title, row.verdict) for row in rows], news)
        head = ("HOST", "CONTROL", "PLACE", "POWER", "IDENTITY", "VERDICT", "MESSAGE")
        print(table(head, [row.cells() for row in rows]))
        print(run.result)
    return int(not all(row.good for row in rows))


def _initialised(
    app: PowerApp, links: Sequence[PowerLink], hosts: Container[str], anew: bool
) -> tuple[list[Row], list[str]]:
    """Each link judged, and recorded if it is good; and which identities are new, in words.

    Judged by what the store holds after the readings: an operator may have changed it while they lasted.
    """
    read = list(zip(links, read_all(app, links, lambda *_: None, unrecorded=True), strict=True))
    stored = {_place(link): link for _, found in app.power_controls.list() for link in found}
    owned = owners(stored.values(), [(link, reading) for link, reading in read if _place(link) in stored])
    rows, news = [], []
    for link, reading in read:
        now = stored.get(_place(link))
        row = judged(now or link, reading, link.host in hosts, owned, anew)
        if now is None:
            row = replace(row, verdict=Verdict.UNLINKED, message=UNLINKED)
        elif (now.control, now.settings) != (link.control, link.settings):
            row = replace(row, verdict=Verdict.UNLINKED, message=CHANGED)
        elif not _recorded(app, now, reading, row):
            row = replace(row, verdict=Verdict.UNLINKED, message=UNLINKED)
        elif row.good and row.identity not in ("", now.identity):
            news.append(f"host {link.host} by {link.control.title}: {now.identity or 'none'} -> {row.identity}")
        rows.append(row)
    return rows, news


def _recorded(app: PowerApp, link: PowerLink, reading: PowerReading, row: Row) -> bool:
    """False if it is no longer linked."""
    if row.verdict in FOREIGN or (row.verdict is Verdict.NO_IDENTITY and link.identity):
        reading = replace(reading, state=Power.UNKNOWN, message=row.message)
    if not _keep(app, link, reading):
        return False
    at, identity, title = app.clock.now(), reading.identity or "", link.control.title
    initialised = app.power_controls.initialised
    return not row.good or _linked(lambda: initialised(link.host, title, at, identity, link.outlet))


def _verify(app: PowerApp, link: PowerLink) -> bool:
    """False if it is no longer linked."""
    verified, title = app.power_controls.verified, link.control.title
    return _linked(lambda: verified(link.host, title, app.clock.now(), link.outlet))


def _keep(app: PowerApp, link: PowerLink, reading: PowerReading) -> bool:
    """As the last reading; False if it is no longer linked."""
    check = Check(app.clock.now(), reading.state, reading.message)
    checked, title = app.power_controls.checked, link.control.title
    return _linked(lambda: checked(link.host, title, check, link.outlet))


def _linked(write: Callable[[], None]) -> bool:
    """Write down what was found of a link; False if an operator has unlinked it since it was listed."""
    try:
        write()
    except BadInput:
        return False
    return True


def _of_host(controls: Chosen, host: str | None) -> Chosen:
    """Only what is linked to the host, where one is given."""
    if host is None:
        return controls
    found = [(control, [link for link in links if link.host == host]) for control, links in controls]
    if not any(links for _, links in found):
        which = f"power control {controls[0][0].title}" if len(controls) == 1 else "any of these power controls"
        raise BadInput(f"host {host} is not linked to {which}: see `aos-cloud-manager power-control list`")
    return [(control, links) for control, links in found if links]


@dataclass(slots=True)
class Run:
    """What the log says of one run."""

    result: str = "failed"
    details: str = "interrupted"

    def ended(self, done: str, verdicts: Sequence[tuple[str, str, str]], news: Sequence[str]) -> None:
        """verdicts: host, title and verdict of each row."""
        wrong = [f"host {host} by {title}: {verdict}" for host, title, verdict in verdicts if verdict != "ok"]
        self.result = f"{len(verdicts) - len(wrong)} {done}, {len(wrong)} not"
        self.details = "; ".join([*news, *wrong])


@contextmanager
def _logged(app: PowerApp, verb: str, title: str | None, host: str | None = None) -> Iterator[Run]:
    """One row of the log, begun before the first reading and concluded also where the run breaks off."""
    run, scope = Run(), f"host {host}" if host else ""
    number = app.power_controls.begin(f"power_control.{verb}", title or "all", scope)
    try:
        yield run
    except BaseException as error:
        details = str(error) if isinstance(error, CloudManagerError) else type(error).__name__
        with suppress(CloudManagerError):
            app.power_controls.conclude(number, run.result, details)
        raise
    app.power_controls.conclude(number, run.result, run.details)


def read_all(
    app: PowerApp, links: Sequence[PowerLink], told: Told | None = None, unrecorded: bool = False
) -> list[PowerReading]:
    """What each control reads for each host, in the order of the links; UNKNOWN with the reason where it wasn't told.

    [executor] max_jobs at a time; the end of each is said on standard error. told: called as each ends, otherwise its
    last reading is kept. unrecorded: without handing over the recorded identities, by which a device that tells
    another one would not be read at all.
    """
    told = told or partial(_keep, app)
    controls, verifier, ended = app.power_controls, app.verifier, threading.Event()
    pool = ThreadPoolExecutor(app.config.executor.max_jobs)
    try:
        asked = [pool.submit(_read, controls, verifier, link, ended.is_set, unrecorded) for link in links]
        numbers = {future: number for number, future in enumerate(asked)}
        for count, future in enumerate(as_completed(asked), 1):
            link, reading = links[numbers[future]], future.result()
            told(link, reading)
            words = f"[{count}/{len(links)}] host {link.host} by {link.control.title}: {reading.state}"
            print(words, file=sys.stderr, flush=True)
        return [future.result() for future in asked]
    finally:
        ended.set()
        pool.shutdown(cancel_futures=True)


def _read(
    controls: PowerControls, verifier: Verifier, wanted: PowerLink, cancelled: Callable[[], bool], unrecorded: bool
) -> PowerReading:
    title, host = wanted.control.title, wanted.host
    try:
        only = [
            replace(item, default=True, identity="" if unrecorded else item.identity)
            for item in controls.of(host)
            if (item.control.title, item.outlet) == (title, wanted.outlet)
        ]
        if not only:
            return PowerReading(title, Power.UNKNOWN, message=UNLINKED)
        return verifier.read_power(host, only, cancelled)
    except CloudManagerError as error:
        return PowerReading(title, Power.UNKNOWN, message=str(error))


def _place(link: PowerLink) -> tuple[str, str, int | None]:
    return link.host, link.control.title, link.outlet


def _linking(title: str, host: str = "HOST") -> str:
    lacking = "no host" if host == "HOST" else "no power control"
    return f"{lacking}: aos-cloud-manager power-control link {host} {title}"
