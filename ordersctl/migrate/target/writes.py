"""The write of an import: one conditional update per order, which may be repeated and may come late.

An order's item carries the place in the source's log where it was as it is stored. A write of an earlier place changes
nothing; neither does one of an order that this service has changed since.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.adapters import order_items
from chalicelib.domain.orders import ErasedOrder, Order, OrderStatus
from chalicelib.settings import Spread
from ordersctl.migrate.mapping.rows import Gone
from ordersctl.migrate.position import Position
from ordersctl.migrate.target import imported_items as items
from ordersctl.migrate.target.imported_items import GONE, Item

_ATTEMPTS = 50  # of two copiers that take turns: more than there can be


class Outcome(StrEnum):
    WRITTEN = "written"
    REMOVED = "removed"  # its row is gone: a tombstone, or what the rule `deleted` says
    SAME = "same"  # stored already, as it is
    OLDER = "older"  # something later is stored
    OWNED = "owned"  # this service has changed it since


@dataclass
class _Update:
    """An UpdateItem that is put together part by part."""

    sets: list[str] = field(default_factory=list)
    removes: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)

    def set(self, attribute: str, value: Any) -> None:
        self.sets.append(f"{self.name(attribute)} = {self.value(value)}")

    def remove(self, attribute: str) -> None:
        self.removes.append(self.name(attribute))

    def name(self, attribute: str) -> str:
        return next((mark for mark, name in self.names.items() if name == attribute), None) or self._named(attribute)

    def value(self, value: Any) -> str:
        self.values[mark := f":{len(self.values)}"] = value
        return mark

    def _named(self, attribute: str) -> str:
        self.names[mark := f"#{len(self.names)}"] = attribute
        return mark

    def request(self, condition: str) -> dict[str, Any]:
        expression = f"SET {', '.join(self.sets)}"
        if self.removes:
            expression += f" REMOVE {', '.join(self.removes)}"
        return {
            "UpdateExpression": expression,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": self.names,
            "ExpressionAttributeValues": self.values,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }


@dataclass(frozen=True)
class ImportTable:
    """The stage's table, as imports of one source write it."""

    client: Any
    name: str
    source: str
    deleted: str  # the rule: erase, cancel or keep
    spread: Spread = field(default_factory=dict)  # customers whose orders the index has under several keys
    generation: int = 0  # of the copy: one that was begun again replaces what was read at the same place

    def put(self, key: int, order: Order | Gone, at: Position, *, quiet: bool) -> Outcome:
        """Store an order as it was at a place of the log. Raises botocore's errors.

        Repeating it changes nothing, whatever was written in between.
        """
        digest = GONE if isinstance(order, Gone) else items.digest(order)
        rule = self.deleted
        for _ in range(_ATTEMPTS):
            update = self._update(key, order, at, digest, quiet=quiet, rule=rule)
            stored = self._try(order.order_id, update)
            if stored is None:
                return Outcome.REMOVED if isinstance(order, Gone) else Outcome.WRITTEN
            if not stored:  # there is nothing to cancel or to keep: only a tombstone stops an earlier write
                rule = "erase"
                continue
            if outcome := self._refusal(stored, at):
                return outcome
            if stored[items.LEGACY_DIGEST]["S"] == digest and self._raise_stamp(order.order_id, at, digest):
                return Outcome.SAME
        raise RuntimeError(f"{order.order_id} was written by others at each of {_ATTEMPTS} attempts")

    def _stamp(self, at: Position) -> str:
        return f"{at.stamp}:{self.generation:04d}"

    def _refusal(self, stored: Item, at: Position) -> Outcome | None:
        if items.is_owned(stored):
            return Outcome.OWNED
        if stored[items.LEGACY_AT]["S"] >= self._stamp(at):
            return Outcome.OLDER
        return None

    def _update(
        self, key: int, order: Order | Gone, at: Position, digest: str, *, quiet: bool, rule: str
    ) -> dict[str, Any]:
        update = _Update()
        is_removal = isinstance(order, Gone) and rule != "erase"
        kept = self._attributes(update, order, rule)
        for name, value in kept.items():
            update.set(name, value)
        update.set(items.SOURCE_KEY, {"S": items.source_key(self.source, key)})
        stamp, written = update.value({"S": self._stamp(at)}), update.value({"S": digest})
        legacy_at, legacy_digest = update.name(items.LEGACY_AT), update.name(items.LEGACY_DIGEST)
        update.sets += [f"{legacy_at} = {stamp}", f"{legacy_digest} = {written}"]
        version, imported = update.name(order_items.VERSION), update.name(items.IMPORTED_VERSION)
        if not (is_removal and rule == "keep"):
            counted = f"if_not_exists({version}, {update.value({'N': '0'})}) + {update.value({'N': '1'})}"
            update.sets += [f"{version} = {counted}", f"{imported} = {counted}"]
            if quiet:
                update.sets.append(f"{update.name(items.QUIET_VERSION)} = {counted}")
            else:
                update.remove(items.QUIET_VERSION)
        is_later = f"{legacy_at} < {stamp} AND {legacy_digest} <> {written} AND {version} = {imported}"
        if is_removal:
            return update.request(is_later)
        return update.request(f"attribute_not_exists({order_items.ORDER_ID}) OR ({is_later})")

    def _attributes(self, update: _Update, order: Order | Gone, rule: str) -> Mapping[str, Any]:
        """What is set of an order; what its item may have beside it is removed."""
        if isinstance(order, Gone) and rule == "keep":
            return {}
        if isinstance(order, Gone) and rule == "cancel":
            return {
                order_items.STATUS: {"S": OrderStatus.CANCELLED.value},
                "updated_at": {"S": order.at},
                "status_reason": {"S": f"deleted in {self.source}"},
            }
        item = _tombstone(order, self.source) if isinstance(order, Gone) else order_items.to_item(order, self.spread)
        counted = {order_items.VERSION, order_items.ORDER_ID}
        for name in sorted(order_items.ATTRIBUTES - item.keys() - counted):
            update.remove(name)
        return {name: value for name, value in item.items() if name not in counted}

    def _try(self, order_id: str, update: Mapping[str, Any]) -> Item | None:
        """None when it was written; the item that refused it otherwise, {} when there is none."""
        try:
            self.client.update_item(TableName=self.name, Key=order_items.key(order_id), **update)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            refused: Any = error.response
            item: Item = refused.get("Item", {})
            return item
        return None

    def _raise_stamp(self, order_id: str, at: Position, digest: str) -> bool:
        """Note that what is stored is right at a later place too; without this, an older state could replace it."""
        update = _Update()
        stamp, written = update.value({"S": self._stamp(at)}), update.value({"S": digest})
        legacy_at, legacy_digest = update.name(items.LEGACY_AT), update.name(items.LEGACY_DIGEST)
        update.sets.append(f"{legacy_at} = {stamp}")
        version, imported = update.name(order_items.VERSION), update.name(items.IMPORTED_VERSION)
        condition = f"{legacy_digest} = {written} AND {legacy_at} < {stamp} AND {version} = {imported}"
        return self._try(order_id, update.request(condition)) is None


def _tombstone(order: Gone, source: str) -> dict[str, Any]:
    erased = ErasedOrder(order_id=order.order_id, version=0, updated_at=order.at, correlation_id=f"import-{source}")
    return order_items.to_item(erased)
