# SPDX-License-Identifier: GPL-3.0-or-later
"""Every error that an operator may see. The message names the subject and the remedy."""


class CloudManagerError(Exception):
    """Base of all errors raised on purpose."""


class BadInput(CloudManagerError):
    """What the operator gave can't be used: unknown name, duplicate, value out of range. Exit status 2."""


class BadConfiguration(BadInput):
    """All problems of the configuration together, one per line: file, section, key, what is wrong."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class CloudUnavailable(CloudManagerError):
    """Nova or keystone could not be asked, or answered with an error: the cycle is blind."""


class StoreUnavailable(CloudManagerError):
    """The product's database could not be read or written."""


class StoreOutdated(CloudManagerError):
    """The database has another migration number than this version needs."""


class NotLeader(CloudManagerError):
    """Another watchdog holds the lease: nothing may be written or started."""


class Overtaken(CloudManagerError):
    """What a decision rests on changed before it was recorded: nothing of it counts, the next look decides anew."""


class JobNotStarted(CloudManagerError):
    """A playbook could not be started."""
