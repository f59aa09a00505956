# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that only their owner may read."""

from __future__ import annotations

import errno
import os
from pathlib import Path


def create(path: Path) -> int:
    """Make a new file, mode 0600, and return its descriptor. Raises FileExistsError where the file exists, OSError.

    Made by root, it gets the owner of its folder: the watchdog, which is not root, must be able to use it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path.parent)) from error
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    if os.geteuid() == 0:
        folder = path.parent.stat()
        os.fchown(descriptor, folder.st_uid, folder.st_gid)
    return descriptor
