# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the product is taken from, and what is refused before anything is installed."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.package_source import collection_digest, find_source
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError


def wheel(path: Path, name: str = "aos-cloud-manager", version: str = "0.1.0") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x-1.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return path


def source(folder: Path, project: str) -> Path:
    folder.mkdir()
    (folder / "pyproject.toml").write_text(project)
    return folder


def collection(path: Path, namespace: str, name: str) -> Path:
    text = json.dumps({"collection_info": {"namespace": namespace, "name": name}}).encode()
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("MANIFEST.json")
        member.size = len(text)
        archive.addfile(member, io.BytesIO(text))
    return path


@pytest.mark.parametrize("name", ["aos-cloud-manager", "aos_cloud_manager", "Aos.Cloud_Manager"])
def test_a_wheel_of_the_product_is_taken_however_its_name_is_written(tmp_path: Path, name: str) -> None:
    found = find_source(str(wheel(tmp_path / "x.whl", name)), tmp_path)
    assert found.version == "0.1.0"
    assert len(found.digest) == 64


def test_a_folder_of_the_product_is_taken(tmp_path: Path) -> None:
    folder = source(tmp_path / "s", '[project]\nname = "aos-cloud-manager"\nversion = "0.2.0"\n')
    found = find_source(str(folder), tmp_path)
    assert found.version == "0.2.0"
    before = found.digest
    (folder / "x.egg-info").mkdir()
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "x.pyc").write_text("x")
    assert find_source(str(folder), tmp_path).digest == before
    (folder / "a").write_text("bc")
    with_a = find_source(str(folder), tmp_path).digest
    (folder / "a").rename(folder / "ab")
    assert len({before, with_a, find_source(str(folder), tmp_path).digest}) == 3


@pytest.mark.parametrize("text", ["cloud-manager", "aos-cloud-manager", "x==1", "cloud-manager[more]>=1", "./x.whl"])
def test_a_bare_name_is_refused_with_the_reason(tmp_path: Path, text: str) -> None:
    with pytest.raises(AosError, match="on the public index such a name belongs to a stranger's package; give the"):
        find_source(text, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "git+https://me:s3cret@git.example.org/x.git@main",
        "git+https://s3cret@git.example.org/x.git@main",
        "git+ssh://git:s3cret@git.example.org/x.git@main",
    ],
)
def test_credentials_in_an_address_are_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(AosError, match="holds credentials") as caught:
        find_source(text, tmp_path)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("text", ["git+https://git.example.org/x.git", "git+https://h/x@-x", "git+ext::sh@main"])
def test_a_git_address_without_a_usable_ref_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(AosError, match="names no ref"):
        find_source(text, tmp_path)


def test_what_is_no_wheel_of_the_product_is_named(tmp_path: Path) -> None:
    def refusal(path: Path) -> str:
        with pytest.raises(AosError) as caught:
            find_source(str(path), tmp_path)
        assert str(path) in str(caught.value)
        return str(caught.value)

    (tmp_path / "text.whl").write_text("text")
    zipfile.ZipFile(tmp_path / "empty.whl", "w").close()
    assert "holds cloud-manager, not aos-cloud-manager" in refusal(wheel(tmp_path / "y.whl", "cloud-manager"))
    assert "is no wheel" in refusal(tmp_path / "text.whl")
    assert "is no wheel" in refusal(tmp_path / "empty.whl")
    assert "is no wheel" in refusal(wheel(tmp_path / "x.zip"))
    assert "does not exist" in refusal(tmp_path / "none.whl")
    assert "states no version" in refusal(wheel(tmp_path / "v.whl", version="../../etc"))
    assert "pyproject.toml cannot be read" in refusal(source(tmp_path / "broken", "[project"))
    dynamic = '[project]\nname = "aos-cloud-manager"\ndynamic = ["version"]\n'
    assert "states no version" in refusal(source(tmp_path / "dynamic", dynamic))


def test_only_our_collection_is_taken(tmp_path: Path) -> None:
    assert len(collection_digest(collection(tmp_path / "ours", "aos", "cloud_manager"))) == 64
    with pytest.raises(AosError, match=r"holds some\.other, not aos\.cloud_manager"):
        collection_digest(collection(tmp_path / "other", "some", "other"))
    (tmp_path / "text").write_text("text")
    for path in (tmp_path / "text", tmp_path / "none"):
        with pytest.raises(AosError, match="is no tarball of a collection"):
            collection_digest(path)
