"""What a client's values may be, and how a wrong one is described."""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, ValidationError, ValidationInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from chalicelib.domain import clock
from chalicelib.domain.errors import Violation
from chalicelib.domain.iso_codes import COUNTRIES, CURRENCY_EXPONENTS

MAX_AMOUNT = 10**12  # minor units, for a price and for a total
Place = tuple[int | str, ...]  # of a value in a JSON document: names and positions, from the outside in

# No control characters, and not the two others that no SQS message may hold.
_TEXT = r"^[^\x00-\x1f\x7f-\x9f\uFFFE\uFFFF]+$"
_LINES = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\uFFFE\uFFFF]+$"  # line breaks and tabs are text
_EMAIL = r"^[^\x00-\x20\x7f-\x9f\uFFFE\uFFFF]+@[^@\x00-\x20\x7f-\x9f\uFFFE\uFFFF]+$"
_A_TIME = "Must be a time like 2026-01-31T12:00:00Z (RFC 3339)"
_PATTERN_WORDS: Mapping[str, str] = {
    _TEXT: "Must have no control characters, such as line breaks",
    _LINES: "Must have no control characters but line breaks and tabs",
    _EMAIL: "Must be an e-mail address",
    clock.RFC_3339_PATTERN: _A_TIME,
}
_CLOCKS_DIFFER = timedelta(minutes=1)  # by so much a client's clock may be ahead of ours
_MAX_VIOLATIONS = 20  # of one document: a client that has fixed these asks again
_MAX_POINTER = 200  # characters
# In place of pydantic's own words, which name patterns, Python's types and our classes, and not what to send: one for
# each kind of error that a client's value can cause (tests/service/http/test_error_texts.py).
_WORDS: Mapping[str, str] = {
    "bool_type": "Must be true or false",
    "dict_type": "Must be an object",
    # For `status` of a PATCH: what a client may set, of all that a status may be.
    "enum": 'Must be "cancelled", or by a service "confirmed", "shipped" or "delivered"',
    "extra_forbidden": "There is no such field: leave it out",
    "greater_than_equal": "Must be {ge} or more",
    "int_type": "Must be a whole number",
    "less_than_equal": "Must be {le} or less",
    "literal_error": "Must be {expected}",
    "missing": "This field is required",
    "model_type": "Must be an object",
    "string_too_long": "Must have at most {max_length} characters",
    "string_too_short": "Must have at least 1 character",
    "string_type": "Must be a string",
    "string_unicode": "Must be valid Unicode: half of a surrogate pair is not",
    "too_long": "Must have at most {max_length} items",
    "too_short": "Must have at least {min_length} item",
    "tuple_type": "Must be an array",
}
_AMOUNTS = {"amount", "unit_price"}
_A_WHOLE_AMOUNT = "Must be a whole number of minor units: 255 for GBP 2.55"
# Where to look for what is wrong with several fields together.
_PLACES: Mapping[str, Place] = {"subtotal": ("items",), "total": ("adjustments",), "status": ("status",)}


def _whole(value: Any) -> Any:
    # JSON Schema (2020-12, validation 6.1.1) calls 12.0 an integer; code and schema must agree.
    return int(value) if type(value) is float and value.is_integer() else value


def _known_currency(code: str) -> str:
    if code not in CURRENCY_EXPONENTS:
        raise PydanticCustomError("currency", "Must be a currency code of ISO 4217, such as GBP")
    return code


def _known_country(code: str) -> str:
    if code not in COUNTRIES:
        raise PydanticCustomError("country", "Must be a country code of ISO 3166-1 alpha-2, such as GB")
    return code


def _moment(text: str, info: ValidationInfo) -> str:
    """A time as this service writes times; not after the `now` of the validation's context, where there is one."""
    try:
        moment = clock.read(text)
        written = clock.rfc3339(moment)
    except (ValueError, OverflowError):
        raise PydanticCustomError("time", _A_TIME) from None
    if info.context and moment > clock.read(info.context["now"]) + _CLOCKS_DIFFER:
        raise PydanticCustomError("future", "Must not be in the future")
    return written


def text(max_length: int, pattern: str = _TEXT) -> Any:
    """The rules of a text, for Annotated: 1 to max_length characters, spaces and odd printable ones included."""
    return StringConstraints(strict=True, min_length=1, max_length=max_length, pattern=pattern)


def lines(max_length: int) -> Any:
    """The rules of a text that may have line breaks and tabs."""
    return text(max_length, _LINES)


class MayBeEmpty:
    """Marks an optional text, for Annotated: an empty one is the field left out. `orders.parse` sees to it.

    Only the JSON Schema is changed here: a validator in Python would be called for each text of each line.
    """

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: Any) -> dict[str, Any]:
        schema: dict[str, Any] = handler(core_schema)
        del schema["minLength"]
        return schema | {"pattern": f"^$|{schema['pattern']}"}


def at_most(max_items: int) -> BeforeValidator:
    """Refuse a longer list or object by its length alone: its content is not read, so that refusing stays cheap."""

    def check(value: Any) -> Any:
        if isinstance(value, list) and len(value) > max_items:
            raise PydanticCustomError("too_long", "Must have at most {max_length} items", {"max_length": max_items})
        if isinstance(value, dict) and len(value) > max_items:
            raise PydanticCustomError(
                "too_many_names", "Must have at most {max_length} names", {"max_length": max_items}
            )
        return value

    return BeforeValidator(check)


# Bounds stand before the validator that runs before them: pydantic puts those into the JSON Schema that it can see.
Count = Annotated[int, Field(strict=True, ge=1, le=1_000_000), BeforeValidator(_whole)]
Amount = Annotated[int, Field(strict=True, ge=0, le=MAX_AMOUNT), BeforeValidator(_whole)]
SignedAmount = Annotated[int, Field(strict=True, ge=-MAX_AMOUNT, le=MAX_AMOUNT), BeforeValidator(_whole)]
Email = Annotated[str, text(254, _EMAIL), MayBeEmpty()]  # RFC 5321: a path of 256 octets, with its brackets
Moment = Annotated[str, text(64, clock.RFC_3339_PATTERN), MayBeEmpty(), AfterValidator(_moment)]
Currency = Annotated[
    str,
    Field(strict=True, json_schema_extra={"enum": sorted(CURRENCY_EXPONENTS)}),
    AfterValidator(_known_currency),
]
Country = Annotated[
    str, Field(strict=True, json_schema_extra={"enum": sorted(COUNTRIES)}), AfterValidator(_known_country)
]


def empty_texts(error: ValidationError) -> list[Place]:
    """The places of empty texts among what is wrong."""
    found = error.errors(include_url=False)
    wrong_names = {each["loc"][:-1] for each in found if _is_a_name(each["loc"])}
    return [
        each["loc"]
        for each in found
        if each["type"] == "string_too_short"
        and each["input"] == ""
        and not _is_a_name(each["loc"])
        and each["loc"] not in wrong_names  # with its value the wrong name would be gone, too
    ]


def without(document: Any, places: Collection[Place]) -> Any:
    """A copy of a JSON document without the values at these places, which are all in objects."""
    for place in places:
        document = _without(document, place)
    return document


def _without(value: Any, place: Place) -> Any:
    first, *rest = place
    kept = value.copy()
    if rest:
        kept[first] = _without(value[first], tuple(rest))
    else:
        del kept[first]
    return kept


def violations(error: ValidationError, emptied: Collection[Place] = ()) -> list[Violation]:
    """Each wrong value's place and what it should be, in plain words; never the value itself.

    `emptied` are the places of empty texts that were left out of the document.
    """
    found = error.errors(include_url=False, include_input=False)
    # pydantic counts only the items that are right: with a wrong one among few it also says that there are too few.
    lists_with_a_wrong_item = {each["loc"][0] for each in found if len(each["loc"]) > 1}
    meant = [each for each in found if each["type"] != "too_short" or each["loc"][0] not in lists_with_a_wrong_item]
    places = set(emptied)
    return [
        Violation(_pointer(each), _WORDS["string_too_short"] if each["loc"] in places else _plain(each))
        for each in meant[:_MAX_VIOLATIONS]
    ]


def _plain(error: ErrorDetails) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "string_pattern_mismatch":
        said = _PATTERN_WORDS[context["pattern"]]
    elif kind == "int_type" and error["loc"][-1] in _AMOUNTS:
        said = _A_WHOLE_AMOUNT
    elif kind in _WORDS:
        said = _WORDS[kind].format_map(context).replace("'", '"')  # pydantic puts allowed values into Python's quotes
    else:
        said = error["msg"]  # of our own errors: PydanticCustomError
    return f"A name in it is wrong: {said}" if _is_a_name(error["loc"]) else said


def _is_a_name(place: Place) -> bool:
    """Whether it is not a value that is wrong, but its name (in `metadata`)."""
    return len(place) > 2 and place[-1] == "[key]"  # noqa: PLR2004 - pydantic adds this to the object and the name


def _pointer(error: ErrorDetails) -> str:
    """A place in a JSON document (RFC 6901)."""
    place = error["loc"] or _PLACES.get(error["type"], ())
    escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in place[: -1 if _is_a_name(place) else None])
    return "".join(f"/{part}" for part in escaped)[:_MAX_POINTER]
