# SPDX-License-Identifier: GPL-3.0-or-later
"""For every test of the repository: the lab's fixtures, and under CI a skip counts as failed.

Nothing may drop out of the check unseen.
"""

import os
from collections.abc import Generator
from typing import TypeVar

import pytest

pytest_plugins = ["tests.lab.pytest_plugin"]

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

SKIPS_FAIL = os.environ.get("CI", "").lower() in ("1", "true", "yes")


def without_skip(report: Report) -> Report:
    """Turn a skip into a failure that says why it was skipped; an expected failure stays one."""
    if SKIPS_FAIL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which counts as failed under CI: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return without_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return without_skip((yield))
