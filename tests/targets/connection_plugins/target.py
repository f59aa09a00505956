# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's way into a target: the namespaces of its systemd. For the tests only."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ansible.errors import AnsibleConnectionFailure, AnsibleFileNotFound
from ansible.module_utils.common.text.converters import to_bytes
from ansible.plugins.connection import ConnectionBase

from tests.targets import entering

DOCUMENTATION = """
name: target
short_description: run tasks in a target of tests/targets
description:
  - Enters the namespaces of the target's systemd, as root, without a server in the target.
author: CloudManager contributors
options:
  instance:
    description: The target's folder.
    type: path
    required: true
    vars:
      - name: ansible_target_instance
extends_documentation_fragment:
  - connection_pipelining
"""


class Connection(ConnectionBase):
    """Whatever ran in the target before, and whether it rebooted since: each command looks for it anew."""

    transport = "target"
    has_pipelining = True

    def _connect(self):
        return self

    def exec_command(self, cmd, in_data=None, sudoable=True):
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        done = subprocess.run(
            self._command("/bin/sh", "-c", cmd), input=to_bytes(in_data or b""), capture_output=True, check=False
        )
        return done.returncode, done.stdout, done.stderr

    def put_file(self, in_path, out_path):
        super().put_file(in_path, out_path)
        if not Path(in_path).is_file():
            raise AnsibleFileNotFound(f"there is no file {in_path} to copy to the target")
        with open(in_path, "rb") as source:
            self._copy(source, subprocess.PIPE, "/bin/dd", f"of={out_path}", "bs=1M", "status=none")

    def fetch_file(self, in_path, out_path):
        super().fetch_file(in_path, out_path)
        with open(out_path, "wb") as destination:
            self._copy(subprocess.DEVNULL, destination, "/bin/dd", f"if={in_path}", "bs=1M", "status=none")

    def close(self):
        self._connected = False

    def _command(self, *argv):
        folder = self.get_option("instance")
        if not (leader := entering.leader(Path(folder))):
            raise AnsibleConnectionFailure(f"no target runs in {folder}: boot it with `python -m tests.targets up`")
        return entering.command(leader, argv)

    def _copy(self, source, destination, *argv):
        done = subprocess.run(
            self._command(*argv), stdin=source, stdout=destination, stderr=subprocess.PIPE, check=False
        )
        if done.returncode:
            raise AnsibleConnectionFailure(f"{' '.join(argv)}: {done.stderr.decode(errors='replace').strip()}")
