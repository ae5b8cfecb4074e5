"""Models as attribute values: by the types of their fields, with their own names where there are some."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.adapters.attribute_values import Codec


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Note:
    text: str
    author: str = "nobody"


class Part(BaseModel):
    model_config = ConfigDict(frozen=True)

    sku: Annotated[str, Field(max_length=3)]
    weight: int | None = None


class Whole(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    count: int
    gift: bool
    colour: Colour
    parts: tuple[Part, ...]
    best: Part | None = None
    notes: tuple[Note, ...] | None = None
    size: Annotated[int, Field(ge=1)] = 1


def codec() -> Codec[Whole]:
    return Codec(Whole, {Whole: {"count": "c"}, Part: {"sku": "s"}})


WHOLE = Whole(
    name="n",
    count=2,
    gift=False,
    colour=Colour.RED,
    parts=(Part(sku="a", weight=0), Part(sku="b")),
    best=Part(sku="b"),
    notes=(Note("hi"),),
    size=3,
)
ATTRIBUTES: dict[str, Any] = {
    "name": {"S": "n"},
    "c": {"N": "2"},
    "gift": {"BOOL": False},
    "colour": {"S": "red"},
    "parts": {"L": [{"M": {"s": {"S": "a"}, "weight": {"N": "0"}}}, {"M": {"s": {"S": "b"}}}]},
    "best": {"M": {"s": {"S": "b"}}},
    "notes": {"L": [{"M": {"text": {"S": "hi"}, "author": {"S": "nobody"}}}]},
    "size": {"N": "3"},
}


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in ATTRIBUTES.items() if name not in names}


def test_each_type_has_its_form() -> None:
    assert codec().dump(WHOLE) == ATTRIBUTES


def test_what_is_stored_is_read_again() -> None:
    read = codec().load(ATTRIBUTES)
    assert read == WHOLE
    assert read.colour is Colour.RED
    assert read.model_dump_json() == WHOLE.model_dump_json()


def test_a_model_that_was_read_can_be_copied_and_hashed_like_any_other() -> None:
    read = codec().load(ATTRIBUTES)
    assert read.model_copy(update={"name": "m"}) == WHOLE.model_copy(update={"name": "m"})
    assert read == WHOLE
    assert hash(read) == hash(WHOLE)


def test_a_field_that_is_none_has_no_attribute() -> None:
    assert codec().dump(WHOLE.model_copy(update={"best": None, "notes": None})) == without("best", "notes")


def test_a_field_with_a_default_may_have_no_attribute() -> None:
    read = codec().load(without("best", "notes", "size"))
    assert (read.best, read.notes, read.size) == (None, None, 1)
    assert codec().load(ATTRIBUTES | {"notes": {"L": [{"M": {"text": {"S": "hi"}}}]}}).notes == (Note("hi"),)


@pytest.mark.parametrize("name", ["name", "c", "gift", "parts"])
def test_a_field_without_a_default_must_have_one(name: str) -> None:
    with pytest.raises(KeyError, match=f"'{name}'"):
        codec().load(without(name))


def test_an_attribute_without_a_field_is_not_read() -> None:
    part = {"M": {"s": {"S": "b"}, "of_tomorrow": {"BOOL": True}}}
    assert codec().load(ATTRIBUTES | {"of_tomorrow": {"S": "x"}, "best": part}) == WHOLE


def test_a_stored_value_is_not_checked_again() -> None:
    assert codec().load(ATTRIBUTES | {"best": {"M": {"s": {"S": "longer than three"}}}, "size": {"N": "0"}}).size == 0


class Unknown(BaseModel):
    price: float


class Ambiguous(BaseModel):
    price: int | str


class Free(BaseModel):
    metadata: dict[int, str]


class Pair(BaseModel):
    place: tuple[int, int]


@pytest.mark.parametrize("model", [Unknown, Ambiguous, Free, Pair])
def test_a_type_without_a_form_is_refused_at_once(model: type[BaseModel]) -> None:
    with pytest.raises(TypeError, match=r"^no attribute value for "):
        Codec(model, {})
