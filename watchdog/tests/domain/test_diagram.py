# SPDX-License-Identifier: GPL-3.0-or-later
"""ARCHITECTURE.md shows the table that the program runs."""

from pathlib import Path

import pytest

from cloud_manager.domain.diagram import gate_table, state_diagram, transition_table

ARCHITECTURE = Path(__file__).parents[3] / "ARCHITECTURE.md"


@pytest.mark.parametrize("drawn", [state_diagram, gate_table, transition_table])
def test_the_drawn_parts_of_the_architecture_are_up_to_date(drawn):
    assert drawn() in ARCHITECTURE.read_text(), "run ./dev docs"
