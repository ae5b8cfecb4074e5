"""The sizes of an item and its index entry (DynamoDB Developer Guide, "DynamoDB item sizes and formats")."""

from collections.abc import Mapping
from typing import Any

from chalicelib.adapters.order_items import PROJECTED

WRITE_UNIT = 1024  # bytes


def item_size(item: Mapping[str, Any]) -> int:
    """Bytes of an item, or of an entry of the index."""
    return sum(text_size(name) + value_size(value) for name, value in item.items())


def index_entry(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name in PROJECTED}


def value_size(value: Mapping[str, Any]) -> int:
    """Bytes of a value: a list or map is 3, and 1 for each element or pair."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return text_size(content)
        case "N":
            return number_size(content)
        case "BOOL":
            return 1
        case "L":
            return 3 + sum(1 + value_size(each) for each in content)
        case "M":
            return 3 + sum(1 + text_size(name) + value_size(each) for name, each in content.items())
    raise AssertionError(f"orders do not use this type: {kind}")


def number_size(digits: str) -> int:
    significant = digits.lstrip("-").strip("0") or "0"
    return (len(significant) + 1) // 2 + 1 + digits.startswith("-")


def text_size(text: str) -> int:
    return len(text.encode())
