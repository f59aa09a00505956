# SPDX-License-Identifier: GPL-3.0-or-later
"""pyghmi's controller as a process, with boot flags kept whole: `pyghmi_bmc.py PASSWORD_FILE FLAGS_FILE ADDRESS PORT`.

FLAGS_FILE: what was set last, as hexadecimal digits of the bytes that follow the parameter's number. Files beside it:
`power`: on or off; `kg`: the controller's key; `stuck`: commands are accepted and not obeyed; `forgetful`: flags are
accepted and not kept; `simple`: other parameters than the flags are refused.
"""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

from pyghmi.ipmi import bmc
from pyghmi.ipmi.private import serversession

PROGRAM = Path(__file__)

NO_MATCHING_SUITE = 0x11
SHA1 = 1
UNSUPPORTED_PARAMETER = 0x80


class Session(serversession.ServerSession):
    """Refuses what it does not know; pyghmi's own answers suite 3 to every proposal."""

    def create_open_session_response(self, request: bytearray) -> bytearray:
        if request[12] != SHA1:
            return bytearray([request[0], NO_MATCHING_SUITE, 0, 0]) + request[4:8]
        answer: bytearray = super().create_open_session_response(request)
        return answer


class Controller(bmc.Bmc):
    flags_file: t.ClassVar[Path]

    def get_power_state(self) -> str:
        return self._beside("power").read_text()

    def power_on(self) -> None:
        self._become("on")

    def power_off(self) -> None:
        self._become("off")

    def power_shutdown(self) -> None:
        self._become("off")

    def power_reset(self) -> None:
        self._become("on")

    def power_cycle(self) -> None:
        self._become("on")

    def _become(self, state: str) -> None:
        if not self._beside("stuck").exists():
            self._beside("power").write_text(state)

    def _beside(self, name: str) -> Path:
        return self.flags_file.with_name(name)

    def set_system_boot_options(self, request: dict[str, t.Any], session: t.Any) -> None:
        parameter, *data = request["data"]
        if parameter != 5:
            simple = self._beside("simple").exists()
            session.send_ipmi_response(code=UNSUPPORTED_PARAMETER if simple else 0)
            return
        if not self._beside("forgetful").exists():
            self.flags_file.write_bytes(bytes(data).hex().encode())
        session.send_ipmi_response()

    def get_system_boot_options(self, request: dict[str, t.Any], session: t.Any) -> None:
        session.send_ipmi_response(data=[1, 5, *bytes.fromhex(self.flags_file.read_text())])


def main() -> None:
    password, flags, address, port = sys.argv[1:]
    Controller.flags_file = Path(flags)
    serversession.ServerSession = Session
    controller = Controller({"admin": Path(password).read_text()}, port=int(port), address=address)
    key = Controller.flags_file.with_name("kg")
    if key.exists():
        controller.set_kg(key.read_text())
    controller.listen()


if __name__ == "__main__":
    main()
