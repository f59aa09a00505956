# SPDX-License-Identifier: GPL-3.0-or-later
"""One target: boot it, run programs in it, leave nothing of it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab import processes, requisites
from tests.lab.errors import LabError
from tests.lab.progress import Progress, wait
from tests.targets import cgroups, entering, rootfs
from tests.targets.plan import Plan

# The overlay is mounted where nobody else sees it: it is gone with the last process of the target, however that ends.
LAUNCH = """
root=$1 layers=$2 && shift 2
while [ "$1" != -- ]; do echo $$ >"$1" && shift; done
shift && mount -t overlay overlay -o "$layers" "$root" && exec "$@"
"""


class Target:
    """One target by its name; works on one made by another process too."""

    def __init__(self, plan: Plan, name: str) -> None:
        self.plan = plan
        self.name = name
        self.folder = plan.instance(name)
        self._cgroup = f"{plan.cgroup_prefix}{name}"

    def up(self, debian: str = "12", binds: Mapping[Path, str] | None = None, progress: Progress | None = None) -> None:
        """Make it from nothing and boot it; `binds` are folders and files of ours -> where it sees them, read-only."""
        progress = progress or Progress(quiet=True)
        satisfy(progress)
        lower = rootfs.made(self.plan.cache, debian, progress)
        with progress.step(f"{self.name}, Debian {debian}"):
            self.down()
            upper, work, root = (self.folder / part for part in ("upper", "work", "root"))
            for folder in (upper, upper / "etc", work, root):
                folder.mkdir(parents=True)
                # Two of them are the target's own / and /etc, whatever our umask is.
                folder.chmod(0o755)
            self.plan.folder.chmod(0o700)
            (upper / "etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n::1 localhost\n")
            layers = f"lowerdir={lower},upperdir={upper},workdir={work}"
            entries = [str(file) for file in cgroups.create(self._cgroup)]
            self._spawn(["sh", "-c", LAUNCH, "sh", str(root), layers, *entries, "--", *self._nspawn(root, binds or {})])
            self.wait_running()

    def down(self) -> None:
        """Leave nothing of it. Its power is cut: whatever it was doing is as lost as the target itself."""
        processes.stop_unit(str(self.plan.folder), self.name, grace=0)
        cgroups.remove(self._cgroup)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def leader(self) -> int:
        """The pid of its systemd, as this machine counts; 0 if it does not run."""
        return entering.leader(self.folder)

    @property
    def state(self) -> str:
        """What its systemd says: starting, running, degraded ...; off if it does not run."""
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() if self.leader else "off"

    def wait_running(self, timeout: float = 60) -> None:
        def settled() -> str:
            if not processes.alive(str(self.plan.folder), self.name, str(self.folder / entering.PID_FILE)):
                raise RuntimeError(f"target {self.name} died while it booted:\n{self._console()[-2000:]}")
            state = self.state
            return state if state in ("running", "degraded") else ""

        if wait(settled, timeout, f"target {self.name} to be running", every=0.05) == "degraded":
            failed = self.run("systemctl", "--failed", "--plain", "--no-legend", check=False).stdout
            raise RuntimeError(f"target {self.name} booted with failed units:\n{failed}")

    def command(self, *argv: str) -> list[str]:
        """What runs `argv` in it."""
        if not (leader := self.leader):
            raise LabError(f"target {self.name} does not run: boot it with `up {self.name}`")
        return entering.command(leader, argv)

    def run(self, *argv: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run it to its end; with `check` a failure raises with what was said."""
        done = subprocess.run(self.command(*argv), input=stdin, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{self.name}: {' '.join(argv)} exited with {done.returncode}: {done.stderr.strip()}")
        return done

    def _spawn(self, argv: Sequence[str]) -> None:
        processes.spawn(
            str(self.plan.folder),
            self.name,
            ["unshare", "--mount", "--propagation=private", *argv],
            pid_file=str(self.folder / entering.PID_FILE),
            log=str(self.folder / "console.log"),
            # Both releases want the unified hierarchy, whatever this machine's systemd uses.
            env={"SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
        )

    def _nspawn(self, root: Path, binds: Mapping[Path, str]) -> list[str]:
        return [
            "systemd-nspawn",
            "--quiet",
            f"--directory={root}",
            f"--machine={self.name}",
            "--boot",
            "--register=no",
            "--keep-unit",
            "--link-journal=no",
            "--resolv-conf=copy-host",
            "--timezone=off",
            *(f"--bind-ro={source}:{place}" for source, place in binds.items()),
        ]

    def _console(self) -> str:
        return (self.folder / "console.log").read_text(errors="replace")


def satisfy(progress: Progress) -> None:
    """Install what a machine with targets needs and lacks."""
    requisites.require_root()
    if missing := requisites.missing_packages(requisites.TARGET_PACKAGES):
        with progress.step(f"Debian packages {' '.join(missing)}"):
            requisites.install_packages(missing)


def down_all(plan: Plan) -> int:
    """Leave nothing of any target of the slot, however it was left; returns how many processes were ended."""
    found = processes.kill_lab(str(plan.folder))
    for name in cgroups.named(plan.cgroup_prefix):
        cgroups.remove(name)
    shutil.rmtree(plan.folder, ignore_errors=True)
    return found
