# SPDX-License-Identifier: GPL-3.0-or-later
"""The product's database: tables, numbered migrations, transactions, and the encryption of passwords."""

from cloud_manager.db.crypto import PasswordBox
from cloud_manager.db.engine import SILENT_SECONDS, Database

__all__ = ["SILENT_SECONDS", "Database", "PasswordBox"]
