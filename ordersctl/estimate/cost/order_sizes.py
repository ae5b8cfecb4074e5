"""How large orders are in the table, the queue and the topic, by their number of line items, in KB of 1,024 bytes.

A base and an amount per line, measured on the real lines in tests/data (names of 25 characters, article numbers
of 5), without a note or an address; a test compares them with the adapters' own output.
"""

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path

BASKETS = Path(__file__).with_name("baskets.toml")
KB = 1024
# The item by "DynamoDB item sizes and formats"; a line's attribute names are one letter long.
_ITEM, _ITEM_LINE = 303, 47.0
# The command and the event are JSON, with names spelt out. The event's base includes its message attributes.
_COMMAND, _COMMAND_LINE = 268, 82.0
_EVENT, _EVENT_LINE = 696, 82.0
INDEX_ENTRY = 234  # bytes; the lines are not projected, so their number does not matter


@dataclass(frozen=True)
class Sizes:
    """In KB."""

    item: float  # in the table
    command: float  # in the order queue
    event: float  # in the topic, with its attributes


# A basket as a shop's checkout sends it, testkit/builders.py: 20 lines with VAT, shipping, a coupon, two addresses,
# a note, contact and metadata. Measured; a test compares them.
SHOP_BASKET = Sizes(item=1_889 / KB, command=2_718 / KB, event=3_176 / KB)


def sizes(lines: int) -> Sizes:
    """Return the sizes of an order with this many line items."""
    return Sizes(
        item=(_ITEM + _ITEM_LINE * lines) / KB,
        command=(_COMMAND + _COMMAND_LINE * lines) / KB,
        event=(_EVENT + _EVENT_LINE * lines) / KB,
    )


Mix = tuple[tuple[float, Sizes], ...]  # shares of all orders, which add up to 1, and their sizes


def only(size: Sizes) -> Mix:
    """Return the mix in which all orders have this size."""
    return ((1.0, size),)


@functools.cache
def real_baskets() -> Mix:
    """Return the sizes of real orders, by the distribution of lines in baskets.toml."""
    counted = tomllib.loads(BASKETS.read_text())["orders_by_lines"]
    orders = sum(count for _, count in counted)
    return tuple((count / orders, sizes(lines)) for lines, count in counted)


def mean_item_kb(mix: Mix) -> float:
    """Return the mean size of an item in the table, in KB."""
    return sum(share * size.item for share, size in mix)
