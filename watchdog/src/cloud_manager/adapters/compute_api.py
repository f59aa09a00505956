# SPDX-License-Identifier: GPL-3.0-or-later
"""GET on the compute endpoint, over one session for the life of the daemon, and what its failures mean.

Timeouts are bounded; after keystone was away the session authenticates again by itself. The next cycle is the retry.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keystoneauth1 import exceptions as keystone
from keystoneauth1.adapter import Adapter

from cloud_manager.errors import CloudUnavailable

LONGEST = 300


class ComputeApi:
    """adapter: keystoneauth's, for the compute service. label: the cloud's name. Timeouts are seconds."""

    def __init__(self, adapter: Adapter, label: str, connect_timeout: float, read_timeout: float) -> None:
        self._adapter = adapter
        self._label = label
        self._timeouts = (connect_timeout, read_timeout)

    def __call__(self, path: str, params: Mapping[str, str]) -> Any:
        try:
            return self._request(path, params).json()
        except keystone.ClientException as error:
            raise CloudUnavailable(self._sentence(error, path)) from error
        except (ValueError, KeyError, TypeError) as error:
            # also what keystoneauth raises on a token or catalogue of another shape
            raise CloudUnavailable(
                f"cloud {self._label} answered GET {path} with something else than OpenStack's JSON; "
                f"check what listens at its keystone and compute endpoints"
            ) from error

    def _request(self, path: str, params: Mapping[str, str]) -> Any:
        try:
            return self._adapter.get(path, params=params, timeout=self._timeouts)
        except keystone.ConnectTimeout:
            raise
        except keystone.ConnectFailure:
            # a kept connection that the server closed meanwhile: one blind look would cost settle_seconds
            return self._adapter.get(path, params=params, timeout=self._timeouts)

    def _sentence(self, error: keystone.ClientException, path: str) -> str:
        cause = _explained(error)
        if isinstance(error, keystone.Unauthorized):
            return f"cloud {self._label} refuses our credentials: {cause}; correct user, password and project"
        if isinstance(error, keystone.Forbidden):
            return f"cloud {self._label} forbids GET {path}: {cause}; the user needs the role admin"
        if isinstance(error, keystone.EndpointNotFound | keystone.EmptyCatalog):
            return f"cloud {self._label} has no compute endpoint for us: {cause}; check region_name and interface"
        if isinstance(error, keystone.HttpError):
            return f"cloud {self._label} failed at GET {path}: {cause}; check nova-api and keystone"
        return f"cloud {self._label} does not answer GET {path}: {cause}; check nova-api, keystone and the way to them"


def _explained(error: keystone.ClientException) -> str:
    """Nova's own words where it gave some ({"computeFault": {"message": ...}}), which keystoneauth does not read."""
    said = " ".join(str(error).split())[:LONGEST]
    if not isinstance(error, keystone.HttpError) or error.response is None:
        return said
    try:
        message = next(iter(error.response.json().values()))["message"]
    except (ValueError, AttributeError, KeyError, TypeError, StopIteration):
        return said
    return f"HTTP {error.http_status}: {' '.join(str(message).split())}"[:LONGEST]
