# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The place of one file, exchanged in one step, whoever may write the folder.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

# The files that pass here have some hundred or thousand bytes.
LARGEST_FILE = 65536


@dataclass(frozen=True, slots=True)
class Content:
    """A file as it is. text: None where there is none. mode: its permission bits."""

    text: str | None = None
    mode: int | None = None


class Slot:
    """The place of one file. Everything happens relative to its folder as it was when it was opened."""

    def __init__(self, folder: str, name: str) -> None:
        self.path = os.path.join(folder, name)
        self._name = name
        try:
            self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            raise AosError(f"folder {folder} cannot be opened: {error.strerror}; correct its rights") from error

    def close(self) -> None:
        os.close(self._folder)

    def read(self) -> Content:
        """Return what is there; raise an AosError for what is no small regular file."""
        try:
            file = os.open(self._name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=self._folder)
        except FileNotFoundError:
            return Content()
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise AosError(f"{self.path} is a symbolic link; remove it") from error
            raise self._refused("read", error) from error
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST_FILE:
                raise AosError(f"{self.path} is no small text file; look at it and remove it")
            text = os.read(file, LARGEST_FILE + 1)
        except OSError as error:
            raise self._refused("read", error) from error
        finally:
            os.close(file)
        return Content(text.decode("utf-8", "backslashreplace"), stat.S_IMODE(status.st_mode))

    def write(self, text: str, mode: int) -> None:
        """Exchange the file in one step: who reads meanwhile gets the old one or the new one, whole."""
        with self._exchanged() as file:
            file.write(text.encode())
            os.fchmod(file.fileno(), mode)

    def copy(self, source: Path) -> None:
        """Exchange the file for a copy of another, with the owner and rights of the file that is there.

        Without one with those of the folder. Nobody may run it.
        """
        like = self._status()
        with self._exchanged() as file, source.open("rb") as original:
            shutil.copyfileobj(original, file)
            os.fchown(file.fileno(), like.st_uid, like.st_gid)
            os.fchmod(file.fileno(), like.st_mode & 0o666)

    def _status(self) -> os.stat_result:
        try:
            status = os.stat(self._name, dir_fd=self._folder, follow_symlinks=False)
        except FileNotFoundError:
            return os.fstat(self._folder)
        if not stat.S_ISREG(status.st_mode):
            raise AosError(f"{self.path} is no file, perhaps a symbolic link; give its real path or remove it")
        return status

    @contextlib.contextmanager
    def _exchanged(self) -> t.Iterator[t.BinaryIO]:
        """Yield a new file, which takes the place when it is written. Raises AosError."""
        # Nobody asks for a name like this one.
        temporary = f".aos-{secrets.token_hex(8)}"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(temporary, flags, 0o600, dir_fd=self._folder), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, self._name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
            os.fsync(self._folder)
        except OSError as error:
            raise self._refused("written", error) from error
        finally:
            with contextlib.suppress(OSError):  # it is gone, or what refused it refuses this too
                os.unlink(temporary, dir_fd=self._folder)

    def remove(self) -> None:
        try:
            os.unlink(self._name, dir_fd=self._folder)
            os.fsync(self._folder)
        except OSError as error:
            raise self._refused("removed", error) from error

    def _refused(self, what: str, error: OSError) -> AosError:
        return AosError(f"{self.path} cannot be {what}: {error.strerror}; correct the rights or the file system")
