#!/usr/bin/python
# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pxe_host
short_description: Choose what one host boots from the network
version_added: 0.1.0
author:
  - CloudManager contributors (@aos)
description:
  - Writes or removes the file that PXELINUX or GRUB fetches for one network card, below the root of a TFTP server.
  - Nothing is written unless the files that the host is to boot exist below that root.
  - The file is exchanged in one step, so a host that boots meanwhile gets the old one or the new one, whole.
extends_documentation_fragment:
  - aos.cloud_manager.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description: Name of the host, for the first line of the file and for messages.
    type: str
    required: true
  mac:
    description: Ethernet address of the network card that boots, in any usual notation.
    type: str
    required: true
  state:
    description:
      - V(local) boots from the host's own disk.
      - V(install) boots an installer, which is O(kernel) and O(initrd).
      - V(custom) boots any O(kernel), with or without O(initrd); with PXELINUX also a module, C(poweroff.c32) say.
      - V(absent) removes the file; the loader then goes on to its file for all hosts.
    type: str
    choices: [local, install, custom, absent]
    required: true
  loader:
    description: The boot loader that the DHCP server names.
    type: str
    choices: [pxelinux, grub]
    default: pxelinux
  root:
    description: The root of the TFTP server. It must exist.
    type: path
    default: /var/lib/tftpboot
  config_dir:
    description:
      - Folder below O(root) where the loader looks for its files. It must exist.
      - Without it C(pxelinux.cfg) or C(grub).
    type: str
  kernel:
    description: Path of the kernel below O(root).
    type: str
  initrd:
    description: Paths of the initial RAM disks below O(root), in their order.
    type: list
    elements: str
    default: []
  append:
    description:
      - Command line of the kernel, one line of printable ASCII, at most 2047 characters.
      - It is readable for everybody in the network, so it must not hold a secret.
      - For GRUB without quotes and backslashes.
    type: str
    default: ""
  mode:
    description:
      - Permission bits of the file, four octal digits with V(0) in front, in quotes.
      - TFTP servers want their files readable for all.
    type: str
    default: "0644"
notes:
  - It writes where it runs, so run it on the TFTP server, or where its root is mounted.
  - A symbolic link that leads out of O(root) is refused, for the file, its folder, O(kernel) and O(initrd).
seealso:
  - module: aos.cloud_manager.dhcp_lease_info
  - module: aos.cloud_manager.boot_device
"""

EXAMPLES = r"""
- name: Install a host at its next boot from the network
  aos.cloud_manager.pxe_host:
    name: compute-01.example.org
    mac: 52:54:00:aa:bb:01
    state: install
    kernel: debian/linux
    initrd: [debian/initrd.gz]
    append: auto=true priority=critical url=http://192.0.2.1/compute.cfg

- name: Let it boot from its disk
  aos.cloud_manager.pxe_host:
    name: compute-01.example.org
    mac: 52:54:00:aa:bb:01
    state: local
"""

RETURN = r"""
pxe:
  description: The file as it is after the run, or would be after one without check mode.
  returned: success
  type: dict
  contains:
    host:
      description: Name of the host.
      type: str
      sample: compute-01.example.org
    mac:
      description: Ethernet address in lower case with colons.
      type: str
      sample: 52:54:00:aa:bb:01
    path:
      description: The file.
      type: str
      sample: /var/lib/tftpboot/pxelinux.cfg/01-52-54-00-aa-bb-01
    state:
      description: What was asked for.
      type: str
      sample: install
    content:
      description: The text of the file, V(null) for V(absent).
      type: str
      sample: "# aos.cloud_manager.pxe_host: compute-01: local\nDEFAULT aos\nPROMPT 0\nLABEL aos\n  LOCALBOOT 0\n"
"""

import contextlib
import re
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.file_slot import Content, Slot
from ansible_collections.aos.cloud_manager.plugins.module_utils.pxe_config import (
    ABSENT,
    CUSTOM,
    FOLDERS,
    INSTALL,
    LOCAL,
    PXELINUX,
    Boot,
    content,
    file_name,
    network_card,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.pxe_folder import Root, relative_name
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, AosModule

ARGUMENTS: dict[str, t.Any] = {
    "name": {"type": "str", "required": True},
    "mac": {"type": "str", "required": True},
    "state": {"type": "str", "choices": [LOCAL, INSTALL, CUSTOM, ABSENT], "required": True},
    "loader": {"type": "str", "choices": list(FOLDERS), "default": PXELINUX},
    "root": {"type": "path", "default": "/var/lib/tftpboot"},
    "config_dir": {"type": "str"},
    "kernel": {"type": "str"},
    "initrd": {"type": "list", "elements": "str", "default": []},
    "append": {"type": "str", "default": ""},
    "mode": {"type": "str", "default": "0644"},
}


def run(params: dict[str, t.Any], check_mode: bool, _warn: t.Callable[[str], None]) -> dict[str, t.Any]:
    """Look, plan, write; returns what the module returns. Raises AosError."""
    try:
        return work(params, check_mode)
    except AosError as error:
        raise AosError(f"host {params['name']!r}: {error}") from error


def work(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """As run(), with errors that do not name the host."""
    mac = network_card(params["mac"])
    boot = Boot(
        params["name"],
        params["state"],
        relative_name(params["kernel"]) if params["kernel"] else "",
        tuple(relative_name(name) for name in params["initrd"]),
        params["append"],
    )
    root = Root(params["root"])
    for name in boot.files:
        root.require_file(name)
    wanted = Content()
    if boot.state != ABSENT:
        wanted = Content(content(params["loader"], boot), mode_bits(params["mode"]))
    folder = root.folder(params["config_dir"] or FOLDERS[params["loader"]])
    with contextlib.closing(Slot(folder, file_name(params["loader"], mac))) as slot:
        current = slot.read()
        if current != wanted and not check_mode:
            apply(slot, wanted)
    return {
        "changed": current != wanted,
        "pxe": {"host": boot.name, "mac": mac, "path": slot.path, "state": boot.state, "content": wanted.text},
        "diff": difference(slot.path, current, wanted),
    }


def mode_bits(text: str) -> int:
    """Return the permission bits of an octal number; raise an AosError.

    Without quotes YAML makes 420 of 0644: only the 0 in front tells that the digits are octal.
    """
    if not re.fullmatch(r"0[0-7]{3}", text):
        raise AosError(f"mode {text!r} is no octal number such as 0644; correct it, in quotes")
    return int(text, 8)


def apply(slot: Slot, wanted: Content) -> None:
    """Make the file so."""
    if wanted.text is None or wanted.mode is None:
        slot.remove()
    else:
        slot.write(wanted.text, wanted.mode)


def difference(path: str, current: Content, wanted: Content) -> dict[str, str]:
    """What diff mode shows; the mode only where it alone differs."""
    shown = {"before": current.text or "", "after": wanted.text or ""}
    if current.text == wanted.text and current.mode != wanted.mode:
        shown = {"before": f"mode {current.mode or 0:04o}\n", "after": f"mode {wanted.mode or 0:04o}\n"}
    return shown | {"before_header": path, "after_header": path}


def main() -> None:
    module = AosModule(ARGUMENTS, supports_check_mode=True)
    with module.errors_reported():
        module.exit_json(**run(module.params, module.check_mode, module.warn))


if __name__ == "__main__":
    main()
