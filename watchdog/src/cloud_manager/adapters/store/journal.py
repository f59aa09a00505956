# SPDX-License-Identifier: GPL-3.0-or-later
"""The recovery journal, put together from its parts."""

from __future__ import annotations

from cloud_manager.adapters.store.incidents import Incidents
from cloud_manager.adapters.store.jobs import Jobs
from cloud_manager.adapters.store.leases import Leases
from cloud_manager.adapters.store.operators import Operators
from cloud_manager.adapters.store.tracking import Tracking


class SqlJournal(Leases, Tracking, Jobs, Incidents, Operators):
    """ports.Journal. Safe for several threads and several processes; each method is one transaction."""
