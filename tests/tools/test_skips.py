# SPDX-License-Identifier: GPL-3.0-or-later
"""Under CI a skip is a failure (the repository's conftest.py); on a developer's machine it stays a skip."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT_CONFTEST = Path(__file__).parents[2] / "conftest.py"
SKIPPED = {
    "by a mark": "import pytest\n@pytest.mark.skip(reason='no reason')\ndef test_it(): pass\n",
    "inside the test": "import pytest\ndef test_it(): pytest.skip('no reason')\n",
    "with its whole module": "import pytest\npytest.skip('no reason', allow_module_level=True)\n",
    "for a missing library": "import pytest\npytest.importorskip('no_such_library')\n",
}


def run_pytest(folder, text, ci):
    """Run pytest on a file of this text beside a copy of the repository's conftest.py; return the finished process."""
    (folder / "conftest.py").write_text(ROOT_CONFTEST.read_text(encoding="utf-8"))
    (folder / "test_sample.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)],
        env={**os.environ, "CI": ci, "PYTHONPATH": str(ROOT_CONFTEST.parent)},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("text", SKIPPED.values(), ids=SKIPPED.keys())
def test_a_skip_fails_under_ci(tmp_path, text):
    done = run_pytest(tmp_path, text, ci="true")
    assert done.returncode in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED), done.stdout
    assert "counts as failed under CI" in done.stdout


def test_a_skip_stays_a_skip_elsewhere(tmp_path):
    done = run_pytest(tmp_path, SKIPPED["by a mark"] + "def test_other(): pass\n", ci="")
    assert done.returncode == 0, done.stdout
    assert "1 passed, 1 skipped" in done.stdout


def test_an_expected_failure_stays_one_under_ci(tmp_path):
    text = "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_it(): assert False\n"
    done = run_pytest(tmp_path, text, ci="true")
    assert done.returncode == 0, done.stdout
