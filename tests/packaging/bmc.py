# SPDX-License-Identifier: GPL-3.0-or-later
"""A BMC on the loopback, powered on: `python bmc.py ADDRESS PORT USERNAME`, its password in BMC_PASSWORD."""

import os
import sys

from pyghmi.ipmi.bmc import Bmc

OPEN_SESSION_REQUEST = 0x10
SHA1 = 1
ILLEGAL_PARAMETER = 0x04


class PoweredOn(Bmc):
    """Answers what a chassis that is on answers; cipher suite 3 only, all that this server of pyghmi's can do."""

    def get_power_state(self) -> str:
        return "on"

    def sessionless_data(self, data: bytes, sockaddr: tuple[str, int]) -> None:
        """Refuse other suites as a real BMC does: IPMI 2.0, RMCP+ Open Session Response, status not zero."""
        packet = bytearray(data)
        rmcp_plus = len(packet) >= 44 and packet[4] == 6 and packet[5] == OPEN_SESSION_REQUEST
        if not rmcp_plus or (packet[28] == SHA1 and packet[36] == SHA1):
            super().sessionless_data(data, sockaddr)
            return
        refusal = bytes([packet[16], ILLEGAL_PARAMETER, 0, 0]) + bytes(packet[20:24])
        header = b"\x06\x00\xff\x07\x06\x11" + bytes(8) + len(refusal).to_bytes(2, "little")
        self.serversocket.sendto(header + refusal, sockaddr)


address, port, username = sys.argv[1:]
bmc = PoweredOn({username: os.environ["BMC_PASSWORD"]}, address=address, port=int(port))
print("listening", flush=True)
bmc.listen()
