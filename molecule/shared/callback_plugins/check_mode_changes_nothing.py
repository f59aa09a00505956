# SPDX-License-Identifier: GPL-3.0-or-later
"""Molecule runs `check` after `converge` and looks only at the exit status: here a change becomes one."""

from __future__ import annotations

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: check_mode_changes_nothing
type: notification
short_description: a run in check mode that would change something fails
description:
  - Names every task that would change something, and ends ansible-playbook with 2.
author: CloudManager contributors
requirements:
  - enabled by callbacks_enabled
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "check_mode_changes_nothing"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.disabled = not context.CLIARGS.get("check")
        self._changes = []

    def v2_runner_on_ok(self, result):
        if result.is_changed():
            self._changes.append(f"{result.host.get_name()}: {result.task_name}")

    def v2_playbook_on_stats(self, stats):
        if self._changes:
            self._display.error("Check mode after converge would change:\n" + "\n".join(self._changes))
            # Ansible only warns of a callback's exceptions.
            raise SystemExit(2)
