# SPDX-License-Identifier: GPL-3.0-or-later
"""`modbus_device.py FOLDER ADDRESS PORT UNIT`: pymodbus' server with the eight coils of an ET-7067.

FOLDER/<coil>: 1 or 0. commands: what was set. stuck: coils that accept and do nothing. answers: what the next readings
show, one a line, instead of the truth. exception: the code of the exception response to everything.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pymodbus.constants import ExcCodes
from pymodbus.server import StartTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

FOLDER = Path(sys.argv[1])
COILS = range(8)
READ_COILS = 1


def lines(name: str) -> list[str]:
    path = FOLDER / name
    return path.read_text().split() if path.exists() else []


async def access(
    function: int, _start: int, address: int, _count: int, registers: list[int], values: list[int] | list[bool] | None
) -> ExcCodes | None:
    """Make the server's register show the files, and the files what is written."""
    if lines("exception"):
        return ExcCodes(int(lines("exception")[0]))
    if address not in COILS:
        return ExcCodes.ILLEGAL_ADDRESS
    if values is not None:
        (value,) = values
        with (FOLDER / "commands").open("a") as commands:
            commands.write(f"{address} {int(value)}\n")
        if str(address) not in lines("stuck"):
            (FOLDER / str(address)).write_text(str(int(value)))
        return None
    registers[0] = sum(int((FOLDER / str(coil)).read_text()) << coil for coil in COILS)
    answers = lines("answers")
    if answers and function == READ_COILS:  # the server reads after a write too
        registers[0] = registers[0] & ~(1 << address) | int(answers[0]) << address
        (FOLDER / "answers").write_text("\n".join(answers[1:]))
    return None


if __name__ == "__main__":
    StartTcpServer(
        SimDevice(
            id=int(sys.argv[4]),
            simdata=[SimData(0, values=0, datatype=DataType.REGISTERS)],
            use_bit_addressing=True,
            action=access,
        ),
        address=(sys.argv[2], int(sys.argv[3])),
    )
