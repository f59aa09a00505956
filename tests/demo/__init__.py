# SPDX-License-Identifier: GPL-3.0-or-later
"""A hypervisor dies and its servers come back, to be watched: real OpenStack, real IPMI, the embedded database."""
