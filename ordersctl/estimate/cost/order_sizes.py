"""How large an order is in the table, the queue and the topic, by its number of line items, in KB of 1,024 bytes.

A base and an amount per line, measured on the real lines in tests/data (names of 25 characters, article numbers
of 5), without a note or an address; a test compares them with the adapters' own output.
"""

from dataclasses import dataclass

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
