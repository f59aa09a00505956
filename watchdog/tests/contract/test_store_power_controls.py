# SPDX-License-Identifier: GPL-3.0-or-later
"""What every store of power controls keeps, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_manager.domain.power import PowerControl, PowerLink, Secret
from cloud_manager.errors import BadInput
from cloud_manager.ports import PowerControls
from watchdog.tests.contract.conftest import Store

BMC = PowerControl("bmc-1", "ipmi", "192.0.2.11", 623, "admin", Secret("пароль 1"))
OTHER = replace(BMC, title="bmc-2", address="192.0.2.12", password=Secret("other"))


def test_the_control_of_a_host_comes_with_its_password_and_is_its_default(store: Store) -> None:
    controls = store.power_controls()
    controls.add(BMC)
    controls.link("compute-01", "bmc-1", None, default=False)
    assert store.power_controls().of("compute-01") == (PowerLink("compute-01", BMC, None, True, None),)


def test_a_host_without_a_link_has_no_controls(controls: PowerControls) -> None:
    controls.add(BMC)
    assert controls.of("compute-01") == ()
    assert controls.titles() == {}


def test_the_list_is_ordered_by_title_and_carries_no_password(controls: PowerControls) -> None:
    controls.add(OTHER)
    controls.add(BMC)
    controls.link("compute-01", "bmc-1", None, default=True)
    (first, links), (second, none) = controls.list()
    assert (first, second) == (replace(BMC, password=Secret("")), replace(OTHER, password=Secret("")))
    assert links == (PowerLink("compute-01", first, None, True, None),)
    assert none == ()


def test_the_default_control_comes_first_and_there_is_one_for_each_host(controls: PowerControls) -> None:
    controls.add(BMC)
    controls.add(OTHER)
    controls.link("compute-01", "bmc-1", None, default=False)
    controls.link("compute-01", "bmc-2", None, default=False)
    assert controls.titles() == {"compute-01": ("bmc-1", "bmc-2")}
    controls.link("compute-01", "bmc-2", None, default=True)
    assert controls.titles() == {"compute-01": ("bmc-2", "bmc-1")}
    assert [link.default for link in controls.of("compute-01")] == [True, False]


def test_a_successful_reading_is_remembered_with_its_time_also_when_the_default_changes(
    controls: PowerControls,
) -> None:
    controls.add(BMC)
    controls.add(OTHER)
    controls.link("compute-01", "bmc-1", None, default=True)
    controls.link("compute-01", "bmc-2", None, default=False)
    controls.verified("compute-01", "bmc-2", 1_700_000_000.25)
    controls.link("compute-01", "bmc-2", None, default=True)
    assert [link.verified_at for link in controls.of("compute-01")] == [1_700_000_000.25, None]


@pytest.mark.parametrize(
    ("control", "named"),
    [
        (BMC, "bmc-1 exists"),
        (replace(BMC, title=""), "title"),
        (replace(BMC, title="x" * 256), "title"),
        (replace(BMC, title="bmc-3", address=""), "bmc-3.*address"),
        (replace(BMC, title="bmc-3", username=""), "bmc-3.*username"),
        (replace(BMC, title="bmc-3", protocol="telnet"), "bmc-3.*telnet.*ipmi"),
        (replace(BMC, title="bmc-3", port=0), "bmc-3.*port 0"),
        (replace(BMC, title="bmc-3", port=65536), "bmc-3.*port 65536"),
    ],
)
def test_a_control_that_cannot_be_right_is_refused_by_name(
    controls: PowerControls, control: PowerControl, named: str
) -> None:
    controls.add(BMC)
    with pytest.raises(BadInput, match=named):
        controls.add(control)
    assert len(controls.list()) == 1


def test_titles_that_differ_only_in_case_are_two_controls(controls: PowerControls) -> None:
    controls.add(BMC)
    controls.add(replace(BMC, title="BMC-1", address="192.0.2.12"))
    assert [control.title for control, _ in controls.list()] == ["BMC-1", "bmc-1"]


@pytest.mark.parametrize(
    ("host", "title", "outlet", "named"),
    [
        ("compute-02", "nothing", None, "nothing is unknown"),
        ("compute-02", "bmc-1", None, "compute-01 already"),
        ("compute-01", "bmc-1", None, "compute-01 is linked to power control bmc-1 already"),
        ("compute-02", "bmc-2", 3, "bmc-2 .*no outlets"),
        ("", "bmc-2", None, "host name"),
        ("x" * 256, "bmc-2", None, "host name"),
    ],
)
def test_a_link_that_cannot_be_right_is_refused_by_name(
    controls: PowerControls, host: str, title: str, outlet: int | None, named: str
) -> None:
    controls.add(BMC)
    controls.add(OTHER)
    controls.link("compute-01", "bmc-1", None, default=True)
    with pytest.raises(BadInput, match=named):
        controls.link(host, title, outlet, default=False)
    assert controls.titles() == {"compute-01": ("bmc-1",)}


def test_a_reading_of_what_is_not_linked_is_refused_by_name(controls: PowerControls) -> None:
    with pytest.raises(BadInput, match="bmc-1"):
        controls.verified("compute-01", "bmc-1", 1.0)
    controls.add(BMC)
    with pytest.raises(BadInput, match="compute-01"):
        controls.verified("compute-01", "bmc-1", 1.0)
