# SPDX-License-Identifier: GPL-3.0-or-later
"""The world behind the ports. Third-party objects and their errors stop here."""
