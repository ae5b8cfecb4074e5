"""How large an order's item is (Developer Guide, "DynamoDB item sizes and formats")."""

from collections.abc import Mapping
from typing import Any

LARGEST = 400 * 1024  # bytes of an item
_OURS = 300  # bytes at most of what an import adds


def size(item: Mapping[str, Any]) -> int:
    """The bytes of an item with what an import adds to it."""
    return _OURS + sum(len(name) + _size(value) for name, value in item.items())


def write_units(item: Mapping[str, Any]) -> int:
    """The write units of an item and of its index entry."""
    return -(-size(item) // 1024) + 1


def _size(value: Mapping[str, Any]) -> int:
    ((tag, content),) = value.items()
    if tag == "M":
        return 3 + sum(1 + len(name) + _size(each) for name, each in content.items())
    if tag == "L":
        return 3 + sum(1 + _size(each) for each in content)
    return len(str(content).encode()) if tag == "S" else len(str(content)) // 2 + 2
