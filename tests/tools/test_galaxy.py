# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever galaxy-importer complains of fails the check."""

import pytest

from tools.dev.galaxy import DONE, complaints


def test_a_run_to_the_end_without_a_complaint_passes():
    assert complaints(f"Loading module warning_light\n{DONE}\n") == []


@pytest.mark.parametrize("level", ["WARNING", "ERROR", "CRITICAL"])
def test_a_complaint_is_found(level):
    said = f"{level}: playbooks/site.yml:1: fqcn"
    assert complaints(f"{said}\n{DONE}\n") == [said]


def test_a_run_that_breaks_off_is_a_complaint():
    assert complaints("Loading module power\n")
