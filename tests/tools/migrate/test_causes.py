"""`migrate compare`: the likely cause of a difference."""

from typing import Any

import pytest

from ordersctl.migrate.compare.causes import cause, differences


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [
        ("a", None, "missing here"),
        (None, "a", "missing in the shop"),
        ("Ann  Lee ", "Ann Lee", "white space"),
        ("ANN", "Ann", "upper and lower case"),
        ("2026-07-01T12:00:00.000Z", "2026-07-01T11:00:00.000Z", "whole hours: a time zone"),
        ("2026-07-01T12:00:00.000Z", "2026-07-01T11:00:01.000Z", "another time"),
        ("a", "b", "another text"),
        (100, 101, "rounding"),
        (100, 103, "another amount"),
        ([{"sku": 1}, {"sku": 2}], [{"sku": 2}, {"sku": 1}], "another order of them"),
        ([{"sku": 1}], [], "another number of them"),
        ([{"sku": 1}], [{"sku": 3}], "another value in them"),
        ({"a": 1}, {"a": 2}, "another value"),
        ("1", 1, "another type"),
    ],
)
def test_a_difference_has_a_likely_cause(theirs: Any, ours: Any, expected: str) -> None:
    assert cause(theirs, ours) == expected


def test_only_fields_that_differ_are_named() -> None:
    assert list(differences({"a": 1, "b": "x"}, {"a": 1, "b": "X"})) == [("b", "upper and lower case")]
