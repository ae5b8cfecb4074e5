"""A customer's number of index keys only rises, and the functions that read learn of it first."""

import click
import pytest

from chalicelib.settings import parse_spread
from ordersctl.deploy import spreading


def setting(text: str) -> dict[str, str]:
    return {"SpreadCustomers": text} if text else {}


@pytest.mark.parametrize(
    ("before", "given", "said"),
    [
        ("guest=16", "guest=8", "guest is spread over 16 keys of the index and cannot go back to 8"),
        ("guest=16:people,market-7=8", "guest=16:people", "market-7 is spread over 8 keys of the index"),
        ("guest=2", "", "cannot go back to 1"),
        ("guest=4..16", "guest=8", "guest is spread over 16 keys"),
    ],
)
def test_a_number_that_falls_is_refused_with_the_reason(before: str, given: str, said: str) -> None:
    with pytest.raises(click.ClickException, match=said) as refused:
        spreading.check_only_rises(setting(before), setting(given))
    assert "list would lose the orders under the other keys" in refused.value.message


@pytest.mark.parametrize(
    ("before", "given"),
    [
        ("", "guest=16"),
        ("guest=4", "guest=16:people"),
        ("guest=4..16", "guest=16"),
        ("guest=1", ""),
        ("guest=8", "guest=8"),
    ],
)
def test_a_number_that_rises_or_stays_is_not_refused(before: str, given: str) -> None:
    spreading.check_only_rises(setting(before), setting(given))


@pytest.mark.parametrize(
    ("functions", "given", "steps"),
    [
        (None, "guest=16", ["guest=16"]),  # a new stage
        ("", "guest=16:people", ["guest=1..16:people", "guest=16:people"]),
        ("guest=4", "guest=16,market-7=1", ["guest=4..16,market-7=1..1", "guest=16,market-7=1"]),
        ("guest=4..16", "guest=16", ["guest=16"]),
        ("guest=16", "guest=16:people", ["guest=16:people"]),
        ("guest=16", "", [""]),
    ],
)
def test_more_keys_are_read_before_they_are_written(functions: str | None, given: str, steps: list[str]) -> None:
    deployed = None if functions is None else parse_spread(functions)
    assert spreading.steps(deployed, setting(given)) == steps


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("guest", "'guest' is not like guest=16:people or market-7=8"),
        ("guest=0", "'guest=0': the number of keys must be 1 to 32"),
        ("guest=33", "must be 1 to 32"),
        ("guest=16..4", "the first number must not exceed the second"),
        ("guest=4,guest=8", "guest is there twice"),
        ("a#b=4", "'a#b=4' is not like"),
        ("guest=16:persons", "is not like"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_with_its_part(text: str, said: str) -> None:
    with pytest.raises(click.ClickException, match=said):
        spreading.spread_of(setting(text))
