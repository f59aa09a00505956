# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two secrets in the one password of a power control: options are shown in logs and lists, a password is not.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import Control
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

SEPARATOR = "password_separator"


def two_secrets(control: Control) -> tuple[str, str]:
    """Return what stands before and after the option password_separator; raise an AosError.

    Without that option the whole password and "".
    """
    separator = control.options.get(SEPARATOR)
    if separator is None:
        return control.password, ""
    if not isinstance(separator, str) or len(separator) != 1:
        raise AosError(f"{control}: option {SEPARATOR} is not one character; correct it")
    parts = control.password.split(separator)
    if len(parts) != 2 or not all(parts):
        raise AosError(
            f"{control}: its password is not two secrets with the {SEPARATOR} once between them; correct one"
        )
    return parts[0], parts[1]
