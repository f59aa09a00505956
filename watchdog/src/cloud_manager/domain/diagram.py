# SPDX-License-Identifier: GPL-3.0-or-later
"""The state diagram and the table of ARCHITECTURE.md, drawn from RULES and GATES."""

from __future__ import annotations

from cloud_manager.domain.gates import GATES
from cloud_manager.domain.states import RULES, Rule

_PLAYBOOKS = {"recover": "recover_host", "bring_back": "return_host", "read_power": "power_host"}


def state_diagram() -> str:
    """Mermaid source: one edge for each pair of states, labelled with the conditions that lead along it."""
    edges: dict[tuple[str, str], list[str]] = {}
    for rule in RULES:
        if rule.to is None:
            continue
        for state in rule.states:
            if state is not rule.to:
                edges.setdefault((state, rule.to), []).append(_name(rule))
    lines = ["stateDiagram-v2", "    [*] --> HEALTHY"]
    lines += [f"    {source} --> {target}: {' / '.join(labels)}" for (source, target), labels in sorted(edges.items())]
    return "\n".join(lines)


def transition_table() -> str:
    """Markdown: the rows of RULES in order."""
    lines = ["| # | in state | when | goes to | playbook | what operators read |", "|---|---|---|---|---|---|"]
    for number, rule in enumerate(RULES, 1):
        states = ", ".join(rule.states)
        playbook = _PLAYBOOKS[rule.act.__name__] if rule.act else ""
        lines.append(f"| {number} | {states} | {_name(rule)} | {rule.to or 'stays'} | {playbook} | {rule.sentence} |")
    return "\n".join(lines)


def gate_table() -> str:
    """Markdown: the gates in order."""
    lines = ["| gate | question (SPEC S3 number) |", "|---|---|"]
    lines += [f"| {gate.__name__} | {(gate.__doc__ or '').strip().splitlines()[0]} |" for gate in GATES]
    return "\n".join(lines)


def _name(rule: Rule) -> str:
    return rule.when.__name__.replace("_", " ")
