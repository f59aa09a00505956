# SPDX-License-Identifier: GPL-3.0-or-later
"""What is decided, and why. Pure: no clock, no I/O, no randomness, no third party."""
