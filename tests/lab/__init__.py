# SPDX-License-Identifier: GPL-3.0-or-later
"""A throw-away OpenStack on one machine whose hosts can lose their power, their network and their minds.

Real keystone, placement, glance, neutron, nova, MariaDB and RabbitMQ as plain processes on loopback ports; every
nova-compute (fake virt driver) lives in a network namespace of its own and is powered by an IPMI BMC of its own.
`python -m tests.lab --help` is the command line, `tests.lab.client.Lab` the API for tests.
"""
