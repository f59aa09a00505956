# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power over Redfish (DMTF DSP0266; ComputerSystem schema: PowerState and the action Reset), by sushy.

Every request carries HTTP Basic credentials: a Redfish session would outlive an exchange that is killed at its
deadline, and controllers hold few of them. A new connection and a new resource for each exchange: nothing is cached.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import socket
import ssl
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import (
    OFF,
    ON,
    Control,
    ControlError,
    Driver,
    NoAnswer,
    Unresolved,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, MissingLibrary

# PoweringOn, PoweringOff and Paused are neither: a host on its way is not off yet.
STATES = {"On": ON, "Off": OFF}
RESET_TYPES = {
    "on": "On",
    "off": "ForceOff",
    "soft_off": "GracefulShutdown",
    "reset": "ForceRestart",
    "cycle": "PowerCycle",
}

OPTIONS = ("ca_cert", "scheme", "system", "verify")
SCHEMES = ("https", "http")

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, CONFLICT, BAD_REQUEST = 401, 403, 404, 409, 400
LONGEST_QUOTE = 200

TRY_AGAIN = "try again; if it stays so, restart the controller"


class Redfish(Driver):
    """A management controller with a Redfish service. options: verify, ca_cert, scheme, system."""

    default_port = 443

    def check(self, control: Control) -> None:
        _sushy(control)
        for kind, value in (("username", control.username), ("password", control.password)):
            if not value:
                raise AosError(f"{control} has no {kind}; set it in power_controls or in AOS_BMC_{kind.upper()}")
        if ":" in control.username:
            raise AosError(f"{control}: its username contains a colon, which HTTP Basic cannot carry; correct it")
        if control.outlet is not None:
            raise AosError(f"{control}: protocol redfish has no outlets; remove outlet, or name a system in options")
        _check_options(control)

    def read(self, control: Control, seconds: float) -> str:
        with _errors_translated(control):
            return power_state(_system(control, seconds))

    def send(self, control: Control, action: str, seconds: float) -> None:
        with _errors_translated(control):
            system = _system(control, seconds)
            system.reset_system(_allowed_reset_type(system, action))

    def identity(self, control: Control, seconds: float) -> str:
        """Return the UUID of the system, else its serial number, else nothing; raise a ControlError."""
        with _errors_translated(control):
            system = _system(control, seconds)
            return real_uuid(system.uuid) or str(system.serial_number or "").strip()


def _sushy(control: Control | None = None) -> t.Any:
    """Return the library, imported on first use: a fifth of a second that other protocols need not pay.

    check() is the first use, so that the processes of the exchanges inherit it.
    """
    try:
        return importlib.import_module("sushy")
    except ImportError as error:
        raise MissingLibrary("sushy", reason=f"for protocol redfish of {control}") from error


def _check_options(control: Control) -> None:
    options = control.options
    unknown = ", ".join(sorted(set(options) - set(OPTIONS)))
    if unknown:
        raise AosError(f"{control}: protocol redfish has no option {unknown}; it has {', '.join(OPTIONS)}")
    if options.get("scheme", "https") not in SCHEMES:
        raise AosError(f"{control}: option scheme is {options['scheme']!r}, it must be {' or '.join(SCHEMES)}")
    if not isinstance(options.get("verify", True), bool):
        raise AosError(f"{control}: option verify is {options['verify']!r}, it must be true or false")
    system = options.get("system", "-")
    if isinstance(system, bool) or not isinstance(system, (int, str)) or not str(system).strip():
        raise AosError(f"{control}: option system is no system id; correct or remove it")
    tls = [name for name in ("ca_cert", "verify") if name in options]
    if options.get("scheme") == "http" and tls:
        raise AosError(f"{control}: option {tls[0]} has no meaning with scheme http; remove one of them")
    if "ca_cert" in options:
        if options.get("verify") is False:
            raise AosError(f"{control}: option ca_cert has no meaning with verify false; remove one of them")
        _check_certificates(control, options["ca_cert"])


def _check_certificates(control: Control, path: t.Any) -> None:
    if not isinstance(path, str) or not os.path.isfile(path):
        raise AosError(f"{control}: option ca_cert is {path!r}, which is no file on this machine; correct it")
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise AosError(f"{control}: option ca_cert {path} holds no certificate in PEM ({error}); correct it") from error


def _system(control: Control, seconds: float) -> t.Any:
    """Log in and return the system, read just now. Waits at most `seconds` for each answer."""
    sushy = _sushy(control)
    connector = sushy.connector.Connector(
        base_url(control),
        verify=control.options.get("ca_cert", control.options.get("verify", True)),
        # sushy sends a request again after a lost connection, also a reset, unless it may try just once.
        server_side_retries=1,
        default_request_timeout=seconds,
    )
    # Proxies, netrc and CA files of the environment are not meant for a controller.
    connector._session.trust_env = False
    # As bytes: text would be encoded as Latin-1, which cannot carry every password.
    credentials = sushy.auth.BasicAuth(control.username.encode(), control.password.encode())
    root = sushy.Sushy(base_url(control), connector=connector, auth=credentials)
    return root.get_system(chosen_system(root.get_system_collection().members_identities, control.options))


def base_url(control: Control) -> str:
    host = f"[{control.address}]" if ":" in control.address else control.address
    return f"{control.options.get('scheme', 'https')}://{host}:{control.port}"


def chosen_system(paths: t.Sequence[str], options: dict[str, t.Any]) -> str:
    """Return the path of the system that the options name, or of the only one there is."""
    by_id = {path.rstrip("/").rpartition("/")[2]: path for path in paths}
    known = ", ".join(sorted(by_id))
    if not by_id:
        raise ControlError("lists no system", "wait until the controller has started; if it stays so, update it")
    if "system" in options:
        wanted = str(options["system"])
        if wanted not in by_id:
            raise ControlError(f"has no system {wanted}, it has: {known}", "correct its option system", final=True)
        return by_id[wanted]
    if len(by_id) > 1:
        raise ControlError(f"has several systems: {known}", "name the host's one in its option system", final=True)
    return paths[0]


def power_state(system: t.Any) -> str:
    """Return ON or OFF; raise a ControlError for every state that is neither."""
    said = system.json.get("PowerState")
    if said not in STATES:
        raise ControlError(f"reads {_quoted(said)}, which is neither on nor off", "read it again later")
    return STATES[said]


def _allowed_reset_type(system: t.Any, action: str) -> t.Any:
    """Return sushy's name of the reset type; raise a ControlError that names those that the device allows."""
    wanted = RESET_TYPES[action]
    allowed = {reset_type.value: reset_type for reset_type in system.get_allowed_reset_system_values()}
    if wanted not in allowed:
        raise ControlError(
            f"cannot {action}: it does not allow {wanted}, only {', '.join(sorted(allowed))}",
            "choose another state",
            final=True,
        )
    return allowed[wanted]


def real_uuid(said: str | None) -> str:
    """Return the UUID in lower case, or nothing for one that a maker left blank (all digits 0 or f)."""
    uuid = str(said or "").strip().lower()
    return "" if len(set(uuid) - {"-"}) < 2 else uuid


@contextlib.contextmanager
def _errors_translated(control: Control) -> t.Iterator[None]:
    try:
        yield
    except (_sushy().exceptions.SushyError, ValueError) as error:
        raise translated(error, control) from error


def translated(error: BaseException, control: Control) -> ControlError:
    """Return the error for what sushy raised. ValueError: the answer is no JSON."""
    exceptions = _sushy().exceptions
    if isinstance(error, exceptions.ConnectionError):
        return _unconnected(error, control)
    if isinstance(error, exceptions.HTTPError):
        return _refused(error)
    if isinstance(error, exceptions.SushyError):
        return ControlError(f"answers: {_quoted(error)}", "update or restart the controller")
    return ControlError(
        "answers something that is not Redfish", "check its address and port; if they are right, restart the controller"
    )


def _unconnected(error: BaseException, control: Control) -> ControlError:
    causes = list(_causes(error))
    untrusted = next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None)
    if untrusted is not None:
        return ControlError(
            f"shows a certificate that is not trusted ({untrusted.verify_message})",
            "give the file of its CA in option ca_cert, or give it a certificate for its address "
            "(verify: false trusts anybody)",
            final=True,
        )
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return ControlError(
            "does not complete the TLS handshake", f"check that port {control.port} is its HTTPS port and update it"
        )
    unresolved = next((cause for cause in causes if isinstance(cause, socket.gaierror)), None)
    if unresolved is not None:
        return Unresolved(str(unresolved.strerror))
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return ControlError(
            f"refuses connections to port {control.port}", "enable its Redfish service, or correct address or port"
        )
    if any(isinstance(cause, ConnectionResetError) for cause in causes):
        return ControlError("breaks the connection off", TRY_AGAIN)
    return NoAnswer()


def _causes(error: BaseException) -> t.Iterator[BaseException]:
    """Yield the error and all that it wraps: causes, contexts and errors given as arguments or `reason`."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inside = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
        waiting += [cause for cause in inside if isinstance(cause, BaseException)]


def _refused(error: t.Any) -> ControlError:
    """Return the error for an HTTP status of 400 and more."""
    said = f"HTTP {error.status_code}" + (f": {_quoted(error.detail)}" if error.detail else "")
    if error.status_code == UNAUTHORIZED:
        return ControlError(
            f"refuses the login ({said})",
            "correct the username or password of this power control, or allow HTTP Basic at the controller",
            final=True,
        )
    if error.status_code == FORBIDDEN:
        return ControlError(f"refuses the request ({said})", "give its user the role Operator or higher", final=True)
    if error.status_code == NOT_FOUND:
        return ControlError(
            "has no Redfish service, or not all of it (HTTP 404)", "enable it at the controller or correct the address"
        )
    # iDRAC answers 409 to ForceOff of a host that is off, iLO 400 (InvalidOperationForSystemState).
    return ControlError(f"answers {said}", TRY_AGAIN, refused=error.status_code in (BAD_REQUEST, CONFLICT))


def _quoted(said: object) -> str:
    """Return what a device said on one line of bounded length."""
    return " ".join(str(said).split())[:LONGEST_QUOTE]
