# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One authenticated session per module run, and what its failures mean.

PRIVATE to the collection aos.cloud_manager: may change in any release.

The credentials come from openstacksdk's configuration (clouds.yaml or OS_* variables); requests go through
keystoneauth with a pinned microversion, because openstacksdk's own compute calls negotiate the newest one and
change their meaning with its version.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
import typing as t

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud_tokens import SharedToken
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

try:
    import openstack.config
    import openstack.exceptions
    import yaml
    from keystoneauth1 import exceptions as keystone
    from keystoneauth1.adapter import Adapter
    from keystoneauth1.identity import v3
    from keystoneauth1.plugin import AUTH_INTERFACE
    from keystoneauth1.session import Session
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    IMPORT_ERROR = None
except ImportError as error:  # the module must load to say what is missing
    IMPORT_ERROR = error

CLOUD_OPTIONS: dict[str, dict[str, t.Any]] = {
    "cloud": {"type": "str"},
    "region_name": {"type": "str"},
    "interface": {"type": "str", "choices": ["public", "internal", "admin"]},
    "validate_certs": {"type": "bool"},
    "ca_cert": {"type": "path"},
    "api_timeout": {"type": "float", "default": 60.0},
    "api_patience": {"type": "float", "default": 60.0},
}

UNAVAILABLE = frozenset({502, 503, 504})
LONGEST_PAUSE = 2.0
PAGE = 1000
SHORT_PAGE = 100


@dataclasses.dataclass(frozen=True, slots=True)
class Api:
    """A service of the cloud: its type in the catalogue, its program, and the version to be found at its endpoint."""

    service_type: str
    program: str
    version: str | None = None


COMPUTE = Api("compute", "nova-api")
IDENTITY = Api("identity", "keystone", version="3")


class CloudUnavailable(AosError):
    """The API could not answer now; another try may succeed.

    sent: whether the request may have reached the service, so that repeating it is not always harmless.
    """

    def __init__(self, message: str, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class CloudRefused(AosError):
    """The API answered with an error that trying again doesn't change. status: the HTTP status."""

    def __init__(self, message: str, status: int, explanation: str) -> None:
        super().__init__(message)
        self.status = status
        self.explanation = explanation


class Cloud:
    """One API of one cloud and region. Safe to use from several threads.

    adapter: a keystoneauth1 Adapter for the service of api.
    answered: called after the first answer.
    """

    def __init__(
        self,
        adapter: t.Any,
        name: str,
        timeout: float,
        patience: float,
        sleep: t.Callable[[float], None] = time.sleep,
        clock: t.Callable[[], float] = time.monotonic,
        answered: t.Callable[[], None] = lambda: None,
        api: Api = COMPUTE,
    ) -> None:
        self._adapter = adapter
        self._name = name
        self._timeout = timeout
        self._patience = patience
        self._sleep = sleep
        self._clock = clock
        self._answered = answered
        self._api = api

    def get(self, path: str, query: dict[str, t.Any] | None = None, patience: float | None = None) -> dict:
        """GET path; tries again while the API is unavailable, for at most patience seconds."""
        return self._patiently("GET", path, patience, params=query)

    def put(self, path: str, body: dict, patience: float | None = None) -> dict:
        """PUT body, which must describe an absolute state: tries again as get does."""
        return self._patiently("PUT", path, patience, json=body)

    def patch(self, path: str, body: dict) -> dict:
        """PATCH absolute values of some fields; tries again as get does."""
        return self._patiently("PATCH", path, None, json=body)

    def delete(self, path: str) -> None:
        """DELETE what is at path, or is gone already; tries again as get does."""
        try:
            self._patiently("DELETE", path, None)
        except CloudRefused as error:
            if error.status != 404:
                raise

    def post(self, path: str, body: dict, microversion: str | None = None) -> dict:
        """POST body once; never tries again by itself."""
        pinned = {"microversion": microversion} if microversion else {}
        return self._once("POST", path, json=body, **pinned)

    def pages(
        self,
        path: str,
        collection: str,
        query: dict[str, t.Any],
        marker: str = "id",
        patience: float | None = None,
        enough: t.Callable[[dict], bool] | None = None,
    ) -> list[dict]:
        """Every item of a paged collection, or whole pages up to the first whose last item is enough.

        marker: the field of an item that names it to the pager.
        """
        found: list[dict] = []
        query = dict(query, limit=SHORT_PAGE if enough else PAGE)
        while True:
            answer = self.get(path, query, patience)
            page = answer.get(collection, [])
            found.extend(page)
            # the service may page smaller than asked for: only the link says that there is more
            if not page or not answer.get(f"{collection}_links") or (enough and enough(page[-1])):
                return found
            if page[-1][marker] == query.get("marker"):
                raise AosError(f"cloud {self._name} gives the same page of {path} for ever; see nova-api's log")
            query["marker"] = page[-1][marker]

    def as_user(self, user_id: str, password: str, project_id: str | None = None) -> Cloud:
        """The identity API as another user, on a project or for what needs none. Nothing is sent yet."""
        admin = self._adapter.session
        auth = v3.Password(
            admin.auth.auth_url,
            user_id=user_id,
            password=password,
            project_id=project_id,
            unscoped=project_id is None,
        )
        session = Session(auth, verify=admin.verify, cert=admin.cert)
        # a token without a project has no catalogue
        adapter = Adapter(session, "identity", interface=AUTH_INTERFACE, version=IDENTITY.version)
        return Cloud(adapter, self._name, self._timeout, self._patience, self._sleep, self._clock, api=IDENTITY)

    def _patiently(self, method: str, path: str, patience: float | None, **details: t.Any) -> dict:
        deadline = self._clock() + (self._patience if patience is None else patience)
        pause = 0.2
        while True:
            try:
                return self._once(method, path, **details)
            except CloudUnavailable:
                if self._clock() + pause > deadline:
                    raise
            self._sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _once(self, method: str, path: str, **details: t.Any) -> dict:
        what = f"{method} {path}"
        try:
            answer = self._adapter.request(path, method, raise_exc=False, timeout=self._timeout, **details)
        except keystone.ClientException as error:
            raise translated(error, what, self._name, self._api) from error
        answered, self._answered = self._answered, lambda: None
        answered()
        if answer.status_code in UNAVAILABLE:
            raise CloudUnavailable(
                f"the {self._api.service_type} API of cloud {self._name} is unavailable: HTTP {answer.status_code} to "
                f"{what}; check {' and '.join(sorted({self._api.program, 'keystone'}, reverse=True))}",
                sent=answer.status_code != 503,
            )
        if answer.status_code >= 400:
            raise refusal(answer.status_code, explanation_of(answer.text), what, self._name, self._api)
        try:
            return answer.json() if answer.text else {}
        except ValueError as error:
            raise CloudUnavailable(
                f"the {self._api.service_type} API of cloud {self._name} answered {what} with something else than "
                f"JSON; check what listens at its endpoint",
                sent=True,
            ) from error


def connect(params: dict[str, t.Any], microversion: str | None, api: Api = COMPUTE) -> Cloud:
    """An API of the cloud that the module's options, clouds.yaml and the environment describe.

    Nothing is sent yet: wrong credentials show at the first request. Raises AosError.
    """
    if IMPORT_ERROR:
        raise AosError(missing_required_lib("openstacksdk")) from IMPORT_ERROR
    wanted = {
        "region_name": params.get("region_name"),
        "interface": params.get("interface"),
        "verify": params.get("validate_certs"),
        "cacert": params.get("ca_cert"),
    }
    name = params.get("cloud") or os.environ.get("OS_CLOUD")
    try:
        region = openstack.config.OpenStackConfig().get_one(
            cloud=params.get("cloud"), **{key: value for key, value in wanted.items() if value is not None}
        )
        adapter = adapter_of(region, api, microversion)
        token = SharedToken(adapter.session.auth)
    except (openstack.exceptions.SDKException, keystone.ClientException, yaml.YAMLError, OSError) as error:
        raise AosError(configuration_remedy(name, error)) from error
    token.take()
    name = name or "from the OS_* variables"
    return Cloud(adapter, name, params["api_timeout"], params["api_patience"], answered=token.keep, api=api)


def adapter_of(region: t.Any, api: Api, microversion: str | None) -> Adapter:
    """keystoneauth's own adapter: openstacksdk's would negotiate versions and repeat requests by itself."""
    return Adapter(
        session=region.get_session(),
        service_type=region.get_service_type(api.service_type),
        service_name=region.get_service_name(api.service_type),
        interface=region.get_interface(api.service_type),
        region_name=region.get_region_name(api.service_type),
        endpoint_override=region.get_endpoint(api.service_type),
        version=api.version,
        default_microversion=microversion,
    )


def configuration_remedy(name: str | None, error: Exception) -> str:
    """The sentence for a configuration that openstacksdk refuses."""
    cause = " ".join(str(error).split())
    place = os.environ.get("OS_CLIENT_CONFIG_FILE")
    if place and not os.path.exists(place):
        return f"OS_CLIENT_CONFIG_FILE names {place}, which does not exist; correct the path or unset the variable"
    for file in [place] if place else openstack.config.loader.CONFIG_FILES:
        defect = why_unreadable(file)
        if defect:
            return f"{file} cannot be read: {defect}; correct it"
    where = place or "clouds.yaml in the current folder, ~/.config/openstack or /etc/openstack"
    if name and "not found" in cause:
        return f"cloud {name} is in no clouds.yaml; add it to {where}, or name another cloud"
    if name:
        return f"cloud {name} cannot be used: {cause}; correct its entry in {where}"
    return f"no cloud is configured: {cause}; name one by the option cloud or OS_CLOUD, or set the OS_* variables"


def why_unreadable(file: str) -> str:
    """Why an existing clouds.yaml cannot be used, which openstacksdk passes over; empty if it can."""
    if not os.path.exists(file):
        return ""
    try:
        with open(file, encoding="utf-8") as opened:
            yaml.safe_load(opened)
    except yaml.YAMLError as error:
        # only the place: the text itself may hold a password
        mark = getattr(error, "problem_mark", None)
        return f"it is not YAML (line {mark.line + 1})" if mark else "it is not YAML"
    except (OSError, UnicodeDecodeError) as error:
        return getattr(error, "strerror", None) or "it is not text"
    return ""


def translated(error: Exception, what: str, name: str, api: Api) -> AosError:
    """An error of keystoneauth as ours: its subject is the cloud, its remedy where to look."""
    cause = " ".join(str(error).split())
    if isinstance(error, keystone.Unauthorized):
        return CloudRefused(
            f"cloud {name} refuses the credentials: {cause}; correct user, password and project in clouds.yaml",
            401,
            cause,
        )
    if isinstance(error, (keystone.EndpointNotFound, keystone.EmptyCatalog)):
        return AosError(
            f"cloud {name} has no {api.service_type} endpoint for this region and interface: {cause}; "
            f"check region_name, interface and the service catalogue"
        )
    if isinstance(error, keystone.SSLError):
        return AosError(f"the certificate of cloud {name} is not trusted: {cause}; set ca_cert or validate_certs")
    if isinstance(error, keystone.HttpError) and not is_unavailable(error):
        status = getattr(error, "http_status", None) or 400
        return CloudRefused(f"cloud {name} refused {what}: {cause}", status, cause)
    if isinstance(error, (keystone.ConnectionError, keystone.HttpError, keystone.DiscoveryFailure)):
        return CloudUnavailable(
            f"cloud {name} cannot be reached for {what}: {cause}; check that the services run and answer here",
            sent=not never_sent(error),
        )
    return AosError(f"cloud {name} cannot be used for {what}: {cause}; check its entry in clouds.yaml")


def is_unavailable(error: Exception) -> bool:
    """Whether an HttpError raised while authenticating means a service that is down, not one that refuses."""
    return (getattr(error, "http_status", None) or 500) >= 500


def never_sent(error: BaseException | None) -> bool:
    """Whether no connection was made at all, so that the service cannot have acted on the request."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, (NewConnectionError, ConnectTimeoutError)):
            return True
        inner = getattr(error, "reason", None)
        if inner is None and error.args and isinstance(error.args[0], BaseException):
            inner = error.args[0]
        error = inner if isinstance(inner, BaseException) else (error.__cause__ or error.__context__)
    return False


def refusal(status: int, explanation: str, what: str, name: str, api: Api) -> AosError:
    """The error for an HTTP status that is not a matter of waiting."""
    if status == 401:
        return CloudRefused(
            f"cloud {name} refuses the credentials for {what}; correct user, password and project", 401, explanation
        )
    if status == 403:
        return CloudRefused(
            f"cloud {name} forbids {what}: {explanation}; the user needs the role admin", 403, explanation
        )
    if status >= 500:
        return CloudUnavailable(
            f"the {api.service_type} API of cloud {name} failed: HTTP {status} to {what}: {explanation}; "
            f"see {api.program}'s log",
            sent=True,
        )
    return CloudRefused(f"cloud {name} refused {what}: HTTP {status}: {explanation}", status, explanation)


def explanation_of(text: str) -> str:
    """What Nova says in an error's body: the message inside {"badRequest": {"message": ...}}."""
    try:
        body = json.loads(text)
        message = body["message"] if "message" in body else next(iter(body.values()))["message"]
    except (ValueError, TypeError, KeyError, AttributeError, StopIteration):
        message = text
    return " ".join(str(message).split())[:500] or "no explanation"
