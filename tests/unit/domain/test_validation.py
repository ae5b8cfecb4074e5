"""The rules of single values, each on its own."""

from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from chalicelib.domain.validation import Country, Currency, at_most, text


def errors(kind: Any, value: Any) -> list[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    return [(each["type"], each["msg"]) for each in caught.value.errors()]


def test_a_list_that_is_too_long_is_refused_by_its_length_alone() -> None:
    kind = Annotated[tuple[int, ...], at_most(2)]
    assert TypeAdapter(kind).validate_python([1, 2]) == (1, 2)
    assert TypeAdapter(kind).validate_python((1, 2, 3)) == (1, 2, 3), "JSON has lists only"
    assert errors(kind, ["x", "y", "z"]) == [("too_long", "Must have at most 2 items")]
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python([1, 2, 3])
    assert caught.value.errors()[0]["ctx"] == {"max_length": 2}


@pytest.mark.parametrize("value", ["a", "abc", "ä b", "🎁"])
def test_text_within_its_length_is_taken(value: str) -> None:
    assert TypeAdapter(Annotated[str, text(3)]).validate_python(value) == value


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("", "string_too_short"),
        ("abcd", "string_too_long"),
        (1, "string_type"),
        (b"a", "string_type"),
        *((f"a{character}", "string_pattern_mismatch") for character in "\x00\n\t\x1f\x7f\x80\x9f\ufffe\uffff"),
    ],
)
def test_other_text_is_not(value: Any, kind: str) -> None:
    assert [each for each, _ in errors(Annotated[str, text(3)], value)] == [kind]


def test_codes_are_those_of_their_lists() -> None:
    assert TypeAdapter(Currency).validate_python("GBP") == "GBP"
    assert TypeAdapter(Country).validate_python("GB") == "GB"
    assert errors(Currency, "XXX") == [("currency", "Must be a currency code of ISO 4217, such as GBP")]
    assert errors(Country, "XX") == [("country", "Must be a country code of ISO 3166-1 alpha-2, such as GB")]
