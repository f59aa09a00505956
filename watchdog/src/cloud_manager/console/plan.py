# SPDX-License-Identifier: GPL-3.0-or-later
"""`plan`: what one cycle would decide, and why. Nothing is recorded, nothing is started."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from cloud_manager.bootstrap import App
from cloud_manager.console.table import table
from cloud_manager.console.words import printed_json
from cloud_manager.domain.actions import Action, ReadPower, Recover, Return
from cloud_manager.domain.decide import decide
from cloud_manager.domain.facts import ComputeHost, Facts
from cloud_manager.domain.records import Decision, HostRecord, Records, State


@dataclass(frozen=True, slots=True)
class Line:
    """seen: what Nova says. before, after: states. action: what would be started, or ""."""

    host: str
    seen: str
    before: State
    after: State
    action: str
    why: str


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("plan", help="show what one cycle would decide and why; changes nothing")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(handler=show)


def show(args: argparse.Namespace, app: App) -> int:
    """1 where nothing could be seen: a plan made blind is none."""
    records = app.journal.load()
    facts = app.observer.observe(records)
    decision = decide(facts, records, app.config.policy())
    lines = planned(facts, records, decision)
    if args.json:
        print(printed_json({"blind": decision.blind, "seen": len(facts.hosts), "hosts": lines}))
    else:
        print("\n".join(rendered(lines, decision, len(facts.hosts))))
    return 1 if facts.error else 0


def planned(facts: Facts, records: Records, decision: Decision) -> list[Line]:
    """Every host that is, was or becomes anything but healthy, and what Nova shows as not in service."""
    actions = {action.host: action for action in decision.actions}
    after = {**decision.records.hosts, **{record.name: record for record in decision.changed}}
    odd = {host.name for host in facts.hosts.values() if _seen(host) != "up"}
    names = sorted(odd | records.hosts.keys() | after.keys())
    return [_line(name, facts, records.hosts.get(name), after.get(name), actions.get(name)) for name in names]


def rendered(lines: list[Line], decision: Decision, seen: int) -> list[str]:
    head = [f"blind: {decision.blind}"] if decision.blind else []
    if not lines:
        state = "" if decision.blind else ", all in service"
        return [*head, f"{seen} hosts seen{state}: nothing would be done"]
    rows = [(line.host, line.seen, _way(line), line.action or "-") for line in lines]
    reasons = [f"  {line.host}: {line.why}" for line in lines if line.why]
    return [*head, table(("HOST", "NOVA SAYS", "STATE", "WOULD DO"), rows), *(["why:", *reasons] if reasons else [])]


def _line(name: str, facts: Facts, before: HostRecord | None, after: HostRecord | None, action: Action | None) -> Line:
    host = facts.hosts.get(name)
    return Line(
        host=name,
        seen=_seen(host) if host else "not seen" if facts.error else "not listed",
        before=before.state if before else State.HEALTHY,
        after=after.state if after else State.HEALTHY,
        action=_words(action),
        why=after.reason if after else "",
    )


def _way(line: Line) -> str:
    return str(line.after) if line.before is line.after else f"{line.before} -> {line.after}"


def _seen(host: ComputeHost) -> str:
    said = [str(host.observation)]
    if host.forced_down:
        said.append("forced down")
    if not host.enabled:
        said.append("disabled")
    return ", ".join(said)


def _words(action: Action | None) -> str:
    match action:
        case Recover(override=override):
            return "evacuate without fencing: " + override if override else "power off, force down, evacuate"
        case Return():
            return "return to service"
        case ReadPower():
            return "read its power"
        case None:
            return ""
