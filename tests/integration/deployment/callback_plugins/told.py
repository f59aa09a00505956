# SPDX-License-Identifier: GPL-3.0-or-later
"""What each task came to, for the tests; and a place where ansible-playbook is killed."""

from __future__ import annotations

import json
import os
import signal

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: told
type: notification
short_description: writes what each task came to, and may kill ansible-playbook
description:
  - Writes a line of JSON for each result into the file AOS_TOLD.
  - Kills ansible-playbook with SIGKILL before the first task whose full name begins with AOS_KILLED_BEFORE.
author: CloudManager contributors
requirements:
  - enabled by callbacks_enabled
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "told"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._killed_before = os.environ.get("AOS_KILLED_BEFORE") or None

    def v2_playbook_on_task_start(self, task, is_conditional):
        if self._killed_before and task.get_name().startswith("aos.cloud_manager." + self._killed_before):
            os.kill(os.getpid(), signal.SIGKILL)

    def v2_runner_on_ok(self, result):
        self._tell("changed" if result.is_changed() else "ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._tell("ignored" if ignore_errors else "failed", result)

    def v2_runner_on_unreachable(self, result):
        self._tell("unreachable", result)

    def _tell(self, how, result):
        told = {
            "how": how,
            "host": result.host.get_name(),
            "task": result.task.get_name(),
            "said": result.result.get("msg", ""),
        }
        with open(os.environ["AOS_TOLD"], "a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")
