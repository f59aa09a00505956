# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators type and read: one module for each group of commands."""
