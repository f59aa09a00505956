# SPDX-License-Identifier: GPL-3.0-or-later
"""The compute API as a script: the requests that are expected, in order, and what is answered to each."""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud import Cloud


@dataclasses.dataclass
class Step:
    """One request and its answer: a JSON body with a status, or an exception."""

    method: str
    path: str
    answer: t.Any = dataclasses.field(default_factory=dict)
    status: int = 200
    query: dict[str, t.Any] | None = None
    body: t.Any = None


@dataclasses.dataclass
class Answer:
    status_code: int
    text: str

    def json(self) -> t.Any:
        return json.loads(self.text)


class ScriptedApi:
    """In the place of a keystoneauth Adapter."""

    def __init__(self, *steps: Step) -> None:
        self._steps = list(steps)
        self.slept: list[float] = []
        self._now = 0.0

    def request(self, path: str, method: str, **details: t.Any) -> Answer:
        assert self._steps, f"nobody expects {method} {path}"
        step = self._steps.pop(0)
        assert (method, path) == (step.method, step.path)
        if step.query is not None:
            assert {key: value for key, value in details["params"].items() if key in step.query} == step.query
        if step.body is not None:
            assert details["json"] == step.body
        if isinstance(step.answer, Exception):
            raise step.answer
        text = step.answer if isinstance(step.answer, str) else json.dumps(step.answer)
        return Answer(step.status, text)

    def cloud(self, patience: float = 60.0) -> Cloud:
        return Cloud(self, "example", 30.0, patience, self._sleep, lambda: self._now)

    def done(self) -> bool:
        """Whether everything that was expected has been asked."""
        return not self._steps

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._now += seconds


def a_service(host: str, **fields: t.Any) -> dict[str, t.Any]:
    """A nova-compute as os-services shows it."""
    return {
        "id": f"id-of-{host}",
        "binary": "nova-compute",
        "host": host,
        "state": "up",
        "status": "enabled",
        "disabled_reason": None,
        "forced_down": False,
        "updated_at": "2026-03-01T12:00:07.000000",
        "zone": "nova",
    } | fields
