# SPDX-License-Identifier: GPL-3.0-or-later
"""What ./dev runs once the environment stands: commands for people, and the steps of the whole check."""
