# SPDX-License-Identifier: GPL-3.0-or-later
"""A program enters a target that runs, with the target's environment."""

from __future__ import annotations

import os

from tests.targets import entering


def test_there_is_no_leader_without_a_supervisor(tmp_path):
    assert entering.leader(tmp_path) == 0


def test_a_child_that_is_no_init_is_not_the_leader(tmp_path):
    (tmp_path / entering.PID_FILE).write_text(f"{os.getppid()}\n")
    assert entering.leader(tmp_path) == 0


def test_a_command_enters_all_namespaces_and_leaves_our_environment(monkeypatch):
    monkeypatch.setenv("AOS_SECRET", "ours")
    command = entering.command(42, ["id", "-u"])
    assert command[:3] == ["nsenter", "--target=42", "--all"]
    assert "--ignore-environment" in command
    assert command[-2:] == ["id", "-u"]
    assert not any("ours" in word for word in command)
