# SPDX-License-Identifier: GPL-3.0-or-later
"""A reverse proxy of ours in front of sushy-emulator, for what that emulator cannot do: be a bad or another device.

Run as `redfish_front.py FOLDER ADDRESS TARGET_PORT`. FOLDER holds cert.pem and key.pem; the port goes to `front_port`,
method, path and reset type of every request to `front_log`. The file `front_fault` names a fault; with any other word
in it requests pass unchanged:
  stuck      a reset is answered with 204 and not passed on
  conflict   a reset is answered with 409 and not passed on, as iDRAC answers to what is so already
  hang_up    a reset closes the connection without an answer, not passed on
  cycling    the device also allows PowerCycle (which the emulator carries out as ForceRestart)
  forbidden  a reset is answered with 403
  babble     every answer is a page of HTML
  broken     every answer is 503
"""

from __future__ import annotations

import http.client
import json
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER, ADDRESS, TARGET_PORT = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
INSTEAD_OF_A_RESET = {"stuck": 204, "conflict": 409, "forbidden": 403}
UNVERIFIED = ssl._create_unverified_context()


class Front(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._handle(b"")

    def do_POST(self) -> None:
        self._handle(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_arguments: object) -> None: ...

    def _handle(self, body: bytes) -> None:
        with (FOLDER / "front_log").open("a") as log:
            wanted = json.loads(body)["ResetType"] if body else ""
            log.write(f"{self.command} {self.path} {wanted}".rstrip() + "\n")
        fault = (FOLDER / "front_fault").read_text()
        if fault == "babble":
            self._answer(200, b"<html>welcome</html>")
        elif fault == "broken":
            self._answer(503, b"")
        elif self.command == "POST" and fault == "hang_up":
            self.close_connection = True
        elif self.command == "POST" and fault in INSTEAD_OF_A_RESET:
            self._answer(INSTEAD_OF_A_RESET[fault], b"")
        elif fault == "cycling":
            status, answer = self._passed_on(body.replace(b"PowerCycle", b"ForceRestart"))
            self._answer(status, with_power_cycle(answer) if self.command == "GET" else answer)
        else:
            self._answer(*self._passed_on(body))

    def _passed_on(self, body: bytes) -> tuple[int, bytes]:
        target = http.client.HTTPSConnection(ADDRESS, TARGET_PORT, context=UNVERIFIED)
        headers = {name: self.headers[name] for name in ("Authorization", "Content-Type") if name in self.headers}
        target.request(self.command, self.path, body, headers)
        response = target.getresponse()
        return response.status, response.read()

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)


def with_power_cycle(body: bytes) -> bytes:
    document = json.loads(body)
    reset = document.get("Actions", {}).get("#ComputerSystem.Reset")
    if reset:
        reset["ResetType@Redfish.AllowableValues"].append("PowerCycle")
    return json.dumps(document).encode()


def main() -> None:
    server = ThreadingHTTPServer((ADDRESS, 0), Front)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER / "cert.pem", FOLDER / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    unfinished = FOLDER / "front_port.new"
    unfinished.write_text(str(server.server_port))
    unfinished.rename(FOLDER / "front_port")
    server.serve_forever()


main()
