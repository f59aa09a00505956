# SPDX-License-Identifier: GPL-3.0-or-later
"""A management engine with Intel AMT, as far as power goes; this project's own, no real one was at hand.

Written from public documents: RFC 7616 (digest with MD5), DMTF DSP0226 (WS-Management: headers, faults), DSP1027 and
the CIM schema (power states, ReturnValue, which ManagedElement), Intel AMT Implementation and Reference Guide (realm,
instance names, ports 16992 and 16993, graceful changes only with the LMS in the operating system).

Runs as a program: `amt_simulator.py FOLDER PORT`. Files in FOLDER: `power` (the PowerState), `password`, `stuck`,
`deaf`, `no_lms`, `reply` (status line and body, instead of the answer), `answers` (states the next readings show),
`requests` (what was asked, one a line), `tls.pem` (certificate and key: serves https).
"""

from __future__ import annotations

import hashlib
import re
import secrets
import ssl
import sys
import threading
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.etree import ElementTree

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
USERNAME = "admin"
REALM = "Digest:A3829B3827DE4D33D4449B366831FD01"
GUID = "ADA34B5B2E8D3C4D9F0E0C8F54A1D2E3"
SOAP = "{http://www.w3.org/2003/05/soap-envelope}"
ADDRESSING = "{http://schemas.xmlsoap.org/ws/2004/08/addressing}"
WSMAN = "{http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd}"
CIM = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"
GET = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Get"
SERVICE = "CIM_PowerManagementService"
KEYS = {
    "CreationClassName": SERVICE,
    "Name": "Intel(r) AMT Power Management Service",
    "SystemCreationClassName": "CIM_ComputerSystem",
    "SystemName": "Intel(r) AMT",
}
ANSWER = """<?xml version="1.0" encoding="UTF-8"?>
<a:Envelope xmlns:a="http://www.w3.org/2003/05/soap-envelope" \
xmlns:b="http://schemas.xmlsoap.org/ws/2004/08/addressing" \
xmlns:c="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd" xmlns:g="{resource}"><a:Header>\
<b:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</b:To><b:RelatesTo>{to}</b:RelatesTo>\
<b:Action a:mustUnderstand="true">{action}</b:Action>\
<b:MessageID>uuid:00000000-8086-8086-8086-000000000001</b:MessageID>\
<c:ResourceURI>{resource}</c:ResourceURI></a:Header><a:Body>{body}</a:Body></a:Envelope>"""
FAULT = """<a:Fault xmlns:e="http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"><a:Code><a:Value>a:Sender</a:Value>\
<a:Subcode><a:Value>{code}</a:Value></a:Subcode></a:Code><a:Reason><a:Text xml:lang="en-US">{reason}</a:Text>\
</a:Reason></a:Fault>"""
ON, OFF, SLEEP, HIBERNATE = 2, 8, 4, 7
NOT_READY = 2
CYCLE_SECONDS = 0.5
nonces: set[str] = set()


class Fault(Exception):
    """code: the SOAP subcode. reason: the text."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Intel(R) Active Management Technology 12.0.24.1314"
    sys_version = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path != "/wsman":
            self._reply(404, "")
        elif not self._logged_in():
            nonces.add(nonce := secrets.token_hex(16))
            challenge = f'Digest realm="{REALM}", nonce="{nonce}",stale="false",qop="auth"'
            self._reply(401, "<html><body>Unauthorized</body></html>", {"WWW-Authenticate": challenge})
        elif (FOLDER / "reply").exists():
            status, _, text = (FOLDER / "reply").read_text().partition("\n")
            self._reply(int(status), text)
        else:
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        envelope = ElementTree.fromstring(body)
        header, content = envelope.find(f"{SOAP}Header"), envelope.find(f"{SOAP}Body")
        action = header.findtext(f"{ADDRESSING}Action")
        resource = header.findtext(f"{WSMAN}ResourceURI")
        about = {"resource": resource, "to": header.findtext(f"{ADDRESSING}MessageID")}
        try:
            answer = invoke(header, content) if action == f"{CIM}{SERVICE}/RequestPowerStateChange" else get(resource)
            self._reply(200, ANSWER.format(action=f"{action}Response", body=answer, **about))
        except Fault as fault:
            text = FAULT.format(code=fault.code, reason=fault)
            self._reply(
                400, ANSWER.format(action="http://schemas.dmtf.org/wbem/wsman/1/wsman/fault", body=text, **about)
            )

    def _logged_in(self) -> bool:
        scheme, _, rest = self.headers.get("Authorization", "").partition(" ")
        found = {name: quoted or plain for name, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', rest)}
        if scheme != "Digest" or found.get("nonce") not in nonces or found.get("uri") != self.path:
            return False
        password = (FOLDER / "password").read_text()
        parts = (f"{USERNAME}:{REALM}:{password}", f"POST:{self.path}")
        first, second = (hashlib.md5(part.encode()).hexdigest() for part in parts)
        proof = ":".join((first, found["nonce"], found["nc"], found["cnonce"], "auth", second))
        return found["username"] == USERNAME and found["response"] == hashlib.md5(proof.encode()).hexdigest()

    def _reply(self, status: int, text: str, headers: t.Mapping[str, str] = {}) -> None:
        self.send_response(status)
        kind = "text/html" if text.startswith("<html") else "application/soap+xml; charset=UTF-8"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(text.encode())), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_arguments: object) -> None:
        pass


def get(resource: str) -> str:
    if resource == f"{CIM}CIM_AssociatedPowerManagementService":
        note("get")
        state = shown()
        return (
            "<g:CIM_AssociatedPowerManagementService><g:AvailableRequestedPowerStates>2</g:AvailableRequestedPowerStates>"
            f"<g:PowerState>{state}</g:PowerState><g:RequestedPowerState>8</g:RequestedPowerState>"
            "</g:CIM_AssociatedPowerManagementService>"
        )
    if resource == f"{CIM}CIM_ComputerSystemPackage":
        return f"<g:CIM_ComputerSystemPackage><g:PlatformGUID>{GUID}</g:PlatformGUID></g:CIM_ComputerSystemPackage>"
    raise Fault("b:DestinationUnreachable", "No route can be determined to reach the destination role.")


def invoke(header: ElementTree.Element, content: ElementTree.Element) -> str:
    selectors = {node.get("Name"): node.text for node in header.iter(f"{WSMAN}Selector")}
    if any(KEYS.get(name) != value for name, value in selectors.items()):
        raise Fault("e:InvalidSelectors", "The Selectors for the resource were not valid.")
    name = f"{{{CIM}{SERVICE}}}"
    element = content.find(f"{name}RequestPowerStateChange_INPUT/{name}ManagedElement")
    target = element is not None and [node.text for node in element.iter(f"{WSMAN}Selector")]
    number = int(content.findtext(f"{name}RequestPowerStateChange_INPUT/{name}PowerState") or 0)
    note(f"change {number}")
    value = change(number) if target and "ManagedSystem" in target else NOT_READY
    return (
        f"<g:RequestPowerStateChange_OUTPUT><g:ReturnValue>{value}</g:ReturnValue></g:RequestPowerStateChange_OUTPUT>"
    )


def change(number: int) -> int:
    """Change the state; return what the method returns."""
    state = int((FOLDER / "power").read_text())
    graceful = number in (12, 14)
    off = state in (6, OFF)
    if number not in (2, 5, 8, 10, 12) or off != (number == 2 and state not in (SLEEP, HIBERNATE)):
        return NOT_READY
    if graceful and (FOLDER / "no_lms").exists():
        return NOT_READY
    if (FOLDER / "stuck").exists() or (graceful and (FOLDER / "deaf").exists()):
        return 0
    become({2: ON, 5: OFF, 8: OFF, 10: ON, 12: OFF}[number])
    if number == 5:
        threading.Timer(CYCLE_SECONDS, become, [ON]).start()
    return 0


def become(state: int) -> None:
    (FOLDER / "power").write_text(str(state))


def shown() -> str:
    """Return the state that this reading shows."""
    scripted = (FOLDER / "answers").read_text().split() if (FOLDER / "answers").exists() else []
    if not scripted:
        return (FOLDER / "power").read_text()
    (FOLDER / "answers").write_text(" ".join(scripted[1:]))
    return scripted[0]


def note(line: str) -> None:
    with (FOLDER / "requests").open("a") as requests:
        requests.write(f"{line}\n")


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler)
    if (FOLDER / "tls.pem").exists():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(FOLDER / "tls.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    (FOLDER / "port").write_text(str(server.server_port))
    server.serve_forever()


if __name__ == "__main__":
    main()
