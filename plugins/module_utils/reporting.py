# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where an error becomes fail_json.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib


class AosError(Exception):
    """An operator's error: the message names the subject and the remedy.

    facts: what the module returns beside the message, as it would on success.
    """

    def __init__(self, message: str, **facts: t.Any) -> None:
        super().__init__(message)
        self.facts = facts


class MissingLibrary(AosError):
    """A Python library that the module needs cannot be imported."""

    def __init__(self, library: str, reason: str | None = None) -> None:
        super().__init__(missing_required_lib(library, reason=reason))


class AosModule(AnsibleModule):
    """An AnsibleModule whose errors are raised, not scattered fail_json calls."""

    @contextlib.contextmanager
    def errors_reported(self) -> t.Iterator[None]:
        """Turn an AosError raised inside into the module's failure."""
        try:
            yield
        except AosError as error:
            self.fail_json(msg=str(error), **error.facts)
