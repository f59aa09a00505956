# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole product against the lab: real daemon, real playbooks, real Nova, real IPMI."""
