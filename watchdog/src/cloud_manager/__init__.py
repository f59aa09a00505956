# SPDX-License-Identifier: GPL-3.0-or-later
"""The watchdog of the collection aos.cloud_manager: look, decide, record, act, look again."""
