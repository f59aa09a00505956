# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation import (
    LONGEST_DELAY,
    Settings,
    delay_of,
    needs_history,
    priority_of,
    was_stopped,
    why_left,
)
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.simulated_nova import a_server

SETTINGS = Settings(default_priority=5)


@pytest.mark.parametrize(("text", "priority"), [("10", 10), ("1", 1), ("0", 0), (" 7 ", 7)])
def test_a_priority_is_read_from_the_metadata(text: str, priority: int) -> None:
    server = a_server("web", metadata={"recovery_priority": text})
    assert priority_of(server, SETTINGS) == (priority, "")


@pytest.mark.parametrize("text", ["11", "-1", "high", "", "7.5", "1e1", "\x00", "9" * 5000])
def test_a_priority_that_is_none_becomes_the_default_and_is_warned_of(text: str) -> None:
    server = a_server("web", metadata={"recovery_priority": text})
    priority, warning = priority_of(server, SETTINGS)
    assert priority == 5
    assert "web" in warning
    assert "recovery_priority" in warning
    assert len(warning) < 300


def test_the_key_of_the_priority_can_be_chosen() -> None:
    server = a_server("web", metadata={"recovery_priority": "1", "ha": "9"})
    assert priority_of(server, Settings(priority_key="ha"))[0] == 9


@pytest.mark.parametrize(("text", "delay"), [("0", 0.0), ("30", 30.0), ("1.5", 1.5)])
def test_a_delay_is_read_from_the_metadata(text: str, delay: float) -> None:
    assert delay_of(a_server("web", metadata={"evacuation_delay": text}), SETTINGS) == (delay, "")


@pytest.mark.parametrize(("text", "used"), [("-5", 0), ("soon", 0), ("nan", 0), ("inf", 0), ("86400", LONGEST_DELAY)])
def test_a_delay_that_would_stop_the_recovery_is_bounded_and_warned_of(text: str, used: float) -> None:
    delay, warning = delay_of(a_server("web", metadata={"evacuation_delay": text}), SETTINGS)
    assert delay == used
    assert "evacuation_delay" in warning


@pytest.mark.parametrize(
    ("status", "priority", "settings", "part"),
    [
        ("BUILD", 5, SETTINGS, "never launched"),
        ("SOFT_DELETED", 5, SETTINGS, "deleted"),
        ("ACTIVE", 0, SETTINGS, "priority 0"),
        ("ACTIVE", 5, Settings(evacuate_image_backed=False), "image-backed"),
    ],
)
def test_a_server_that_is_left_has_a_reason(status: str, priority: int, settings: Settings, part: str) -> None:
    assert part in why_left(a_server("web", status, image_backed=True), priority, settings)


@pytest.mark.parametrize("status", ["ACTIVE", "SHUTOFF", "ERROR", "PAUSED", "SUSPENDED", "RESCUE", "VERIFY_RESIZE"])
def test_every_other_server_is_to_be_moved(status: str) -> None:
    assert why_left(a_server("web", status, image_backed=True), 1, SETTINGS) == ""


@pytest.mark.parametrize(
    ("status", "power_state", "actions", "stopped"),
    [
        ("SHUTOFF", 4, [], True),
        ("SHELVED", 4, [], True),
        ("ACTIVE", 1, ["create"], False),
        ("ACTIVE", 4, ["reboot", "create"], False),  # its guest went off by itself: Nova still calls it running
        ("ERROR", 4, ["evacuate", "stop", "create"], True),
        ("ERROR", 0, ["evacuate", "evacuate", "stop", "create"], True),
        ("ERROR", 0, ["evacuate", "start", "stop", "create"], False),
        ("ERROR", 1, ["create"], False),
        ("ERROR", 4, [], True),
        ("ACTIVE", 4, ["resetState", "evacuate", "stop", "create"], True),
        ("ACTIVE", 0, ["evacuate", "resetState", "stop", "create"], True),
        ("ACTIVE", 4, ["resetState", "evacuate", "create"], False),
        ("PAUSED", 3, ["pause", "create"], False),
        ("SUSPENDED", 4, ["suspend", "create"], False),
    ],
)
def test_what_was_powered_off_before_the_failure_is_known_whatever_happened_since(
    status: str, power_state: int, actions: list[str], stopped: bool
) -> None:
    assert was_stopped(a_server("web", status, power_state=power_state), actions) is stopped


def test_history_is_only_asked_for_where_the_status_does_not_tell() -> None:
    assert not needs_history(a_server("web", "ACTIVE"))
    assert not needs_history(a_server("web", "SHUTOFF"))
    assert needs_history(a_server("web", "ERROR"))
    assert needs_history(a_server("web", "ACTIVE", power_state=4))
