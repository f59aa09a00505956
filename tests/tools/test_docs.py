# SPDX-License-Identifier: GPL-3.0-or-later
"""What documents show of the code is drawn from it."""

from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_controls import DRIVERS
from tools.dev.docs import PAGES, redrawn

ROOT = Path(__file__).resolve().parents[2]
LONGEST_PAGE = 70


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_drawn_part_is_up_to_date(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert redrawn(page, text) == text, "run ./dev docs"


@pytest.mark.parametrize("protocol", DRIVERS)
def test_every_protocol_has_a_page(protocol):
    page = ROOT / "docs" / "power" / f"{protocol}.md"
    assert page.exists(), f"describe the protocol in {page}"
    assert len(page.read_text(encoding="utf-8").splitlines()) <= LONGEST_PAGE
