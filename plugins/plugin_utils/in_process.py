# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a module's work inside Ansible's own process where that is the same place.

PRIVATE to the collection aos.cloud_manager: may change in any release.

Servers are down while a recovery runs, and packing a module, starting a Python for it, importing openstacksdk and
logging in again costs about a second for each task. Where the task runs on the controller, with Ansible's own Python,
the work is called directly, and the tasks of a play share one token; everywhere else the module is run as any other.
"""

from __future__ import annotations

import sys
import types
import typing as t

from ansible import constants
from ansible.plugins.action import ActionBase

from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud_tokens import tokens_in
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError


class InProcessAction(ActionBase):
    """work: the module, with ARGUMENTS and run(params, check_mode, warn)."""

    work: t.ClassVar[types.ModuleType]
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        if not self._is_here(task_vars or {}):
            return self._execute_module(task_vars=task_vars, wrap_async=self._task.async_val)
        _validation, params = self.validate_argument_spec(argument_spec=self.work.ARGUMENTS)
        try:
            # Ansible's folder of this run: mode 0700, removed at its end
            with tokens_in(constants.DEFAULT_LOCAL_TMP):
                done = self.work.run(params, self._task.check_mode, self._display.warning)
        except AosError as error:
            return {**result, "failed": True, "msg": str(error), **error.facts}
        return {**result, **done}

    def _is_here(self, task_vars: dict[str, t.Any]) -> bool:
        """Whether the module, run as usual, would run on this machine, with this Python, as this user."""
        python = self._templar.template(task_vars.get("ansible_python_interpreter") or sys.executable)
        return (
            self._connection.transport == "local"
            and python == sys.executable
            and not self._play_context.become
            and not self._task.async_val
            and not any(self._task.environment or [])
        )
