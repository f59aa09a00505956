# SPDX-License-Identifier: GPL-3.0-or-later
"""No file of the repository carries what belongs to one machine, or work put off."""

import re

import pytest

from tests.packaging.tree import ROOT
from tools.dev.collection import work_tree_files

# Put together here, so that this file does not match itself. The guide's own folder belongs to no machine.
FORBIDDEN = {
    "a path of one machine": "|".join(f"/{name}/" for name in ("work", "farm", "root", "home/[a-z]+"))
    + "|/"
    + r"tmp/(?!$|rollback/cloud_manager)\w",
    "a registry's address": r"(pypi|pythonhosted|npmjs|deb[.]debian)[.](org|com)",
    "work put off": r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b",
    "a private key": "BEGIN (RSA |EC |OPENSSH )?" + "PRIVATE KEY",
}


def committed_texts():
    """Return path -> text of the files that are not binary and not a link."""
    texts = {}
    for name in work_tree_files(ROOT):
        path = ROOT / name
        if path.is_symlink() or b"\0" in (content := path.read_bytes()):
            continue
        texts[name] = content.decode("utf-8")
    return texts


@pytest.mark.parametrize("pattern", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_no_file_holds(pattern):
    places = [
        f"{name}:{number}: {line.strip()}"
        for name, text in committed_texts().items()
        for number, line in enumerate(text.splitlines(), start=1)
        if re.search(pattern, line)
    ]
    assert not places, "\n".join(places)


def test_no_made_file_is_committed():
    made = [
        name for name in work_tree_files(ROOT) if re.search(r"\.(pyc|sqlite|db|log|pid|tar\.gz|whl|pem|key)$", name)
    ]
    assert not made
