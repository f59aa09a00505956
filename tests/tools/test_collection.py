# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy in which ansible-test runs is the work tree: with what is not committed yet, without what is ignored."""

import subprocess

import pytest

from tools.dev.collection import copy_work_tree, work_tree_files


@pytest.fixture
def tree(tmp_path):
    """Return a work tree with a committed, a new, an ignored and a deleted file, and a link."""
    folder = tmp_path / "tree"
    folder.mkdir()
    for arguments in (["init", "--quiet"], ["config", "user.name", "a"], ["config", "user.email", "a@example.org"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    (folder / ".gitignore").write_text("ignored\n")
    (folder / "sub").mkdir()
    for name in ("committed", "deleted", "ignored", "sub/file"):
        (folder / name).write_text(name)
    (folder / "link").symlink_to("sub")
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    subprocess.run(["git", "commit", "--quiet", "--message", "first"], cwd=folder, check=True)
    (folder / "deleted").unlink()
    (folder / "new").write_text("new")
    return folder


def test_the_work_tree_is_what_git_knows_and_would_add(tree):
    assert work_tree_files(tree) == [".gitignore", "committed", "link", "new", "sub/file"]


def test_the_copy_is_a_git_repository_with_the_same_files_and_links(tree, tmp_path):
    copy = tmp_path / "copy"
    copy_work_tree(tree, copy)
    assert work_tree_files(copy) == work_tree_files(tree)
    assert (copy / "link").is_symlink()
    assert (copy / "new").read_text() == "new"
