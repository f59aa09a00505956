# SPDX-License-Identifier: GPL-3.0-or-later
"""The tarball, built once from a copy of the work tree, and the collection installed from it in an empty place."""

import os
import sys
import tarfile

import pytest

from tests.packaging.tree import BIN, ROOT, run
from tools.dev.collection import copy_work_tree


@pytest.fixture(scope="session")
def tarball(tmp_path_factory):
    """Return the path of the built tarball."""
    copy = tmp_path_factory.mktemp("source")
    copy_work_tree(ROOT, copy)
    # What lies about in a work tree that was worked in.
    (copy / "tests" / "output").mkdir()
    (copy / "tests" / "output" / "junk.txt").write_text("junk")
    (copy / ".venv").mkdir()
    (copy / ".venv" / "junk.txt").write_text("junk")
    target = tmp_path_factory.mktemp("tarball")
    done = run([BIN / "ansible-galaxy", "collection", "build", "--output-path", target], cwd=copy)
    assert done.returncode == 0, done.stdout
    (built,) = target.glob("*.tar.gz")
    return built


@pytest.fixture(scope="session")
def empty_place(tmp_path_factory):
    """Return an empty folder and an environment for Ansible in it that has nothing of ours in reach."""
    folder = tmp_path_factory.mktemp("empty")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AOS_", "OS_"))
    }
    environment |= {
        "HOME": str(folder),
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(folder / "installed"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }
    return folder, environment


@pytest.fixture(scope="session")
def installed(tarball, empty_place):
    """Install the tarball in the empty place; return a function that runs a program there."""
    folder, environment = empty_place

    def run_there(*arguments):
        return run(arguments, cwd=folder, env=environment)

    target = folder / "installed"
    done = run_there("ansible-galaxy", "collection", "install", "--offline", "-p", target, tarball)
    assert done.returncode == 0, done.stdout
    return run_there


@pytest.fixture(scope="session")
def alone(tarball, tmp_path_factory):
    """Install the tarball beside nothing but ansible-core and the documented libraries; return its runner."""
    folder = tmp_path_factory.mktemp("alone")
    programs = folder / "venv" / "bin"
    with tarfile.open(tarball) as archive:
        (folder / "requirements.txt").write_bytes(archive.extractfile("requirements.txt").read())
    locked = ROOT / "tests" / "requirements.lock"
    wanted = ["ansible-core", "-r", folder / "requirements.txt", "-c", locked]
    for command in (
        [sys.executable, "-m", "venv", "--without-pip", folder / "venv"],
        [sys.executable, "-m", "pip", "--python", programs / "python", "install", "--no-compile", *wanted],
    ):
        done = run(command)
        assert done.returncode == 0, done.stdout
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AOS_", "OS_", "PYTHON"))
    }
    clean |= {"HOME": str(folder), "PATH": f"{programs}:/usr/bin:/bin", "ANSIBLE_LOCALHOST_WARNING": "false"}

    def run_there(program, *arguments):
        return run([programs / program, *arguments], cwd=folder, env=clean)

    done = run_there("ansible-galaxy", "collection", "install", "--offline", tarball)
    assert done.returncode == 0, done.stdout
    return run_there
