# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Power over Intel AMT: WS-Management (DMTF DSP0226) with HTTP digest, by requests.

Facts: the DMTF CIM schema for CIM_AssociatedPowerManagementService.PowerState and
CIM_PowerManagementService.RequestPowerStateChange (its PowerState and ReturnValue), the Intel AMT Implementation and
Reference Guide for the instances' names, the ports and which changes AMT knows.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import errno
import os
import typing as t
import uuid
from xml.etree import ElementTree
from xml.parsers import expat

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

try:
    import requests
    from requests.auth import HTTPDigestAuth
    from urllib3.exceptions import HTTPError

    HAS_REQUESTS = True
except ImportError:
    HAS_REQUESTS = False

OPTIONS = ("ca_cert", "scheme", "verify")
SCHEMES = {16992: "http", 16993: "https"}
LARGEST_ANSWER = 1 << 20

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
GET = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get"
CIM = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"
POWER = "CIM_AssociatedPowerManagementService"
SERVICE = "CIM_PowerManagementService"
PACKAGE = "CIM_ComputerSystemPackage"

# A sleeping host, also one in hibernation, goes on with the disks that it had.
STATES = {2: ON, 3: ON, 4: ON, 6: OFF, 7: ON, 8: OFF}
ACTIONS = {"on": 2, "off": 8, "soft_off": 12, "reset": 10, "cycle": 5}

ACCEPTED = (0, 4096)
RETURN_VALUES = {
    1: "not supported",
    2: "not possible in the present state",
    3: "not possible in time",
    4: "failed",
    5: "invalid parameter",
    6: "in use",
    16: "not permitted",
    4097: "invalid state transition",
    4099: "busy",
}
NOT_PERMITTED = 16

ENVELOPE = """\
<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="{SOAP}" xmlns:a="{ADDRESSING}" xmlns:w="{WSMAN}">
<s:Header>
<a:Action s:mustUnderstand="true">{action}</a:Action>
<a:To s:mustUnderstand="true">/wsman</a:To>
<w:ResourceURI s:mustUnderstand="true">{resource}</w:ResourceURI>
<a:MessageID s:mustUnderstand="true">uuid:{message}</a:MessageID>
<a:ReplyTo><a:Address>{ADDRESSING}/role/anonymous</a:Address></a:ReplyTo>
{selectors}</s:Header>
<s:Body>{body}</s:Body>
</s:Envelope>
"""
SELECTORS = """\
<w:SelectorSet>
<w:Selector Name="CreationClassName">CIM_PowerManagementService</w:Selector>
<w:Selector Name="Name">Intel(r) AMT Power Management Service</w:Selector>
<w:Selector Name="SystemCreationClassName">CIM_ComputerSystem</w:Selector>
<w:Selector Name="SystemName">Intel(r) AMT</w:Selector>
</w:SelectorSet>
"""
CHANGE = """\
<p:RequestPowerStateChange_INPUT xmlns:p="{service}">
<p:PowerState>{number}</p:PowerState>
<p:ManagedElement>
<a:Address>{ADDRESSING}/role/anonymous</a:Address>
<a:ReferenceParameters>
<w:ResourceURI>{CIM}CIM_ComputerSystem</w:ResourceURI>
<w:SelectorSet>
<w:Selector Name="CreationClassName">CIM_ComputerSystem</w:Selector>
<w:Selector Name="Name">ManagedSystem</w:Selector>
</w:SelectorSet>
</a:ReferenceParameters>
</p:ManagedElement>
</p:RequestPowerStateChange_INPUT>"""


class Amt(Driver):
    """The management engine of a host with Intel AMT, which switches that host. options: scheme, verify, ca_cert."""

    default_port = 16992

    def check(self, control: Control) -> None:
        if not HAS_REQUESTS:
            raise MissingLibrary("requests", reason=f"for protocol amt of {control}")
        if control.outlet is not None:
            raise AosError(f"{control}: protocol amt has no outlets; remove outlet")
        for kind, value in (("username", control.username), ("password", control.password)):
            if not value:
                raise AosError(f"{control} has no {kind}; set it in power_controls or in AOS_BMC_{kind.upper()}")
        if set(control.address) & set("/@?#\\ "):
            raise AosError(f"{control}: its address must be a name or an IP address, not a URL; correct it")
        _check_options(control)

    def read(self, control: Control, seconds: float) -> str:
        return _state(_number(_get(control, POWER, seconds), POWER, "PowerState"))

    def send(self, control: Control, action: str, seconds: float) -> None:
        service = CIM + SERVICE
        body = CHANGE.format(service=service, number=ACTIONS[action], ADDRESSING=ADDRESSING, CIM=CIM)
        answer = _post(control, f"{service}/RequestPowerStateChange", service, SELECTORS, body, seconds)
        value = _number(answer, SERVICE, "ReturnValue")
        if value not in ACCEPTED:
            raise _refusal(action, value)

    def identity(self, control: Control, seconds: float) -> str:
        """Return the system's UUID as SMBIOS tools on the host print it."""
        found = _text(_get(control, PACKAGE, seconds), PACKAGE, "PlatformGUID")
        try:
            # SMBIOS keeps the first three fields with the lowest byte first, AMT prints the bytes as they lie there.
            return str(uuid.UUID(bytes_le=bytes.fromhex(found)))
        except ValueError:
            raise ControlError(f"names its system {found[:80]!r}, which is no UUID", "update its firmware") from None


def _check_options(control: Control) -> None:
    options = control.options
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise AosError(f"{control}: protocol amt has no option {', '.join(unknown)}; there are {', '.join(OPTIONS)}")
    scheme = _scheme(control)
    if scheme not in SCHEMES.values():
        raise AosError(f"{control}: give the option scheme, http or https, which port {control.port} does not tell")
    if SCHEMES.get(control.port, scheme) != scheme:
        raise AosError(f"{control}: AMT does not speak {scheme} on port {control.port}; http is 16992, https 16993")
    if not isinstance(options.get("verify", True), bool):
        raise AosError(f"{control}: option verify is {options['verify']!r}, it must be true or false")
    if scheme == "http" and {"ca_cert", "verify"} & set(options):
        raise AosError(f"{control}: ca_cert and verify are for https; set port 16993 or remove them")
    if "ca_cert" in options:
        if options.get("verify") is False:
            raise AosError(f"{control}: ca_cert says to verify and verify says not to; remove one of them")
        if not isinstance(options["ca_cert"], str) or not os.path.isfile(options["ca_cert"]):
            raise AosError(f"{control}: ca_cert {options['ca_cert']} is no file here; correct it")


def _scheme(control: Control) -> str:
    return str(control.options.get("scheme", SCHEMES.get(control.port, "")))


def _state(number: int) -> str:
    if number not in STATES:
        raise ControlError(
            f"reports power state {number}, which is neither on nor off for certain",
            "read it again; if it stays so, look at the host",
        )
    return STATES[number]


def _refusal(action: str, value: int) -> ControlError:
    what = f"ReturnValue {value}, {RETURN_VALUES.get(value, 'not in the schema')}"
    if value == NOT_PERMITTED:
        return ControlError(f"refuses {action} ({what})", "give its user the realm Remote Control", final=True)
    if action == "soft_off":
        return ControlError(
            f"cannot soft_off this host now ({what})",
            "it needs Intel's Local Manageability Service in the host's operating system; otherwise switch it off",
            final=True,
        )
    # AMT also refuses to switch to the state that the host already has.
    return ControlError(
        f"refuses {action} ({what})", "end remote desktop and redirection sessions, then try again", refused=True
    )


def _get(control: Control, name: str, seconds: float) -> ElementTree.Element:
    return _post(control, GET, CIM + name, "", "", seconds)


def _post(
    control: Control, action: str, resource: str, selectors: str, body: str, seconds: float
) -> ElementTree.Element:
    """Return the envelope of the answer to one request; raise a ControlError for everything else.

    The first of the two requests of a digest login has no credentials, so an action is accepted once at most.
    """
    envelope = ENVELOPE.format(
        SOAP=SOAP,
        ADDRESSING=ADDRESSING,
        WSMAN=WSMAN,
        action=action,
        resource=resource,
        message=uuid.uuid4(),
        selectors=selectors,
        body=body,
    )
    status, content = _exchange(control, envelope.encode(), seconds)
    if status == 401:
        raise ControlError("refuses the login", "correct the username or password of this power control", final=True)
    if status == 403:
        raise ControlError("refuses the command", "give its user the realm Remote Control", final=True)
    try:
        answer = parsed(content)
    except (ElementTree.ParseError, expat.ExpatError, ValueError) as error:
        raise ControlError(
            f"answers with HTTP status {status} and no WS-Management ({error})", "check that AMT listens on this port"
        ) from error
    fault = answer.find(f"{{{SOAP}}}Body/{{{SOAP}}}Fault")
    if fault is not None:
        raise _fault(fault)
    if status != 200:
        raise ControlError(f"answers with HTTP status {status}", "try again; if it stays so, restart AMT")
    return answer


def _exchange(control: Control, envelope: bytes, seconds: float) -> tuple[int, bytes]:
    host = f"[{control.address}]" if ":" in control.address else control.address
    try:
        with requests.Session() as session:
            session.trust_env = False  # no proxy and no .netrc of the user's
            with session.post(
                f"{_scheme(control)}://{host}:{control.port}/wsman",
                data=envelope,
                headers={"Content-Type": "application/soap+xml;charset=UTF-8"},
                auth=HTTPDigestAuth(control.username, control.password),
                verify=control.options.get("ca_cert", control.options.get("verify", True)),
                timeout=max(0.1, seconds),
                allow_redirects=False,
                stream=True,
            ) as answer:
                content = answer.raw.read(LARGEST_ANSWER + 1, decode_content=True)
                return answer.status_code, t.cast(bytes, content)
    except requests.Timeout:
        raise NoAnswer(seconds) from None
    except requests.exceptions.SSLError as error:
        raise ControlError(
            f"has no trusted TLS ({_reason(error)})",
            "give the authority's certificate in the option ca_cert, or set verify: false",
            final=True,
        ) from error
    except (requests.RequestException, HTTPError, OSError) as error:
        raise _unreachable(error) from error


def _unreachable(error: Exception) -> ControlError:
    said = _reason(error)
    if "NameResolutionError" in repr(error) or "resolve" in said:
        return Unresolved(said)
    if getattr(_innermost(error), "errno", None) == errno.EHOSTUNREACH:
        return NoAnswer()
    if isinstance(error, HTTPError):
        return ControlError(f"sends an answer that breaks off ({said})", "try again; if it stays so, restart AMT")
    return ControlError(
        f"takes no connection ({said})", "check its address and port, its network and that AMT is set up"
    )


def _innermost(error: BaseException) -> BaseException:
    """Return the innermost cause: what urllib3 and requests wrap around it names objects, not reasons."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error


def _reason(error: BaseException) -> str:
    return str(_innermost(error))[:200]


def parsed(content: bytes) -> ElementTree.Element:
    """Return the root of an XML document; raise ValueError for one with a document type, which may define entities."""
    if len(content) > LARGEST_ANSWER:
        raise ValueError(f"more than {LARGEST_ANSWER} bytes")

    def refuse(*_declaration: object) -> t.NoReturn:
        raise ValueError("a document type declaration")

    look = expat.ParserCreate()
    look.StartDoctypeDeclHandler = refuse
    look.Parse(content, True)
    return ElementTree.fromstring(content)


def _fault(fault: ElementTree.Element) -> ControlError:
    codes = [(value.text or "").strip().rpartition(":")[2] for value in fault.iter(f"{{{SOAP}}}Value")]
    said = (fault.findtext(f"{{{SOAP}}}Reason/{{{SOAP}}}Text") or "").strip()[:200]
    what = ": ".join(part for part in (codes[-1] if codes else "Fault", said) if part)
    if "AccessDenied" in codes:
        return ControlError(f"refuses the command ({what})", "give its user the realm Remote Control", final=True)
    return ControlError(f"answers: {what}", "try again; if it stays so, update its firmware")


def _text(answer: ElementTree.Element, name: str, item: str) -> str:
    """Return the text of the only element `item` of the class `name`."""
    found = list(answer.iter(f"{{{CIM}{name}}}{item}"))
    if len(found) != 1:
        raise ControlError(f"sent {len(found)} values of {item}, not one", "update its firmware")
    return (found[0].text or "").strip()


def _number(answer: ElementTree.Element, name: str, item: str) -> int:
    text = _text(answer, name, item)
    if not (text.isascii() and text.isdigit()):
        raise ControlError(f"sent {item} {text[:80]!r}, which is no number", "update its firmware")
    return int(text)
