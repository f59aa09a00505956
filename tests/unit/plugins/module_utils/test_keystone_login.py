# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof that a user can log in, right after that user was changed."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils import keystone as keystone_module
from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud import Cloud, CloudRefused
from ansible_collections.aos.cloud_manager.plugins.module_utils.keystone import Identity, Wanted
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

WANTED = Wanted(
    user="aos",
    password="a-secret-of-the-test",
    keep_password=False,
    project="service",
    domain="default",
    roles=("service",),
    service_name="cloud-manager",
    service_type="cloud-manager",
    service_description="Cloud Manager Service",
    region="RegionOne",
    endpoints={},
    credential=None,
)


class Refusing:
    """A cloud whose keystone answers some logins with this status, the following ones with the user's projects."""

    def __init__(self, refusals: int, status: int) -> None:
        self.refusals, self.status, self.logins = refusals, status, 0

    def as_user(self, user_id: str, password: str) -> Refusing:
        return self

    def get(self, path: str) -> dict[str, t.Any]:
        self.logins += 1
        if self.logins <= self.refusals:
            raise CloudRefused("GET /auth/projects is refused", self.status, "requires authentication")
        return {"projects": [{"id": "of-service"}]}


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds: list[float] = []
    monkeypatch.setattr(keystone_module.time, "sleep", seconds.append)
    return seconds


def prove(cloud: Refusing) -> None:
    Identity(t.cast(Cloud, cloud)).prove_login("id-of-aos", "of-service", WANTED)


def test_a_login_of_the_second_in_which_the_user_was_changed_is_tried_in_the_next_one(slept: list[float]) -> None:
    cloud = Refusing(1, 401)
    prove(cloud)
    assert cloud.logins == 2
    assert sum(slept) > 1


def test_a_login_that_stays_refused_is_told(slept: list[float]) -> None:
    with pytest.raises(AosError, match="does not let it log in"):
        prove(Refusing(2, 401))


def test_what_time_does_not_mend_is_not_tried_again(slept: list[float]) -> None:
    cloud = Refusing(1, 403)
    with pytest.raises(AosError, match="does not let it log in"):
        prove(cloud)
    assert (cloud.logins, slept) == (1, [])
