# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a target, by any Python 3 and from standard input: what an installation may change there, as JSON.

Prints {section: [line, ...]}: files (path, kind, owner, mode, and what it holds), packages, users, groups, units.
"""

import glob
import grp
import hashlib
import json
import os
import pwd
import stat
import subprocess
import sys
import tempfile

# Of /run and of the caches what bears our name: the rest is the running machine's.
ROOTS = (
    *("/etc", "/home", "/opt", "/root", "/srv", "/usr", "/var", tempfile.gettempdir()),
    *(place for folder in ("/run", "/var/cache") for place in glob.glob(f"{folder}/aos*")),
)
# What a running machine writes by itself, what the tools of its own passwd leave as backups, what programs cache, and
# Ansible's own folder.
PASSED_OVER = (
    "/etc/.pwd.lock",
    "/etc/machine-id",
    "/var/cache",
    "/var/lib/apt/lists",
    "/var/lib/dpkg",
    "/var/lib/logrotate",
    "/var/lib/systemd",
    "/var/log/journal",
    "/var/log/lastlog",
    "/var/log/wtmp",
    "/var/tmp",
    *(f"{pwd.getpwuid(0).pw_dir}/{name}" for name in (".ansible", ".cache")),
    *(f"/etc/{name}-" for name in ("group", "gshadow", "passwd", "shadow", "subgid", "subuid")),
)
# systemd's for a service that runs, and Ansible's of a module that was killed.
PASSING_FOLDERS = tuple(f"{tempfile.gettempdir()}/{name}" for name in ("ansible_", "systemd-private-"))
# Their lines stand in sections of their own; what passwords users have does not matter here.
HELD_ELSEWHERE = tuple(f"/etc/{name}" for name in ("group", "gshadow", "passwd", "shadow", "subgid", "subuid"))
# What is in these changes while the machine, or our watchdog, runs.
WRITTEN_ALWAYS = ("/run/", "/var/log/", "/var/lib/aos/")
# Started by who asks them, they end by themselves.
PASSING = ("systemd-hostnamed.service", "systemd-localed.service", "systemd-timedated.service")


def owner(found):
    """user:group by name, or by number where there is no name."""
    try:
        user = pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        user = str(found.st_uid)
    try:
        group = grp.getgrgid(found.st_gid).gr_name
    except KeyError:
        group = str(found.st_gid)
    return f"{user}:{group}"


def content(path, found):
    if stat.S_ISLNK(found.st_mode):
        return f" -> {os.readlink(path)}"
    if stat.S_ISREG(found.st_mode) and not path.startswith(WRITTEN_ALWAYS) and path not in HELD_ELSEWHERE:
        with open(path, "rb") as file:
            return f" {hashlib.sha256(file.read()).hexdigest()[:12]}"
    return ""


def line(path):
    found = os.lstat(path)
    return f"{path} {stat.filemode(found.st_mode)} {owner(found)}{content(path, found)}"


def passed_over(path):
    return path in PASSED_OVER or path.startswith(PASSING_FOLDERS)


def files():
    for root in ROOTS:
        yield line(root)
        for folder, names, plain in os.walk(root):
            names[:] = [n for n in names if n != "__pycache__" and not passed_over(f"{folder}/{n}")]
            for name in (*names, *plain):
                path = f"{folder}/{name}"
                if not passed_over(path):
                    yield line(path)


def printed(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout.splitlines()


def units():
    """Each unit file with its state, and each service that runs."""
    yield from (
        " ".join(line.split()[:2]) for line in printed("systemctl", "list-unit-files", "--no-legend", "--plain")
    )
    running = printed("systemctl", "list-units", "--type=service", "--state=running", "--no-legend", "--plain")
    yield from (f"{name} runs" for name in (line.split()[0] for line in running) if name not in PASSING)


state = {
    "files": sorted(files()),
    "packages": printed("dpkg-query", "--show"),
    "users": [f"{u.pw_name} {u.pw_gecos} {u.pw_dir} {u.pw_shell}" for u in pwd.getpwall()],
    "groups": [f"{g.gr_name} {','.join(g.gr_mem)}" for g in grp.getgrall()],
    "units": sorted(units()),
}
json.dump(state, sys.stdout)
