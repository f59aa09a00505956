# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon's wheel holds all that it needs, and starts in an environment that has nothing but what it asks for."""

import os
import sys
import zipfile

import pytest

from tests.packaging.tree import ROOT, run
from tests.targets.wheelhouse import product_wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel; return its path."""
    return product_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """Install the wheel with its extra, and what both ask for, at the locked versions; return the bin of that place."""
    folder = tmp_path_factory.mktemp("venv")
    assert run([sys.executable, "-m", "venv", folder]).returncode == 0
    done = run(
        [folder / "bin" / "python", "-m", "pip", "install", "-c", ROOT / "tests" / "requirements.lock", f"{wheel}[osc]"]
    )
    assert done.returncode == 0, done.stdout
    return folder / "bin"


def run_alone(environment, folder, *arguments):
    """Run a program of the environment where neither the checkout nor the development environment is in reach."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AOS_", "OS_"))}
    clean |= {"PATH": f"{environment}:/usr/bin:/bin", "HOME": str(folder)}
    return run([environment / arguments[0], *arguments[1:]], cwd=folder, env=clean)


def test_the_wheel_holds_every_file_of_the_package(wheel):
    source = ROOT / "watchdog" / "src"
    wanted = {
        str(path.relative_to(source))
        for path in (source / "cloud_manager").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert wanted <= names
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"cloud_manager"}


def test_the_wheel_cannot_be_uploaded_by_mistake(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        assert "Classifier: Private :: Do Not Upload" in archive.read(metadata).decode()


def test_the_program_starts_in_an_empty_environment(environment, tmp_path):
    done = run_alone(environment, tmp_path, "aos-cloud-manager", "--help")
    assert done.returncode == 0, done.stdout
    assert "watch" in done.stdout


def test_the_samples_come_from_the_wheel_itself(environment, tmp_path):
    done = run_alone(environment, tmp_path, "aos-cloud-manager", "configure", "--folder", tmp_path)
    assert done.returncode == 0, done.stdout
    for name in ("aos.conf.example", "cloud_manager.conf.example"):
        assert (tmp_path / name).read_text() == (ROOT / "watchdog" / "etc" / name).read_text()


def test_the_guides_commands_are_found_by_the_openstack_client(environment, tmp_path):
    done = run_alone(environment, tmp_path, "openstack", "aos", "db", "migrate", "--help")
    assert done.returncode == 0, done.stdout
    assert "--allow-data-loss" in done.stdout


def test_the_options_are_found_by_their_entry_point(environment, tmp_path):
    done = run_alone(environment, tmp_path, "oslo-config-generator", "--namespace", "cloud_manager")
    assert done.returncode == 0, done.stdout
    assert "[node_tracker]" in done.stdout
    assert "#max_down_hosts = 0" in done.stdout
