"""What may be behind two values that differ."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

MISSING_HERE, MISSING_IN_THE_SHOP = "missing here", "missing in the shop"


def differences(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each field whose values differ, with the likely cause."""
    for name in sorted({*theirs, *ours}):
        if theirs.get(name) != ours.get(name):
            yield name, cause(theirs.get(name), ours.get(name))


def cause(theirs: Any, ours: Any) -> str:
    """The likely cause of a difference, in words that group alike ones."""
    if ours is None:
        return MISSING_HERE
    if theirs is None:
        return MISSING_IN_THE_SHOP
    if isinstance(theirs, list) and isinstance(ours, list):
        return _of_lists(theirs, ours)
    if _is_number(theirs) and _is_number(ours):
        return "rounding" if abs(theirs - ours) <= 1 else "another amount"
    if isinstance(theirs, str) and isinstance(ours, str):
        return _of_texts(theirs, ours)
    return "another type" if type(theirs) is not type(ours) else "another value"


def _of_lists(theirs: list[Any], ours: list[Any]) -> str:
    if len(theirs) != len(ours):
        return "another number of them"
    return "another order of them" if sorted(map(str, theirs)) == sorted(map(str, ours)) else "another value in them"


def _of_texts(theirs: str, ours: str) -> str:
    if "".join(theirs.split()) == "".join(ours.split()):
        return "white space"
    if theirs.casefold() == ours.casefold():
        return "upper and lower case"
    try:
        seconds = abs((datetime.fromisoformat(theirs) - datetime.fromisoformat(ours)).total_seconds())
    except (ValueError, TypeError):
        return "another text"
    return "whole hours: a time zone" if seconds % 3_600 == 0 else "another time"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
