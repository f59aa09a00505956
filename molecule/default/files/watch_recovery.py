# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs in a target, as root: waits until a host is RECOVERED, and looks for passwords meanwhile and afterwards.

Arguments: the host, how many seconds it may take. Standard input: the passwords, a JSON list.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

KEPT = ("/var/lib/aos/cloud-manager", "/var/log", "/run/aos")


def main():
    host, seconds = sys.argv[1], float(sys.argv[2])
    passwords = [password.encode() for password in json.load(sys.stdin)]
    leaks = set()
    deadline = time.monotonic() + seconds
    while (state := watched(host, passwords, leaks)) != "RECOVERED":
        if time.monotonic() > deadline:
            sys.exit(f"{host} is {state or 'HEALTHY'} after {seconds} s")
    journal = subprocess.run(["journalctl", "--no-pager"], stdout=subprocess.PIPE, check=True).stdout
    if holds(journal, passwords):
        leaks.add("the journal")
    kept = (file for folder in KEPT for file in Path(folder).rglob("*") if file.is_file())
    leaks |= {str(file) for file in kept if holds(file.read_bytes(), passwords)}
    if leaks:
        sys.exit(f"passwords seen: {', '.join(sorted(leaks))}")


def watched(host, passwords, leaks):
    """The state of the host; all processes are looked at while it is asked for."""
    asked = subprocess.Popen(["aos-cloud-manager", "status", "--json"], stdout=subprocess.PIPE, text=True)
    while asked.poll() is None:
        for file in (*Path("/proc").glob("[0-9]*/cmdline"), *Path("/proc").glob("[0-9]*/environ")):
            try:
                if holds(file.read_bytes(), passwords):
                    leaks.add(f"{file.name} of {(file.parent / 'comm').read_text().strip()}")
            except OSError:
                pass  # it has ended
        time.sleep(0.1)
    hosts = {found["name"]: found["state"] for found in json.loads(asked.stdout.read())["hosts"]}
    return hosts.get(host, "")


def holds(content, passwords):
    return any(password in content for password in passwords)


main()
