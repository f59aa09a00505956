# SPDX-License-Identifier: GPL-3.0-or-later
"""package with real Pythons, pip and git: releases are made, switched, kept and removed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.modules import package
from tests.integration.deployment import product
from tests.integration.deployment.product import Run, tree
from tests.targets.wheelhouse import product_wheel, wheelhouse
from tools.dev.collection import cache, copy_work_tree

ROOT = Path(__file__).parents[3]
SYSTEM_PYTHON = "/usr/bin/python3"
# No test but the one of the real product may reach a package index.
NO_INDEX = {"PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "opt"


@pytest.fixture
def run(root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, text in NO_INDEX.items():
        monkeypatch.setenv(name, text)
    return product.caller(package, capsys, root=str(root), python=SYSTEM_PYTHON)


def version_of(program: str | Path) -> str:
    return subprocess.run([program], check=True, capture_output=True, text=True).stdout.strip()


def git(folder: Path, *arguments: str) -> str:
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    done = subprocess.run(["git", *author, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_wheel_becomes_a_release_that_current_points_to(run: Run, root: Path, tmp_path: Path) -> None:
    outcome = run(source=str(product.wheel(tmp_path / "w")))
    assert outcome.get("changed"), outcome
    release = outcome["release"]
    assert release.startswith("0.1.1-")
    assert os.readlink(root / "current") == f"releases/{release}"
    assert version_of(root / "current/bin/aos-cloud-manager") == "0.1.1"
    assert outcome["executable"] == str(root / "releases" / release / "bin/aos-cloud-manager")
    record = json.loads((root / "releases" / release / "release.json").read_text())
    assert (record["release"], record["version"], record["made_by"]) == (release, "0.1.1", "aos.cloud_manager")
    assert outcome["diff"]["before"] == {"current": "", "releases": []}
    assert outcome["diff"]["after"] == {"current": release, "releases": [release]}


def test_everybody_can_run_what_is_installed_whatever_the_umask(run: Run, root: Path, tmp_path: Path) -> None:
    wheel = str(product.wheel(tmp_path / "w"))
    before = os.umask(0o077)
    try:
        program = run(source=wheel)["executable"]
    finally:
        os.umask(before)
    shut = [path for path in root.rglob("*") if not path.is_symlink() and not path.stat().st_mode & 0o004]
    assert shut == []
    assert root.stat().st_mode & 0o777 == 0o755
    assert Path(program).stat().st_mode & 0o777 == 0o755


def test_the_second_run_and_a_rehearsal_of_it_change_nothing(run: Run, root: Path, tmp_path: Path) -> None:
    wheel = str(product.wheel(tmp_path / "w"))
    first = run(source=wheel)
    before = tree(root)
    second, rehearsed = run(source=wheel), run(source=wheel, check=True)
    assert not second["changed"]
    assert not rehearsed["changed"]
    assert second["previous"] == first["release"]
    assert tree(root) == before


def test_a_rehearsal_says_what_a_run_then_does_and_makes_nothing(run: Run, root: Path, tmp_path: Path) -> None:
    wheel = str(product.wheel(tmp_path / "w"))
    rehearsed = run(source=wheel, check=True)
    assert not root.exists()
    real = run(source=wheel)
    assert {key: rehearsed[key] for key in ("changed", "release", "version", "diff")} == {
        key: real[key] for key in ("changed", "release", "version", "diff")
    }


def test_another_content_of_the_same_version_is_another_release(run: Run, root: Path, tmp_path: Path) -> None:
    first = run(source=str(product.wheel(tmp_path / "a")))
    second = run(source=str(product.wheel(tmp_path / "b", size=1)))
    third = run(source=str(product.wheel(tmp_path / "b", size=1)), extras=["more"])
    assert len({first["release"], second["release"], third["release"]}) == 3
    assert second["previous"] == first["release"]


def test_a_release_can_be_made_beside_the_current_one_and_switched_to_later(
    run: Run, root: Path, tmp_path: Path
) -> None:
    old, new = str(product.wheel(tmp_path / "a", "0.1.1")), str(product.wheel(tmp_path / "b", "0.1.2"))
    run(source=old)
    beside = run(source=new, activate=False)
    assert beside["changed"]
    assert version_of(root / "current/bin/aos-cloud-manager") == "0.1.1"
    assert version_of(beside["executable"]) == "0.1.2"
    assert not run(source=new, activate=False)["changed"]
    switched = run(source=new)
    assert switched["changed"]
    assert switched["previous"].startswith("0.1.1-")
    assert version_of(root / "current/bin/aos-cloud-manager") == "0.1.2"


def test_a_release_that_is_there_is_switched_to_by_its_name_and_is_the_last_used_afterwards(
    run: Run, root: Path, tmp_path: Path
) -> None:
    old = run(source=str(product.wheel(tmp_path / "a", "0.1.1")))["release"]
    new = run(source=str(product.wheel(tmp_path / "b", "0.1.2")), activate=False)["release"]
    record = root / "releases" / old / "release.json"
    os.utime(record, (0, 0))
    rehearsed = run(release=new, _ansible_check_mode=True)
    assert os.readlink(root / "current") == f"releases/{old}"
    switched = run(release=new)
    assert switched["diff"] == rehearsed["diff"]
    assert (switched["changed"], switched["previous"], switched["version"]) == (True, old, "0.1.2")
    assert os.readlink(root / "current") == f"releases/{new}"
    assert record.stat().st_mtime > 0
    assert not run(release=new)["changed"]


def test_a_release_that_is_not_there_is_not_switched_to(run: Run, root: Path, tmp_path: Path) -> None:
    old = run(source=str(product.wheel(tmp_path / "a", "0.1.1")))["release"]
    outcome = run(release="9.9.9-00000000")
    assert "release 9.9.9-00000000 is not in" in outcome["msg"]
    assert os.readlink(root / "current") == f"releases/{old}"


def test_older_releases_go_but_never_the_current_and_the_previous_one(run: Run, root: Path, tmp_path: Path) -> None:
    def there() -> list[str]:
        return sorted(path.name for path in (root / "releases").iterdir())

    wheels = [str(product.wheel(tmp_path / str(number), f"0.1.{number}")) for number in range(4)]
    made = [run(source=wheel)["release"] for wheel in wheels[:3]]
    run(source=wheels[0])
    # The order is by use: made[2] was current last.
    assert run(source=wheels[0], keep=1, check=True)["changed"]
    assert there() == made
    run(source=wheels[0], keep=1)
    assert there() == [made[0], made[2]]
    last = run(source=wheels[3], keep=1)
    assert there() == [made[0], last["release"]]
    assert not run(source=wheels[3], keep=1)["changed"]


def test_an_interrupted_installation_is_made_anew(run: Run, root: Path, tmp_path: Path) -> None:
    wheel = str(product.wheel(tmp_path / "w"))
    release = root / "releases" / run(source=wheel, check=True)["release"]
    (release / "bin").mkdir(parents=True)
    (release / "bin" / "aos-cloud-manager").write_text("half")
    (root / "releases" / "0.0.9-00000000").mkdir()
    outcome = run(source=wheel)
    assert outcome["changed"]
    assert version_of(outcome["executable"]) == "0.1.1"
    assert [path.name for path in (root / "releases").iterdir()] == [outcome["release"]]


def test_a_release_of_which_the_record_is_missing_is_made_anew_though_it_is_current(
    run: Run, root: Path, tmp_path: Path
) -> None:
    wheel = str(product.wheel(tmp_path / "w"))
    run(source=wheel)
    (root / "current" / "release.json").unlink()
    assert run(source=wheel)["changed"]
    assert version_of(root / "current/bin/aos-cloud-manager") == "0.1.1"
    assert not run(source=wheel)["changed"]


def test_a_folder_is_built_without_a_trace_in_it(run: Run, tmp_path: Path) -> None:
    folder = product.source(tmp_path / "s")
    (folder / "src" / "cloud_manager" / "__pycache__").mkdir()
    before = tree(folder)
    first = run(source=str(folder), wheelhouse=str(wheelhouse(cache())))
    assert version_of(first["executable"]) == "0.1.1"
    assert tree(folder) == before
    # What building and running leave does not make it another source.
    (folder / "src" / "cloud_manager" / "__pycache__" / "cli.pyc").write_text("x")
    (folder / "src" / "aos_cloud_manager.egg-info").mkdir()
    (folder / "build").mkdir()
    assert not run(source=str(folder))["changed"]
    (folder / "src" / "cloud_manager" / "new.py").write_text("")
    assert run(source=str(folder), check=True)["release"] != first["release"]


def test_a_git_address_is_resolved_to_a_commit(run: Run, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    product.source(repository / "watchdog", "0.1.1")
    git(tmp_path, "init", "-q", "-b", "main", str(repository))
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "one")
    git(repository, "tag", "-a", "v1", "-m", "one")
    commit = git(repository, "rev-parse", "HEAD")
    address, wheels = f"git+file://{repository}", str(wheelhouse(cache()))
    first = run(source=f"{address}@v1#subdirectory=watchdog", wheelhouse=wheels)
    assert version_of(first["executable"]) == "0.1.1"
    for ref in ("main", commit):
        assert not run(source=f"{address}@{ref}#subdirectory=watchdog", wheelhouse=wheels)["changed"], ref
    product.source(repository / "watchdog", "0.1.2")
    git(repository, "commit", "-qam", "two")
    assert not run(source=f"{address}@v1#subdirectory=watchdog")["changed"]
    assert run(source=f"{address}@main#subdirectory=watchdog", check=True)["version"] == "0.1.2"
    failed = run(source=f"{address}@v7#subdirectory=watchdog")
    assert "no branch or tag 'v7'" in failed["msg"]


def test_all_goes_but_what_was_not_made_by_us(run: Run, root: Path, tmp_path: Path) -> None:
    wheel = str(product.wheel(tmp_path / "w"))
    run(source=wheel)
    # What a run leaves that is killed: a release half made, and a link not yet exchanged.
    (root / "releases" / "0.0.9-00000000").mkdir()
    (root / ".current").symlink_to("releases/0.0.9-00000000")
    assert run(state="absent", check=True)["changed"]
    assert (root / "current").exists()
    gone = run(state="absent")
    assert gone["changed"]
    assert gone["kept"] == []
    assert not root.exists()
    assert not run(state="absent")["changed"]

    run(source=wheel)
    (root / "notes.txt").write_text("mine")
    (root / "releases" / "by-hand").mkdir()
    outcome = run(state="absent")
    assert [path.name for path in root.iterdir()] != []
    assert sorted(str(path.relative_to(root)) for path in root.rglob("*")) == [
        "notes.txt",
        "releases",
        "releases/by-hand",
    ]
    assert [text.split(" ")[0] for text in outcome["kept"]] == [str(root / "notes.txt"), str(root / "releases/by-hand")]


def test_a_package_that_is_missing_is_named_with_the_remedy(run: Run, root: Path, tmp_path: Path) -> None:
    run(source=str(product.wheel(tmp_path / "a")))
    current = os.readlink(root / "current")
    wheel = product.wheel(tmp_path / "b", "0.1.2", needs=("nowhere-to-be-found",))
    empty = tmp_path / "empty"
    empty.mkdir()
    failed = run(source=str(wheel), wheelhouse=str(empty))
    assert failed["failed"]
    assert "nowhere-to-be-found" in failed["msg"]
    assert f"into the wheelhouse {empty}" in failed["msg"]
    assert "\n" not in failed["msg"]
    assert os.readlink(root / "current") == current
    assert len(list((root / "releases").iterdir())) == 1
    assert "package index" in run(source=str(wheel))["msg"]


def test_the_credentials_of_an_index_are_not_shown(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://somebody:s3cret@127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    failed = run(source=str(product.wheel(tmp_path / "w", needs=("nowhere-to-be-found",))))
    assert failed["failed"]
    assert "s3cret" not in json.dumps(failed)


def test_a_python_that_cannot_be_used_is_named(run: Run, root: Path, tmp_path: Path) -> None:
    wheel = str(product.wheel(tmp_path / "w"))
    old, bare = tmp_path / "old", tmp_path / "bare"
    old.write_text("#!/bin/sh\necho '{\"version\": [3, 9]}'\n")
    # As Debian is without python3-venv: ensurepip cannot be found.
    bare.write_text(
        f'#!/bin/sh\n[ "$1" = -c ] || exit 1\nshift; q=$1; shift\nexec {SYSTEM_PYTHON} -c '
        '"import importlib.util as u; f = u.find_spec; u.find_spec = '
        'lambda n: None if n == \'ensurepip\' else f(n)\n$q" "$@"\n'
    )
    for script in (old, bare):
        script.chmod(0o755)
    assert "3.9, aos-cloud-manager needs 3.11" in run(source=wheel, python=str(old))["msg"]
    assert "cannot be run" in run(source=wheel, python=str(tmp_path / "none"))["msg"]
    failed = run(source=wheel, python=str(bare))
    assert "cannot make virtual environments; install python3." in failed["msg"]
    assert "-venv" in failed["msg"]
    assert not root.exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for a virtual environment, but not for more."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_is_named_and_leaves_the_current_release_as_it_was(
    run: Run, small_disk: Path, tmp_path: Path
) -> None:
    root, large = small_disk / "opt", product.wheel(tmp_path / "b", "0.1.2", size=100 << 20)
    run(source=str(product.wheel(tmp_path / "a")), root=str(root))
    current, made = os.readlink(root / "current"), os.listdir(root / "releases")
    # First the product does not fit, then not even the virtual environment's own pip.
    for room in (None, 5 << 20):
        if room:
            (small_disk / "ballast").write_bytes(b"0" * (shutil.disk_usage(small_disk).free - room))
        failed = run(source=str(large), root=str(root))
        assert failed["failed"]
        assert f"no space is left where {root}" in failed["msg"]
        assert "free about 300 MB" in failed["msg"]
        assert os.readlink(root / "current") == current
        assert os.listdir(root / "releases") == made
    assert version_of(root / "current/bin/aos-cloud-manager") == "0.1.1"


def test_the_system_s_python_gets_and_loses_the_product_and_nothing_else(tmp_path: Path) -> None:
    """In a mount namespace of its own, where what pip writes lies on a throw-away file system."""
    wheels = [product.wheel(tmp_path / str(size), size=size) for size in (0, 1)]
    script = tmp_path / "script.py"
    script.write_text(
        "import contextlib, io, json, sys\n"
        "from ansible.module_utils.testing import patch_module_args\n"
        "from ansible_collections.aos.cloud_manager.plugins.modules import package\n"
        "for line in sys.stdin:\n"
        "    with contextlib.suppress(SystemExit), patch_module_args(json.loads(line)):\n"
        "        package.main()\n"
        "    print()\n"
    )
    system = {"system": True, "python": SYSTEM_PYTHON}
    installed = [{**system, "source": str(wheel)} for wheel in wheels]
    gone = {**system, "state": "absent"}
    calls = [
        {**installed[0], "_ansible_check_mode": True}, installed[0], installed[0], installed[1], installed[1],
        gone, gone,
    ]  # fmt: skip
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /usr/local && exec "$0" "$1"', sys.executable, script],
        input="\n".join(json.dumps(call) for call in calls),
        env={**os.environ, **NO_INDEX, "PYTHONPATH": f"{ROOT}:{ROOT / 'collections'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    outcomes = [json.loads(line) for line in done.stdout.splitlines() if line]
    assert [outcome.get("changed") for outcome in outcomes] == [True, True, False, True, False, True, False], outcomes
    assert outcomes[1]["executable"] == "/usr/local/bin/aos-cloud-manager"


def test_the_real_product_is_installed_with_its_collection_from_a_wheelhouse(
    run: Run, root: Path, tmp_path: Path
) -> None:
    copy, built = tmp_path / "copy", tmp_path / "built"
    copy.mkdir()
    built.mkdir()
    copy_work_tree(ROOT, copy)
    galaxy = Path(sys.executable).with_name("ansible-galaxy")
    subprocess.run([galaxy, "collection", "build", "--output-path", built], cwd=copy, check=True, capture_output=True)
    (tarball,) = built.glob("*.tar.gz")
    options = {
        "source": str(product_wheel(built)), "collection": str(tarball), "wheelhouse": str(wheelhouse(cache())),
    }  # fmt: skip
    outcome = run(**options)
    assert outcome.get("changed"), outcome
    program = subprocess.run([outcome["executable"], "--help"], check=True, capture_output=True, text=True)
    assert "watch" in program.stdout
    collection = root / "current/collections/ansible_collections/aos/cloud_manager"
    assert (collection / "playbooks" / "recover_host.yml").is_file()
    assert not run(**options)["changed"]
    assert run(**{**options, "collection": None}, check=True)["release"] != outcome["release"]
