# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.mariadb_grants import (
    ALL,
    GRANT_OPTION,
    parsed,
    pattern,
    tables_of,
)

TO = " TO `aos`@`localhost`"


@pytest.mark.parametrize(
    ("name", "escaped"),
    [("aos", "aos"), ("a_b", r"a\_b"), ("100%", r"100\%"), ("a\\b", r"a\\b"), (r"\_", r"\\\_"), ("a'b", "a'b")],
)
def test_what_a_grant_would_take_for_other_characters_is_escaped(name: str, escaped: str) -> None:
    assert pattern(name) == escaped


def test_a_backtick_does_not_end_the_name() -> None:
    assert tables_of("a`b_") == r"`a``b\_`.*"


def test_the_rights_on_a_database_are_found_under_every_form_of_its_name() -> None:
    found = parsed(
        [
            f"GRANT USAGE ON *.*{TO} IDENTIFIED BY PASSWORD '*B69027D44F6E5EDC07F1AEAD1477967B16F28227'",
            f"GRANT ALL PRIVILEGES ON `a_b`.*{TO} WITH GRANT OPTION",
            rf"GRANT SELECT, INSERT ON `a\_b`.*{TO}",
            f"GRANT SELECT (`x`, `y`), UPDATE ON `a_b`.`t`{TO}",
            rf"GRANT USAGE ON `a\_bc`.*{TO} WITH GRANT OPTION",
        ]
    )
    assert found.on("a_b") == {
        "`a_b`.*": {ALL, GRANT_OPTION},
        r"`a\_b`.*": {"SELECT", "INSERT"},
        "`a_b`.`t`": {"SELECT (`x`, `y`)", "UPDATE"},
    }
    assert found.besides("a_b") == [r"GRANT OPTION on `a\_bc`.*"]


@pytest.mark.parametrize(
    "line",
    [
        f"GRANT `role`{TO}",
        f"GRANT PROXY ON ''@'%'{TO} WITH GRANT OPTION",
        f"GRANT EXECUTE ON PROCEDURE `a_b`.`p`{TO}",
        "SET DEFAULT ROLE `role` FOR `aos`@`localhost`",
        f"GRANT SELECT ON *.*{TO}",
    ],
)
def test_whatever_else_an_account_has_counts_as_other_rights(line: str) -> None:
    assert len(parsed([line]).besides("a_b")) == 1


def test_no_hash_is_kept() -> None:
    assert "*HASH" not in str(parsed([f"GRANT SELECT ON *.*{TO} IDENTIFIED BY PASSWORD '*HASH'"]))
