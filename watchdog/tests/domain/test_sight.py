# SPDX-License-Identifier: GPL-3.0-or-later
"""After blindness: who is missing, how long sight settles, and when it stays away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_manager.domain.decide import decide
from cloud_manager.domain.records import Records, State

from .cluster import NOW, POLICY, UNKNOWN, Cluster, a_cluster, c1

SIX = replace(POLICY, mutex=2, max_down_hosts=6, settle_seconds=40)
NO_SCHEDULER = {"nova-scheduler": 0, "nova-conductor": 1}


def six() -> Cluster:
    cluster = a_cluster()
    for name in ("c4", "c5", "c6"):
        cluster.add(name, heartbeat_at=NOW)
    return cluster


def waiting(*missing: str, blind_at: float = NOW - 10) -> Records:
    return Records(blind_at=blind_at, missing=frozenset(missing))


def after(cluster: Cluster, records: Records) -> tuple[set[str], float | None, bool]:
    """Who is missing after this look, since when sight settles, and whether it was blind."""
    decision = decide(cluster.facts(), records, SIX)
    assert not decision.actions
    return set(decision.records.missing), decision.records.blind_at, bool(decision.blind)


def test_a_host_that_goes_down_in_a_blind_look_is_missing():
    assert after(six().down("c1", "c2").but(control_plane=NO_SCHEDULER), waiting("c2")) == ({"c1", "c2"}, NOW, True)


def test_a_host_that_goes_down_while_sight_settles_is_missing():
    """The controllers restarted: the first look that shows hosts again finds the message bus running."""
    assert after(six().down("c1"), waiting()) == ({"c1"}, NOW - 10, False)


@pytest.mark.parametrize(
    "explained",
    [
        six().down("c1", forced_down=True),
        six().down("c1").but(acknowledged={"c1": "alice: I pulled the plug"}),
        six().host("c1", observation=UNKNOWN),
    ],
    ids=["forced down", "acknowledged", "not seen"],
)
def test_a_host_that_an_operator_explains_or_that_nobody_saw_does_not_become_missing(explained):
    assert after(explained.but(control_plane=NO_SCHEDULER), waiting()) == (set(), NOW, True)


@pytest.mark.parametrize(("downs", "missing"), [(1, {"c1"}), (2, set())])
def test_a_host_that_was_counted_down_before_is_not_missing(downs, missing):
    records = replace(c1(State.HELD, downs=downs), blind_at=NOW - 10)
    assert after(six().down("c1").but(control_plane=NO_SCHEDULER), records) == (missing, NOW, True)


def test_a_nova_that_shows_no_hosts_leaves_the_missing_as_they_are():
    assert after(six().but(error="Nova does not answer"), waiting("c1", "c2")) == ({"c1", "c2"}, NOW, True)


def test_with_each_host_that_comes_back_the_time_to_settle_begins_again():
    assert after(six().down("c1"), waiting("c1", "c2", blind_at=NOW - 39)) == ({"c1"}, NOW, False)


@pytest.mark.parametrize(
    "gone",
    [
        six().down("c1").without("c2"),
        six().down("c1").down("c2", forced_down=True),
        six().down("c1", "c2").but(acknowledged={"c2": "alice: I pulled the plug"}),
    ],
    ids=["removed", "forced down", "acknowledged"],
)
def test_a_missing_host_that_is_explained_now_is_not_waited_for(gone):
    assert after(gone, waiting("c1", "c2")) == ({"c1"}, NOW - 10, False)


def test_a_missing_host_that_nova_cannot_judge_stays_missing():
    assert after(six().host("c1", observation=UNKNOWN), waiting("c1")) == ({"c1"}, NOW - 10, False)


def test_a_hold_names_those_that_are_waited_for():
    cluster = six().down("c1", "c2").but(servers={})
    records = replace(waiting("c2"), hosts=c1(State.HELD, downs=2).hosts)
    (reason,) = decide(cluster.facts(), records, SIX).held.values()
    assert reason.endswith("to come back, of c2 first of all")


@pytest.mark.parametrize(("back", "seconds"), [(0, 200), (1, 40)])
def test_while_more_than_half_of_the_hosts_are_missing_sight_settles_longer(back, seconds):
    missing = ("c1", "c2", "c3", "c4")[back:]
    cluster = six().down(*missing)
    settling = after(cluster, waiting(*missing, blind_at=NOW - seconds + 1))
    assert settling == (set(missing), NOW - seconds + 1, False)
    settled = decide(cluster.facts(), waiting(*missing, blind_at=NOW - seconds), SIX)
    assert settled.records.missing == frozenset()
    assert all(settled.records.hosts[name].downs == 1 for name in missing)


def test_once_sight_has_settled_nobody_is_missing_and_the_dead_count():
    facts = six().down("c1").facts()
    settling = decide(facts, waiting("c1", blind_at=NOW - 39), SIX)
    assert (settling.records.missing, settling.records.hosts) == ({"c1"}, {})
    settled = decide(facts, waiting("c1", blind_at=NOW - 40), SIX)
    assert settled.records.missing == frozenset()
    assert settled.records.hosts["c1"].downs == 1


def test_a_host_that_goes_down_long_after_is_nobodys_missing():
    decision = decide(six().down("c1").facts(), Records(blind_at=NOW - 9999), SIX)
    assert decision.records.missing == frozenset()
    assert decision.records.hosts["c1"].downs == 1


def test_hosts_that_come_back_one_after_the_other_are_left_alone_however_long_it_takes():
    """RabbitMQ was away; each host reports 30 s after the one before, which is less than the time to settle."""
    names = ["c1", "c2", "c3", "c4", "c5", "c6"]
    records = Records()
    for second in range(0, 300, 5):
        back = len(names) if second > 180 else second // 30
        cluster = six().but(now=NOW + second)
        cluster.down(*names[back:])
        decision = decide(cluster.facts(), records, SIX)
        assert not decision.actions
        assert all(record.state is State.HEALTHY for record in decision.records.hosts.values())
        records = decision.records
    assert records.missing == frozenset()


def test_nobody_is_down_and_nobody_is_missing_in_a_healthy_cluster():
    assert decide(six().facts(), Records(), SIX).records == Records()
