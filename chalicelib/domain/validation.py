"""What a client's values may be, and how a wrong one is described."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from chalicelib.domain.errors import Violation
from chalicelib.domain.iso_codes import COUNTRIES, CURRENCY_EXPONENTS

MAX_AMOUNT = 10**12  # minor units, for a price and for a total
_MAX_VIOLATIONS = 20  # of one document: a client that has fixed these asks again
_MAX_POINTER = 200  # characters
# pydantic's own words for these name Python's types and our classes.
_PLAIN_WORDS: Mapping[str, str] = {
    "model_type": "Input should be an object",
    "tuple_type": "Input should be an array",
    "too_short": "There should be at least {min_length} item",
    "too_long": "There should be at most {max_length} items",
}


def _whole(value: Any) -> Any:
    # JSON Schema (2020-12, validation 6.1.1) calls 12.0 an integer; code and schema must agree.
    return int(value) if type(value) is float and value.is_integer() else value


def _known_currency(code: str) -> str:
    if code not in CURRENCY_EXPONENTS:
        raise PydanticCustomError("currency", "Input should be a currency code of ISO 4217")
    return code


def _known_country(code: str) -> str:
    if code not in COUNTRIES:
        raise PydanticCustomError("country", "Input should be a country code of ISO 3166-1 alpha-2")
    return code


def text(max_length: int) -> Any:
    """The rules of a text, for Annotated: 1 to max_length characters, spaces and odd printable ones included.

    No control characters, and not the two others that no SQS message may hold.
    """
    return StringConstraints(
        strict=True, min_length=1, max_length=max_length, pattern=r"^[^\x00-\x1f\x7f-\x9f\uFFFE\uFFFF]+$"
    )


def at_most(max_items: int) -> BeforeValidator:
    """Refuse a longer list by its length alone: what is in it is not looked at, so that refusing stays cheap."""

    def check(value: Any) -> Any:
        if isinstance(value, list) and len(value) > max_items:
            raise PydanticCustomError(
                "too_long", "There should be at most {max_length} items", {"max_length": max_items}
            )
        return value

    return BeforeValidator(check)


# Bounds stand before the validator that runs before them: pydantic puts those into the JSON Schema that it can see.
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000), BeforeValidator(_whole)]
Amount = Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT), BeforeValidator(_whole)]
Currency = Annotated[
    str,
    Field(strict=True, json_schema_extra={"enum": sorted(CURRENCY_EXPONENTS)}),
    AfterValidator(_known_currency),
]
Country = Annotated[
    str, Field(strict=True, json_schema_extra={"enum": sorted(COUNTRIES)}), AfterValidator(_known_country)
]


def violations(error: ValidationError) -> list[Violation]:
    """Each wrong value's place and what it should be, in plain words; never the value itself."""
    found = error.errors(include_url=False, include_input=False)
    # pydantic counts only the items that are right: with a wrong one among few it also says that there are too few.
    lists_with_a_wrong_item = {each["loc"][0] for each in found if len(each["loc"]) > 1}
    meant = [each for each in found if each["type"] != "too_short" or each["loc"][0] not in lists_with_a_wrong_item]
    return [Violation(_pointer(each["loc"]), _plain(each)) for each in meant[:_MAX_VIOLATIONS]]


def _plain(error: ErrorDetails) -> str:
    words = _PLAIN_WORDS.get(error["type"])
    return error["msg"] if words is None else words.format_map(error.get("ctx", {}))


def _pointer(location: tuple[int | str, ...]) -> str:
    """A place in a JSON document (RFC 6901)."""
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in location)
    return "".join(f"/{part}" for part in escaped)[:_MAX_POINTER]
