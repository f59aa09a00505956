# SPDX-License-Identifier: GPL-3.0-or-later
"""Four hosts are parted from the network at once and run on, each with something else the matter with its controls.

FED has a frozen BMC, and a relay board that feeds it. FROZEN has both, and both are frozen. REPLACED has another BMC
than was recorded. MISTAKEN has the address and the password of the BMC of INNOCENT, which is sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e import scenes
from tests.e2e.conftest import MakeWatchdog
from tests.e2e.scenes import HOST
from tests.e2e.supply import OUTLETS, Supply
from tests.e2e.watchdog import Watchdog
from tests.lab.client import Lab

FED, FROZEN, REPLACED, MISTAKEN, INNOCENT = (f"compute-{number:02d}" for number in range(1, 6))
PARTED = (FED, FROZEN, REPLACED, MISTAKEN)
STRANGERS = pytest.mark.parametrize("host", [REPLACED, MISTAKEN])
OUTLET_OF = {FED: 3, FROZEN: 5}


@dataclass(frozen=True)
class Site:
    """recorded, told: host -> the identity of its BMC, and of the one that answers instead of it."""

    lab: Lab
    watchdog: Watchdog
    boards: dict[str, Supply]
    servers: dict[str, list[str]]
    recorded: dict[str, str]
    told: dict[str, str]
    failed_at: float

    def bmc(self, host: str) -> str:
        """Title of its control."""
        return str(self.lab.bmc_control(host)["title"])

    def untouched(self, host: str) -> list[str]:
        done = scenes.untouched(self.lab, host, self.failed_at, self.servers[host])
        return done if self.lab.compute_alive(host) else [*done, "it is off"]


@dataclass(frozen=True)
class Held:
    """line: of `status` while the host was held. printed: by `incidents`. done: what was done to the host, in words."""

    line: str
    printed: str
    done: list[str]


@pytest.fixture(scope="module")
def boards(scene: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Supply]]:
    """Host -> the relay board that feeds it."""
    made: dict[str, Supply] = {}
    try:
        for number, (host, outlet) in enumerate(OUTLET_OF.items(), 1):
            address = f"127.0.{20 + scene.plan.slot}.{200 + number}"  # no BMC's
            folder = tmp_path_factory.mktemp(f"board-{number}")
            made[host] = Supply(scene, folder, f"board-{number}", address, {outlet: host})
        yield made
    finally:
        for board in made.values():
            board.close()


@pytest.fixture(scope="module")
def site(scene: Lab, watchdogs: MakeWatchdog, boards: dict[str, Supply]) -> Site:
    """All is made known while it is sound."""
    watchdog = watchdogs(node_tracker={"max_down_hosts": 4}, executor={"max_jobs": 4})
    servers = scenes.boot_on(scene, PARTED, 2)
    watchdog.link(*PARTED)
    for host, board in boards.items():
        watchdog.know(board.item(), "--outlets", OUTLETS)
        watchdog.command("power-control", "link", host, board.title, "--outlet", OUTLET_OF[host])
    recorded = {host: str(scene.bmc_of(host).guid) for host in (REPLACED, MISTAKEN)}
    for host in recorded:
        watchdog.command("power-control", "initialise", scene.bmc_control(host)["title"])

    scene.bmc(FED, "frozen")
    scene.bmc(FROZEN, "frozen")
    boards[FROZEN].fault("silent")
    scene.bmc(REPLACED, "replaced")
    readdress(watchdog, MISTAKEN, INNOCENT)
    told = {REPLACED: str(scene.bmc_of(REPLACED).guid), MISTAKEN: str(scene.bmc_of(INNOCENT).guid)}

    watchdog.start()
    failed_at = min([scenes.cut(scene, host) for host in PARTED])
    return Site(scene, watchdog, boards, servers, recorded, told, failed_at)


def readdress(watchdog: Watchdog, host: str, to: str) -> None:
    """Let the host's control be at the address, with the password, of this host's BMC."""
    title, right = watchdog.lab.bmc_control(host)["title"], watchdog.lab.bmc_control(to)
    watchdog.command(
        "power-control", "set", title, "--address", right["address"], "--new-password",
        environment={"AOS_BMC_PASSWORD": right["password"]},
    )  # fmt: skip


@pytest.fixture(scope="module")
def recovered(site: Site) -> str:
    """What `incidents` prints of FED."""
    site.watchdog.wait_state(FED, "RECOVERED", 180)
    return site.watchdog.told(site.watchdog.incident(FED))


@pytest.fixture(scope="module")
def frozen(site: Site) -> Held:
    return held_with(site, FROZEN, "is not confirmed off by any of its power controls")


@pytest.fixture(scope="module")
def refused(site: Site) -> dict[str, Held]:
    return {host: held_with(site, host, site.recorded[host], site.told[host]) for host in site.told}


@pytest.fixture(scope="module")
def corrected(recovered: str, frozen: Held, refused: dict[str, Held], site: Site) -> Site:
    """The new BMC was looked at and is recorded anew; the other gets its own address again."""
    site.watchdog.command("power-control", "initialise", site.bmc(REPLACED), "--forget-identity")
    readdress(site.watchdog, MISTAKEN, MISTAKEN)
    for host in site.told:
        site.watchdog.wait_state(host, "RECOVERED", 180)
    return site


def held_with(site: Site, host: str, *words: str) -> Held:
    """Wait for the host to be held with these words, and then for some cycles."""
    watchdog = site.watchdog

    def line() -> str:
        """It is not held while another attempt is made."""
        assert watchdog.state(host) != "RECOVERED", f"{host} was recovered:\n{watchdog.story()}"
        if any(word not in watchdog.journal.reason(host) for word in words):
            return ""
        found = [line for line in watchdog.command("status").splitlines() if line.startswith(f"  {host}: ")]
        return next((line for line in found if all(word in line for word in words)), "")

    seen = watchdog.wait(line, 180, f"{host} to be held with {words}")
    watchdog.wait_cycles(3)
    return Held(seen, watchdog.told(watchdog.incident(host)), site.untouched(host))


def moved(site: Site, host: str) -> bool:
    now = scenes.servers(site.lab)
    places = {(now[server]["status"], now[server][HOST]) for server in site.servers[host]}
    return {status for status, _ in places} == {"ACTIVE"} and not {place for _, place in places} & set(PARTED)


def test_where_the_first_control_is_frozen_the_second_cuts_the_power_and_the_servers_move(
    recovered: str, site: Site
) -> None:
    assert site.boards[FED].commands()[0] == f"{site.boards[FED].relay(OUTLET_OF[FED])} 0"
    assert not site.lab.compute_alive(FED)
    assert moved(site, FED)


def test_the_host_was_dead_before_its_first_evacuation_was_requested(recovered: str, site: Site) -> None:
    [dead_at] = [at for at, operation, _ in site.lab.chassis_log(FED) if operation == "dead" and at > site.failed_at]
    assert dead_at < min(move["requested_at"] for move in site.watchdog.moves(FED).values())


def test_both_attempts_are_in_the_timeline_the_first_with_its_reason(recovered: str, site: Site) -> None:
    first = recovered.index(f"power control {site.bmc(FED)} did not confirm power-off (UNKNOWN): host {FED}: ")
    second = recovered.index(f"power control {site.boards[FED].title} confirmed power-off by ", first)
    assert " gave no answer within " in recovered[first:second]
    assert "evacuation complete" in recovered[second:]


def test_with_both_frozen_the_host_runs_on_and_keeps_its_servers(frozen: Held) -> None:
    assert frozen.done == []


def test_with_both_frozen_the_hold_names_both(frozen: Held, site: Site) -> None:
    for title in (site.bmc(FROZEN), site.boards[FROZEN].title):
        assert f"power control {title} (" in frozen.line
        assert f"power control {title} did not confirm power-off (UNKNOWN): " in frozen.printed


@STRANGERS
def test_a_host_whose_control_is_another_than_was_recorded_runs_on_and_keeps_its_servers(
    refused: dict[str, Held], host: str
) -> None:
    assert refused[host].done == []


@STRANGERS
def test_the_hold_names_the_identity_that_was_recorded_and_the_one_that_is_told(
    refused: dict[str, Held], site: Site, host: str
) -> None:
    words = f"it tells identity {site.told[host]}, recorded is {site.recorded[host]}; nothing was sent"
    assert f"power control {site.bmc(host)} did not confirm power-off (UNKNOWN): " in refused[host].line
    assert words in refused[host].line
    assert f"power-control initialise '{site.bmc(host)}' --forget-identity" in refused[host].line
    assert words in refused[host].printed


@STRANGERS
def test_recovery_goes_on_once_an_operator_has_corrected_the_control(corrected: Site, host: str) -> None:
    assert not corrected.lab.compute_alive(host)
    assert moved(corrected, host)


def test_the_host_whose_bmc_was_taken_for_that_of_another_was_never_switched(corrected: Site) -> None:
    assert scenes.commands(corrected.lab, INNOCENT, corrected.failed_at) == []
    assert corrected.lab.power(INNOCENT, "status") == "Chassis Power is on"
    assert corrected.lab.compute_alive(INNOCENT)


def test_with_both_frozen_nothing_happens_while_others_are_recovered(corrected: Site) -> None:
    assert corrected.untouched(FROZEN) == []
    assert corrected.boards[FROZEN].commands() == []
