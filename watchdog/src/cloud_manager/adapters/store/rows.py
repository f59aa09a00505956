# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the domain's values and rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import Row

from cloud_manager.domain.actions import Action
from cloud_manager.domain.facts import Fence, JobFact, JobKind, JobStatus, Power, PowerReading
from cloud_manager.domain.records import HostRecord, Records, State, Step
from cloud_manager.errors import StoreUnavailable
from cloud_manager.ports import Move

# What the columns hold, and what is enough for a text that people read.
NAME_LENGTH, WORD_LENGTH, TEXT_LENGTH = 255, 32, 100_000
MOVE_FIELDS = tuple(item.name for item in fields(Move))


def fitting(text: str, length: int = TEXT_LENGTH) -> str:
    """The text as the database can take it: what others wrote must not keep us from recording it."""
    return text.encode("utf-8", "replace").decode()[:length]


def host_row(record: HostRecord) -> dict[str, object]:
    plain = {item.name: getattr(record, item.name) for item in fields(record)}
    fence, accounted = _reading_text(record.fence), json.dumps(sorted(record.accounted))
    reason = fitting(record.reason)
    return {**plain, "state": record.state.value, "reason": reason, "fence": fence, "accounted": accounted}


def host_record(row: Row[Any]) -> HostRecord:
    values = dict(row._mapping)
    try:
        values["state"] = State(row.state)
        values["fence"] = _reading(row.fence)
        values["accounted"] = frozenset(json.loads(row.accounted))
        return HostRecord(**values)
    except (ValueError, TypeError, KeyError) as error:
        raise _garbage("hosts", row.name) from error


def sight_row(records: Records) -> dict[str, object]:
    """What is remembered of the observer itself."""
    return {"blind_at": records.blind_at, "missing": json.dumps(sorted(records.missing))}


def sight_of(row: Row[Any]) -> dict[str, Any]:
    try:
        return {"blind_at": row.blind_at, "missing": frozenset(json.loads(row.missing))}
    except (ValueError, TypeError) as error:
        raise _garbage("observer", str(row.id)) from error


def planned_job(action: Action) -> dict[str, object]:
    """The row of a job that has not been started."""
    return {
        "key": action.key,
        "kind": action.kind.value,
        "host": action.host,
        "incident": action.incident,
        "status": JobStatus.PLANNED.value,
        "power": None,
        "left_behind": "{}",
        "failed": "{}",
        "message": "",
    }


def job_result(result: JobFact) -> dict[str, object]:
    """The columns that a result fills."""
    return {
        "power": _reading_text(result.power),
        "left_behind": json.dumps(dict(result.left)),
        "failed": json.dumps(dict(result.failed)),
        "message": fitting(result.message),
    }


def job_fact(row: Row[Any]) -> JobFact:
    try:
        return JobFact(
            key=row.key,
            kind=JobKind(row.kind),
            host=row.host,
            status=JobStatus(row.status),
            power=_reading(row.power),
            left=_texts(row.left_behind),
            failed=_texts(row.failed),
            message=row.message,
        )
    except (ValueError, TypeError, KeyError) as error:
        raise _garbage("jobs", row.key) from error


def step_row(step: Step) -> dict[str, object]:
    return {
        "incident": step.incident,
        "host": step.host,
        "at": step.at,
        "state": step.state.value,
        "text": fitting(step.text),
    }


def step_of(row: Row[Any]) -> Step:
    try:
        return Step(row.incident, row.host, row.at, State(row.state), row.text)
    except ValueError as error:
        raise _garbage("incident_steps", str(row.id)) from error


def state_of(row: Row[Any]) -> State:
    """The state of an incident."""
    try:
        return State(row.state)
    except ValueError as error:
        raise _garbage("incidents", str(row.id)) from error


def move_row(move: Move) -> dict[str, object]:
    words = {name: fitting(getattr(move, name), WORD_LENGTH) for name in ("status_before", "status", "outcome")}
    names = {name: fitting(getattr(move, name), NAME_LENGTH) for name in ("name", "source", "destination")}
    return {**asdict(move), **words, **names, "reason": fitting(move.reason)}


def move_of(row: Row[Any]) -> Move:
    return Move(**{name: row._mapping[name] for name in MOVE_FIELDS})


def merged(known: Move, news: Move) -> Move:
    """What is known of a server after news of it.

    Empty fields never overwrite, nor does `waiting`, which says nothing; the status before the incident is the first
    one told: a run that resumes another's work sees servers in the middle of their move.
    """
    values = {name: getattr(news, name) or getattr(known, name) for name in MOVE_FIELDS}
    values["priority"] = known.priority if news.priority is None else news.priority
    values["status_before"] = known.status_before or news.status_before
    if news.outcome == "waiting":
        values["outcome"] = known.outcome
    return Move(**values)


def _reading_text(reading: PowerReading | None) -> str | None:
    return None if reading is None else json.dumps(asdict(reading))


def _reading(text: str | None) -> PowerReading | None:
    if text is None:
        return None
    found = json.loads(text)
    result = None if found["result"] is None else Fence(found["result"])
    told = found.get("identity")  # versions before the second migration wrote none
    identity = None if told is None else str(told)
    return PowerReading(str(found["control"]), Power(found["state"]), result, str(found["message"]), identity)


def _texts(text: str) -> Mapping[str, str]:
    return {str(key): str(value) for key, value in dict(json.loads(text)).items()}


def _garbage(table: str, key: str) -> StoreUnavailable:
    return StoreUnavailable(f"table {table}, row {key}: can't be understood: correct or delete the row")
