# SPDX-License-Identifier: GPL-3.0-or-later
"""The ports Journal and PowerControls on the product's database."""

from cloud_manager.adapters.store.journal import SqlJournal
from cloud_manager.adapters.store.power_controls import SqlPowerControls

__all__ = ["SqlJournal", "SqlPowerControls"]
