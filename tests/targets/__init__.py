# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines to install on: Debian 12 and 13 with a systemd of their own, in a second each.

systemd-nspawn containers with this machine's network, so that they reach the lab on 127.0.0.1. Nothing in them may
listen by itself or configure the network. `python -m tests.targets --help` is the command line,
`tests.targets.target.Target` the API for tests, `connection_plugins/target.py` what Ansible reaches them by.
"""
