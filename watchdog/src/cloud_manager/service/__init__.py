# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs: look, decide, record, act, look again."""
