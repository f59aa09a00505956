# SPDX-License-Identifier: GPL-3.0-or-later
"""`incidents`: what happened, in order, and what became of every server."""

from __future__ import annotations

import argparse
import textwrap

from cloud_manager.bootstrap import App
from cloud_manager.console.table import table
from cloud_manager.console.words import moment, printed_json, span, time_of_day
from cloud_manager.domain.records import Step
from cloud_manager.ports import IncidentReport, IncidentSummary, Move

WIDTH = 100


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("incidents", help="list the incidents, or tell one with its servers")
    parser.add_argument("id", nargs="?", type=int, metavar="ID", help="number of one incident")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="list the newest N (default 50)")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(handler=show)


def show(args: argparse.Namespace, app: App) -> int:
    if args.id is None:
        found = app.journal.incidents(max(args.limit, 1))
        print(printed_json(found) if args.json else listed(found))
        return 0
    report = app.journal.incident(args.id)
    print(printed_json(report) if args.json else told(report, app.clock.now()))
    return 0


def listed(summaries: tuple[IncidentSummary, ...]) -> str:
    if not summaries:
        return "no incidents"
    rows = []
    for s in summaries:
        counts = map(str, (s.evacuated, s.left, s.failed))
        rows.append((str(s.id), s.host, str(s.state), moment(s.opened_at), moment(s.closed_at), *counts))
    return table(("ID", "HOST", "STATE", "OPENED", "CLOSED", "EVACUATED", "LEFT", "FAILED"), rows)


def told(report: IncidentReport, now: float) -> str:
    summary = report.summary
    end = "open for" if summary.closed_at is None else f"closed {moment(summary.closed_at)}, it lasted"
    lasted = span((summary.closed_at or now) - summary.opened_at)
    lines = [
        f"incident {summary.id}: host {summary.host}, {summary.state}",
        f"opened {moment(summary.opened_at)}, {end} {lasted}",
        f"{summary.evacuated} servers evacuated, {summary.left} left, {summary.failed} failed",
        "",
        "timeline:",
        *(_step(step) for step in sorted(report.steps, key=lambda step: step.at)),
        "",
        "servers:" if report.moves else "servers: none was on the host, or it was not looked at yet",
    ]
    for move in report.moves:
        lines += _server(move)
    return "\n".join(lines)


def _step(step: Step) -> str:
    head = f"  {time_of_day(step.at)}  {step.state:<11}  "
    return _wrapped(step.text, WIDTH, head, len(head))


def _server(move: Move) -> list[str]:
    """Some lines: a server has more to tell than fits into a row of WIDTH columns."""
    where = f"{move.source} -> {move.destination}" if move.destination else f"on {move.source}"
    states = " -> ".join(state for state in (move.status_before, move.status) if state) or "state unknown"
    facts = [where, states, "priority unknown" if move.priority is None else f"priority {move.priority}"]
    if move.attempts > 1:
        facts.append(f"{move.attempts} attempts")
    times = {"requested": move.requested_at, "accepted": move.accepted_at, "ended": move.finished_at}
    lines = [f"{move.outcome:<9}  {move.name or '(name unknown)'} ({move.server_id})", "  " + ", ".join(facts)]
    if told := [f"{word} {time_of_day(at)}" for word, at in times.items() if at is not None]:
        lines.append("  " + ", ".join(told))
    if move.reason and move.outcome != "evacuated":  # what was wrong with an earlier attempt no longer matters
        lines.append(_wrapped(f"why: {move.reason}", WIDTH - 4, "  ", 9))
    return [f"  {line}" for line in lines]


def _wrapped(text: str, width: int, head: str, indent: int) -> str:
    """Lines that break between words only: a host's name or a serial number is copied, or looked for."""
    return textwrap.fill(
        text,
        width,
        initial_indent=head,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
