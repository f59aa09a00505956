# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a boot loader's file for one network card, and its name (Syslinux: PXELINUX; GRUB manual: Network).

Both loaders ask for 01-aa-bb-cc-dd-ee-ff first: 01 is the hardware type of Ethernet, then the address in lower case.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ansible_collections.aos.cloud_manager.plugins.module_utils.leases import canonical_mac
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

PXELINUX = "pxelinux"
GRUB = "grub"
FOLDERS = {PXELINUX: "pxelinux.cfg", GRUB: "grub"}

LOCAL = "local"
INSTALL = "install"
CUSTOM = "custom"
ABSENT = "absent"

# Linux cuts the command line off at 2048 bytes on x86, with the zero at its end.
LONGEST_APPEND = 2047

_FILE_NAME = re.compile(r"[A-Za-z0-9._+@%=/-]+")
_GRUB_PLAIN = re.compile(r"[A-Za-z0-9_.,:/=+@%^-]+")
_GRUB_LOCAL = """\
if [ "$grub_platform" = "pc" ]; then
    set root=(hd0)
    chainloader +1
    boot
else
    exit 1
fi
"""


@dataclass(frozen=True, slots=True)
class Boot:
    """What a host boots. kernel, initrd: names below the TFTP root without a slash in front."""

    name: str
    state: str
    kernel: str = ""
    initrd: tuple[str, ...] = ()
    append: str = ""

    def __post_init__(self) -> None:
        printable("name", self.name)
        for file in self.files:
            if not _FILE_NAME.fullmatch(file):
                raise AosError(
                    f"file name {file!r} has characters that a boot loader may take for something else; "
                    "use letters, digits and . _ + @ % = / -"
                )
        printable("append", self.append)
        if len(self.append) > LONGEST_APPEND:
            raise AosError(f"append has {len(self.append)} characters, Linux takes {LONGEST_APPEND}; shorten it")
        self._check_state()

    @property
    def files(self) -> tuple[str, ...]:
        """The files that the boot loader fetches."""
        return (*((self.kernel,) if self.kernel else ()), *self.initrd)

    def _check_state(self) -> None:
        if self.state in (LOCAL, ABSENT):
            given = [key for key in ("kernel", "initrd", "append") if getattr(self, key)]
            if given:
                raise AosError(f"state {self.state} boots nothing from the network; remove {', '.join(given)}")
        elif not self.kernel:
            raise AosError(f"state {self.state} needs a kernel; give its path below the TFTP root")
        elif self.state == INSTALL and not self.initrd:
            raise AosError("state install needs an initrd, the installer's; use state custom for a kernel without one")


def printable(what: str, text: str) -> None:
    """Raise an AosError unless the text is one line of printable ASCII."""
    for character in text:
        if not " " <= character <= "~":
            raise AosError(f"{what} contains the character {character!r}; give one line of printable ASCII")


def network_card(mac: str) -> str:
    """Return the Ethernet address of one network card, with colons; raise an AosError."""
    address = canonical_mac(mac)
    if int(address[:2], 16) & 1 or address == "00:00:00:00:00:00":
        raise AosError(f"{mac} is no address of a network card (a group or zero address); correct the MAC address")
    return address


def file_name(loader: str, mac: str) -> str:
    """Return the name of the file for a canonical MAC address."""
    plain = f"01-{mac.replace(':', '-')}"
    return plain if loader == PXELINUX else f"grub.cfg-{plain}"


def content(loader: str, boot: Boot) -> str:
    """Return the file's text; raise an AosError for what this loader cannot be told."""
    heading = f"# aos.cloud_manager.pxe_host: {boot.name}: {boot.state}\n"
    return heading + (_pxelinux(boot) if loader == PXELINUX else _grub(boot))


def _pxelinux(boot: Boot) -> str:
    lines = ["DEFAULT aos", "PROMPT 0", "LABEL aos"]
    if boot.state == LOCAL:
        lines += ["  LOCALBOOT 0"]
    else:
        # A leading slash makes the names independent of the folder that pxelinux.0 was fetched from.
        lines += [f"  KERNEL /{boot.kernel}"]
        lines += ["  INITRD " + ",".join(f"/{name}" for name in boot.initrd)] if boot.initrd else []
        lines += [f"  APPEND {boot.append}"] if boot.append else []
    return "\n".join(lines) + "\n"


def _grub(boot: Boot) -> str:
    if boot.state == LOCAL:
        return _GRUB_LOCAL
    words = [_grub_word(word) for word in boot.append.split()]
    lines = [" ".join(["linux", f"/{boot.kernel}", *words])]
    lines += [" ".join(["initrd", *(f"/{name}" for name in boot.initrd)])] if boot.initrd else []
    return "\n".join([*lines, "boot"]) + "\n"


def _grub_word(word: str) -> str:
    for character in "'\"\\":
        if character in word:
            raise AosError(f"append contains {character}, which GRUB changes on its way to Linux; write it without")
    return word if _GRUB_PLAIN.fullmatch(word) else f"'{word}'"
