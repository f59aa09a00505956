# SPDX-License-Identifier: GPL-3.0-or-later
"""`status`: hosts that are anything but healthy, and whether somebody watches."""

from __future__ import annotations

import argparse
import json
from typing import Any

from cloud_manager.bootstrap import App
from cloud_manager.console.table import table
from cloud_manager.console.words import moment, printed_json, span
from cloud_manager.domain.power import PowerLink


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("status", help="show the hosts that are not healthy, and the watchdog itself")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(handler=show)


def show(args: argparse.Namespace, app: App) -> int:
    hosts = sorted(app.journal.load().hosts.values(), key=lambda record: record.name)
    holder, last, failing = app.journal.lease_holder(), last_cycle(app), failing_controls(app)
    if args.json:
        found = [{"host": x.host, "control": x.control.title, "outlet": x.outlet, "check": x.check} for x in failing]
        print(printed_json({"hosts": hosts, "last_cycle": last, "lease_holder": holder, "failing_controls": found}))
        return 0
    print(holder_line(holder))
    print(last_cycle_line(last, app.clock.now()))
    for link in failing:
        print(failing_line(link))
    if not hosts:
        print("all hosts are healthy" if holder else "no host is held or in recovery, and nobody watches them")
        return 0
    rows = [(r.name, str(r.state), moment(r.since), str(r.incident or "-")) for r in hosts]
    print(table(("HOST", "STATE", "SINCE", "INCIDENT"), rows))
    print("why:")
    for record in hosts:
        print(f"  {record.name}: {record.reason}")
    return 0


def failing_controls(app: App) -> list[PowerLink]:
    """Links of which the last reading could not tell the power."""
    return [link for _, links in app.power_controls.list() for link in links if link.failing]


def failing_line(link: PowerLink) -> str:
    place = f" {link.place}" if link.place else ""
    said = f"{moment(link.check.at)}: {link.check.message}" if link.check else ""
    return f"warning: power control {link.control.title}{place} of host {link.host} fails, {said}"


def holder_line(holder: str) -> str:
    """holder: machine/boot/process space/process id/start, as adapters.identity makes it."""
    if not holder:
        return "active watchdog: none, nobody holds the lease"
    parts = holder.split("/")
    process = f", process {parts[-2]}" if len(parts) > 1 else ""
    return f"active watchdog: on {parts[0]}{process}"


def last_cycle_line(last: dict[str, Any] | None, now: float) -> str:
    if last is None:
        return "last cycle of this controller: none"
    role = "" if last["active"] else ", standing by"
    blind = f", blind: {last['blind']}" if last["blind"] else ""
    return f"last cycle of this controller: {span(now - last['at'])} ago (process {last['pid']}){role}{blind}"


def last_cycle(app: App) -> dict[str, Any] | None:
    """What this controller's watchdog noted after its last cycle; None where there is nothing that can be read."""
    try:
        note = json.loads(app.last_cycle_file.read_text(encoding="utf-8"))
        return {"at": float(note["at"]), "pid": int(note["pid"]), "active": note["active"], "blind": note["blind"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
