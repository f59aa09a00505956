# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the product is taken from: a wheel, a folder, or a commit of a git repository.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import email
import hashlib
import json
import os
import re
import shutil
import tarfile
import tomllib
import typing as t
import zipfile
from pathlib import Path

from ansible_collections.aos.cloud_manager.plugins.module_utils.program import run, without_credentials
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

PRODUCT = "aos-cloud-manager"
COLLECTION = ("aos", "cloud_manager")
# What building leaves in a folder, and what git keeps there.
MADE = re.compile(r"(build|__pycache__|\.git|.*\.egg-info|.*\.pyc)")
GIT = re.compile(r"git\+(?P<address>[a-z]+://[^#]+?)@(?P<ref>[^@:#/-][^@:#]*)(#subdirectory=(?P<folder>[^&#]+))?")
COMMIT = re.compile(r"[0-9a-f]{40}")
SECRET = re.compile(r"https?://[^/@\s]+@|://[^/@\s]*:[^/@\s]*@")


class Source(t.Protocol):
    """digest: hex digits that tell one content from every other. version: the version that it will install."""

    digest: str

    @property
    def version(self) -> str: ...

    def put(self, folder: Path) -> Path:
        """Copy what pip shall install into folder; return its path."""


class Wheel:
    """A wheel of the product. Raises AosError for a file that is none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.digest = file_digest(path)
        self.version = _product_version(_metadata(path), path)

    def put(self, folder: Path) -> Path:
        return Path(shutil.copy(self.path, folder))


class Folder:
    """A folder with the product's source. Raises AosError for one without."""

    def __init__(self, path: Path) -> None:
        self.path = path
        project = path / "pyproject.toml"
        try:
            read = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
        except (OSError, ValueError) as error:
            raise AosError(f"{project} cannot be read: {error}; give the folder of the product's source") from error
        self.version = _product_version({"Name": read.get("name"), "Version": read.get("version")}, path)
        self.digest = _folder_digest(path)

    def put(self, folder: Path) -> Path:
        # Building writes into the folder, so it is done in a copy.
        return Path(shutil.copytree(self.path, folder / "source", ignore=_made))


class Commit:
    """A commit of a git repository, fetched only when more than its digest is asked for."""

    def __init__(self, text: str, folder: Path) -> None:
        found = GIT.fullmatch(text)
        if not found:
            raise AosError(
                f"source {text!r} names no ref; write git+https://host/path@ref, with a branch, tag or commit"
            )
        self._address, self._below = found["address"], found["folder"] or "."
        self.digest = self._resolve(found["ref"])
        self._checkout = folder / "checkout"

    @property
    def version(self) -> str:
        return self._fetched().version

    def put(self, folder: Path) -> Path:
        return self._fetched().put(folder)

    def _resolve(self, ref: str) -> str:
        if COMMIT.fullmatch(ref):
            return ref
        listed = self._git("ls-remote", self._address, ref, f"{ref}^{{}}").splitlines()
        names = {name: commit for commit, name in (line.split("\t", 1) for line in listed if "\t" in line)}
        # Of an annotated tag the commit that it points to.
        wanted = (f"refs/tags/{ref}^{{}}", f"refs/tags/{ref}", f"refs/heads/{ref}", ref)
        for name in wanted:
            if name in names:
                return names[name]
        raise AosError(f"{self._address} has no branch or tag {ref!r}; correct the ref in source")

    def _fetched(self) -> Folder:
        if not self._checkout.is_dir():
            self._git("init", "--quiet", str(self._checkout))
            inside = ("-C", str(self._checkout))
            self._git(*inside, "fetch", "--quiet", "--depth", "1", self._address, self.digest)
            self._git(*inside, "checkout", "--quiet", "FETCH_HEAD")
        return Folder(self._checkout / self._below)

    def _git(self, *arguments: str) -> str:
        done = run(["git", *arguments], {"GIT_TERMINAL_PROMPT": "0"})
        if done.status:
            raise AosError(f"git cannot read {self._address}: {done.reason}; correct source or the access to it")
        return done.text


def find_source(text: str, folder: Path) -> Source:
    """Return the source that text names; folder is for what must be fetched. Raises AosError."""
    if SECRET.search(text):
        raise AosError(
            f"source {without_credentials(text)} holds credentials, which logs and the list of processes would show; "
            "take them out and give them to git by ~/.netrc or a credential helper"
        )
    if text.startswith("git+"):
        return Commit(text, folder)
    path = Path(text)
    if not path.is_absolute():
        raise AosError(
            f"source {text!r} is a bare name, and on the public index such a name belongs to a stranger's package; "
            "give the absolute path of a wheel or a folder, or git+https://host/path@ref"
        )
    if path.is_dir():
        return Folder(path)
    if not path.is_file():
        raise AosError(f"source {text} does not exist; copy the wheel there or correct its path")
    return Wheel(path)


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def collection_digest(path: Path) -> str:
    """Return the digest of our collection's tarball. Raises AosError for any other file."""
    try:
        with tarfile.open(path) as archive:
            member = archive.extractfile("MANIFEST.json")
            about = json.load(member)["collection_info"] if member else {}
            name = (about.get("namespace"), about.get("name"))
    except (OSError, tarfile.TarError, ValueError, KeyError) as error:
        raise AosError(f"collection {path} is no tarball of a collection: {error}; build it again") from error
    if name != COLLECTION:
        raise AosError(f"collection {path} holds {name[0]}.{name[1]}, not {'.'.join(COLLECTION)}; correct its path")
    return file_digest(path)


def _metadata(path: Path) -> t.Mapping[str, str | None]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if re.fullmatch(r"[^/]+\.dist-info/METADATA", name)]
            if path.suffix != ".whl" or len(names) != 1:
                raise AosError(f"source {path} is no wheel; give the file that `pip wheel` made, with its name")
            return email.message_from_bytes(archive.read(names[0]))
    except (OSError, zipfile.BadZipFile) as error:
        raise AosError(f"source {path} is no wheel: {error}; copy it again") from error


def _product_version(metadata: t.Mapping[str, str | None], path: Path) -> str:
    """Return the version, after a look at the name."""
    name = re.sub(r"[-_.]+", "-", metadata["Name"] or "").lower()
    if name != PRODUCT:
        raise AosError(f"source {path} holds {name or 'a package without name'}, not {PRODUCT}; correct its path")
    version = metadata["Version"]
    if not version or not re.fullmatch(r"[0-9][0-9A-Za-z.!+]*", version):
        raise AosError(f"source {path} states no version; state one in its pyproject.toml, or give a wheel")
    return version


def _made(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if MADE.fullmatch(name)}


def _folder_digest(path: Path) -> str:
    """Return a digest over the names and the contents of the source's files, in their order."""
    digest = hashlib.sha256()
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(set(folders) - _made(folder, folders))
        for name in sorted(set(files) - _made(folder, files)):
            file = Path(folder, name)
            digest.update(f"{file.relative_to(path)}\0{file_digest(file)}\0".encode())
    return digest.hexdigest()
