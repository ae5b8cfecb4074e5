"""What a mapping file says, as values."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from chalicelib.domain.orders import OrderStatus

# Each rule's values, its default first.
RULES: Mapping[str, tuple[str, ...]] = {
    "deleted": ("erase", "cancel", "keep"),
    "money": ("exact", "round"),
    "total": ("exact", "adjust", "ignore"),
    "zero_date": ("refuse", "none"),
    "ambiguous_time": ("first", "second", "refuse"),
    "too_long": ("refuse", "cut"),
    "control_characters": ("space", "refuse"),
}
STATUSES = tuple(each.value for each in OrderStatus if each not in {OrderStatus.REJECTED, OrderStatus.ERASED})


@dataclass(frozen=True)
class Watch:
    """Which orders a changed row of one table means: by a column of it, or by a SELECT with columns of it."""

    key_column: str | None
    select: str | None
    columns: tuple[str, ...]  # of the row, that the above need


@dataclass(frozen=True)
class ReverseSync:
    """Statements that write an order of this service into the shop's tables."""

    ledger: str  # the table of orders written back
    order: str
    update: str
    status: Mapping[str, str]
    clear: str | None
    line: str | None
    key: str | None  # a SELECT of a new order's key, where the table has no AUTO_INCREMENT

    # The ledger's name is checked to be letters, digits and underscores.

    @property
    def ledger_keys(self) -> str:
        """The keys of all orders that were written back."""
        return f"SELECT order_key FROM `{self.ledger}`"  # noqa: S608  # nosec

    @property
    def ledger_row(self) -> str:
        """The key and the last sequence of an order, locked."""
        return f"SELECT order_key, sequence FROM `{self.ledger}` WHERE order_id = %s FOR UPDATE"  # noqa: S608  # nosec

    @property
    def ledger_write(self) -> str:
        """Note an order's id, key and sequence."""
        insert = f"INSERT INTO `{self.ledger}` (order_id, order_key, sequence) VALUES (%s, %s, %s) "  # noqa: S608  # nosec
        return insert + "ON DUPLICATE KEY UPDATE sequence = VALUES(sequence)"


@dataclass(frozen=True)
class ShopMapping:
    """One shop's mapping file."""

    name: str  # of the source: part of the identity of every order id
    database: str
    time_zone: ZoneInfo  # of values without one
    epoch: int  # raised when the source's binary log begins anew
    key: str
    order_select: str
    lines_select: str
    adjustments_select: str | None
    keys_select: str
    watch: Mapping[str, Watch]
    statuses: Mapping[str, OrderStatus]
    countries: Mapping[str, str]
    rules: Mapping[str, str]
    totals_select: str | None
    totals_zone: ZoneInfo
    compare_order_url: str | None
    compare_fields: Mapping[str, str]
    compare_ignore: tuple[str, ...]
    compare_customer_select: str | None
    cutover_hook: tuple[str, ...]
    reverse: ReverseSync | None
    essence: str  # the sections that say what an order is and when it changes

    @property
    def ledger(self) -> str | None:
        """The table of orders that are written back; None without [reverse]."""
        return None if self.reverse is None else self.reverse.ledger

    @property
    def digest(self) -> str:
        """A hash of what orders depend on: those that another mapping has copied may differ."""
        return hashlib.sha256(self.essence.encode()).hexdigest()[:16]
