# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds the lease, as `status` shows it."""

from __future__ import annotations

from cloud_manager.ports import Journal


def test_the_holder_is_named_while_he_holds_the_lease(journal: Journal) -> None:
    assert journal.lease_holder() == ""
    lease = journal.acquire_lease("one", 60, lambda holder: True)
    assert lease is not None
    assert journal.lease_holder() == "one"
    journal.release_lease(lease)
    assert journal.lease_holder() == ""


def test_a_lease_that_has_run_out_is_nobodys(journal: Journal) -> None:
    journal.acquire_lease("one", -1.0, lambda holder: True)
    assert journal.lease_holder() == ""
