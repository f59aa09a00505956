# SPDX-License-Identifier: GPL-3.0-or-later
"""Galaxy's own check of the tarball: `python -m tools.dev.galaxy` fails on whatever Galaxy would complain of.

What galaxy-importer wants beside the development environment lies in a folder of the cache, made once for each lock: it
wants a library in an older version than the other tools here.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.dev.collection import cache, copy_work_tree
from tools.dev.running import ROOT

LOCK = ROOT / "tests" / "galaxy-importer.lock"
PROGRAMS = ROOT / ".venv" / "bin"
DONE = "Importer processing completed successfully"
COMPLAINT = re.compile(r"^(WARNING|ERROR|CRITICAL)\b", re.MULTILINE)


def importer() -> Path:
    """Return the folder with galaxy-importer, making it where it is missing."""
    pythons = f"{sys.version_info.major}.{sys.version_info.minor}"
    name = hashlib.sha256(f"{pythons}\n{LOCK.read_text()}".encode()).hexdigest()[:12]
    whole = cache() / f"galaxy-importer-{name}"
    if not whole.is_dir():
        whole.parent.mkdir(parents=True, exist_ok=True)
        partly = Path(tempfile.mkdtemp(prefix="galaxy-importer-", dir=whole.parent))
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(partly), "-r", str(LOCK)]
        subprocess.run(pip, check=True)
        shutil.rmtree(whole, ignore_errors=True)
        partly.rename(whole)
    return whole


def tarball(folder: Path) -> Path:
    """Build the collection from a copy of the work tree; return the tarball's path."""
    copy = folder / "source"
    copy.mkdir()
    copy_work_tree(ROOT, copy)
    build = [str(PROGRAMS / "ansible-galaxy"), "collection", "build", "--output-path", str(folder)]
    subprocess.run(build, cwd=copy, check=True, stdout=subprocess.DEVNULL)
    (built,) = folder.glob("*.tar.gz")
    return built


def complaints(said: str) -> list[str]:
    """Return what galaxy-importer complains of in its output; that it did not come to its end is a complaint too."""
    found = [line for line in said.splitlines() if COMPLAINT.match(line)]
    return found if DONE in said else [*found, "galaxy-importer did not come to its end"]


def main() -> int:
    """Check the tarball; return 1 if Galaxy would complain."""
    with tempfile.TemporaryDirectory(prefix="aos-galaxy-") as name:
        folder = Path(name)
        environment = {
            "PYTHONPATH": str(importer()),
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
            "HOME": name,
            # The container of ansible-test's sanity is the step's first command, without one.
            "GALAXY_IMPORTER_RUN_ANSIBLE_TEST": "false",
        }
        done = subprocess.run(
            [sys.executable, "-m", "galaxy_importer.main", str(tarball(folder))],
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    print(done.stdout, end="")
    found = complaints(done.stdout)
    if found:
        print("\nGalaxy would complain:", *found, sep="\n  ")
    return 1 if found or done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
