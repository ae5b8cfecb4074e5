"""The table of orders. Every write is conditional: a repeated one changes nothing."""

import secrets
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.adapters import order_items
from chalicelib.adapters.faults import faults
from chalicelib.adapters.merged_lists import BOUNDS, Bounds, Merged, Step
from chalicelib.aws import retries, timeouts
from chalicelib.domain.errors import Fault, OrderNotFound, VersionConflict
from chalicelib.domain.orders import ErasedOrder, Order, OrderStatus
from chalicelib.settings import Spread

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ABSENT = f"attribute_not_exists({order_items.ORDER_ID})"
_IF_UNCHANGED: Any = {
    "ConditionExpression": f"{order_items.VERSION} = :seen",
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
_MARKS = 4  # marks kept in an item; with more, an order of ten lines would no longer fit in one write unit


_ANSWERS_WITHOUT_PROGRESS = 3

Stored = tuple[str, Order | ErasedOrder | None]  # an order id, and what is stored under it


@dataclass(frozen=True, slots=True)
class Page:
    orders: list[dict[str, str | int]]  # summaries
    last_placed_key: str | None  # where the next page starts; None on the last page


@dataclass(frozen=True, slots=True)
class OrderTable:
    client: "DynamoDBClient"
    name: str
    consistent: bool = True  # whether a read sees every write before it; a read from a cache does not
    spread: Spread = field(default_factory=dict)  # customers whose orders the index has under several keys
    bounds: Bounds = BOUNDS  # of lists

    def add(self, order: Order | ErasedOrder) -> Order | ErasedOrder | None:
        """Store a new order, or the tombstone of one that never was stored.

        Returns the order that already has this id, None if there was none. Raises Fault.
        """
        try:
            with faults("dynamodb", writes=True):
                self.client.put_item(
                    TableName=self.name,
                    Item=order_items.to_item(order, self.spread),
                    ConditionExpression=_ABSENT,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except Fault as fault:
            return order_items.from_item(_refused(fault)["Item"])
        return None

    def get(self, order_id: str, owner: str | None = None) -> Order | ErasedOrder:
        """Read an order; with an owner, only an order of that customer or an erased order.

        Raises OrderNotFound, Fault.
        """

        def read(consistent: bool) -> Any:  # noqa: FBT001
            with faults("dynamodb"):
                key = order_items.key(order_id)
                return self.client.get_item(TableName=self.name, Key=key, ConsistentRead=consistent).get("Item")

        return self._found(order_id, owner, read)

    def get_undisclosed(self, order_id: str, owner: str) -> Order | ErasedOrder:
        """Read an order that is probably not the owner's: DynamoDB's filter keeps back another customer's order.

        So neither the time nor the bytes of the response reveal that it exists. It costs the same read units as get.
        Raises OrderNotFound, Fault.
        """

        def read(consistent: bool) -> Any:  # noqa: FBT001
            with faults("dynamodb"):
                answer = self.client.query(
                    TableName=self.name,
                    KeyConditionExpression="#order = :order",
                    # a tombstone has no customer
                    FilterExpression=(
                        "#customer = :customer OR begins_with(#customer, :further) OR attribute_not_exists(#customer)"
                    ),
                    ExpressionAttributeNames={"#order": order_items.ORDER_ID, "#customer": order_items.CUSTOMER_ID},
                    ExpressionAttributeValues={
                        ":order": {"S": order_id},
                        ":customer": {"S": owner},
                        ":further": {"S": order_items.first_of_further_keys(owner)},
                    },
                    ConsistentRead=consistent,
                )
            return next(iter(answer["Items"]), None)

        return self._found(order_id, owner, read)

    def get_many(self, order_ids: Sequence[str]) -> Iterator[Stored]:
        """Read up to 100 orders by one call, in no order; None for an order that does not exist. Raises Fault."""
        absent = yield from self._batch(order_ids, consistent=self.consistent)
        if absent and not self.consistent:
            absent = yield from self._batch(absent, consistent=True)  # a cache also remembers that an order was absent
        for order_id in absent:
            yield order_id, None

    def _batch(self, order_ids: Sequence[str], *, consistent: bool) -> Generator[Stored, None, list[str]]:
        """The orders that exist; returns the ids of the others."""
        absent = dict.fromkeys(order_ids)
        keys: Any = [order_items.key(order_id) for order_id in order_ids]
        stuck = 0
        while keys:
            with faults("dynamodb"):
                asked: Any = {self.name: {"Keys": keys, "ConsistentRead": consistent}}
                answer: Any = self.client.batch_get_item(RequestItems=asked)
            # Keys are left over where the answer would be larger than 16 MB, and where the table is throttled.
            left = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            stuck = stuck + 1 if len(left) == len(keys) else 0
            for item in answer["Responses"].get(self.name, []):
                order_id = item[order_items.ORDER_ID]["S"]
                absent.pop(order_id)
                yield order_id, order_items.from_item(item)
            if stuck:
                _wait_before_retry(stuck)
            keys = left
        return list(absent)

    def _found(self, order_id: str, owner: str | None, read: Callable[[bool], Any]) -> Order | ErasedOrder:
        item = read(self.consistent)
        if item is None and not self.consistent:
            item = read(True)  # noqa: FBT003 - a cache also remembers that an order was absent
        if item is None or not order_items.may_be_of(item, owner):
            raise OrderNotFound(order_id)
        return order_items.from_item(item)

    def update(self, before: Order, after: Order) -> None:
        """Store the next version of an order: only the attributes that differ, so that those of a newer release stay.

        Raises VersionConflict when another write came first and this one was not made; Fault otherwise, also when it
        may have been made.
        """
        with _recognised_by(after) as mark:
            change = order_items.update(before, after, mark)
            change["ExpressionAttributeValues"][":seen"] = {"N": str(before.version)}
            self.client.update_item(TableName=self.name, Key=order_items.key(after.order_id), **change, **_IF_UNCHANGED)

    def replace(self, tombstone: ErasedOrder) -> None:
        """Store a tombstone in place of an order, and keep nothing of the order; raises the errors of `update`."""
        with _recognised_by(tombstone) as mark:
            self.client.put_item(
                TableName=self.name,
                Item=order_items.to_item(tombstone) | mark,
                ExpressionAttributeValues={":seen": {"N": str(tombstone.version - 1)}},
                **_IF_UNCHANGED,
            )

    def list_for_customer(
        self,
        customer_id: str,
        *,
        limit: int,
        start_after: str | None = None,
        status: OrderStatus | None = None,
        reference: str | None = None,
        placed_after: str | None = None,
        placed_before: str | None = None,
    ) -> Page:
        """List a customer's orders, newest first, `limit` at most; both times are exclusive. Raises Fault."""
        if placed_after and placed_before and placed_after >= placed_before:
            return Page([], None)  # DynamoDB calls an empty range an error
        wanted = {order_items.STATUS: status, order_items.REFERENCE: reference}
        filters = {name: value for name, value in wanted.items() if value is not None}
        query = _query(filters, placed_after, placed_before)

        def read(index_key: str, start_after: str | None, limit: int) -> Step:
            values = {**query["ExpressionAttributeValues"], ":customer": {"S": index_key}}
            start: Any = {}
            if start_after is not None:
                start["ExclusiveStartKey"] = order_items.start_key(index_key, start_after)
            with faults("dynamodb"):
                answer = self.client.query(
                    TableName=self.name, Limit=limit, **query | {"ExpressionAttributeValues": values}, **start
                )
            last = answer.get("LastEvaluatedKey")
            last_placed_key = None if last is None else last[order_items.PLACED_KEY]["S"]
            return Step(answer["Items"], answer["ScannedCount"], last_placed_key)

        keys = order_items.index_keys(customer_id, self.spread)
        merged = Merged(keys, read, is_filtered=bool(filters), bounds=self.bounds)
        entries, last = merged.page(limit, start_after)
        return Page([order_items.to_summary(entry) for entry in entries], last)


@contextmanager
def _recognised_by(order: Order | ErasedOrder) -> Iterator[dict[str, Any]]:
    """Yield the attribute with the mark of this write, by which a retry recognises it.

    Raises VersionConflict when the write was refused and not made; any other error as Fault.
    """
    mark = secrets.token_urlsafe(6)
    marks = " ".join([mark, *(order.change_id or "").split()[: _MARKS - 1]])
    try:
        with faults("dynamodb", writes=True):
            yield {order_items.CHANGE_ID: {"S": marks}}
    except Fault as fault:
        # The client repeats a write whose response was lost. The repeated write is refused because of its own first
        # attempt, or because of another write that followed that attempt.
        refused = _refused(fault)
        stored_version, stored_marks = order_items.last_changes(refused.get("Item", {}))
        if mark in stored_marks:
            return
        # Each version is written once, and its mark stays in the item for the next few versions.
        is_known = stored_version - order.version < max(1, len(stored_marks))
        if is_known or not _may_have_taken_effect(refused):
            raise VersionConflict(order.order_id) from fault
        raise Fault("dynamodb: the marks do not say whether a write was made", may_have_taken_effect=True) from fault


def _wait_before_retry(attempt: int) -> None:
    """Raises Fault after the last attempt, and when no time is left to wait."""
    pause = retries.pause_seconds(attempt)
    if attempt == _ANSWERS_WITHOUT_PROGRESS or timeouts.seconds_left() <= pause:
        raise Fault("dynamodb: unprocessed keys")
    time.sleep(pause)


def _query(filters: Mapping[str, str], placed_after: str | None, placed_before: str | None) -> dict[str, Any]:
    """A query of the index, without the value of `:customer`."""
    names = {"#customer": order_items.CUSTOMER_ID}
    values: dict[str, Any] = {}
    keys = "#customer = :customer"
    if placed_after or placed_before:
        names["#placed"] = order_items.PLACED_KEY
        # "#" sorts before every character that follows a timestamp's last digit, "$" right after "#".
        values[":from"] = {"S": f"{placed_after}$" if placed_after else "0"}
        values[":to"] = {"S": placed_before or "~"}  # sorts after every year
        keys += " AND #placed BETWEEN :from AND :to"
    query: dict[str, Any] = {
        "IndexName": order_items.INDEX,
        "KeyConditionExpression": keys,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
        "ScanIndexForward": False,
    }
    for name, value in filters.items():
        names[f"#{name}"] = name
        values[f":{name}"] = {"S": str(value)}
    if filters:
        query["FilterExpression"] = " AND ".join(f"#{name} = :{name}" for name in filters)
    return query


def _refused(fault: Fault) -> Any:
    """The response to a write whose condition failed; raises any other error again."""
    cause = fault.__cause__
    if isinstance(cause, ClientError) and cause.response["Error"].get("Code") == "ConditionalCheckFailedException":
        return cause.response
    raise fault


def _may_have_taken_effect(refused: Any) -> bool:
    """Whether an earlier attempt of a refused write may have taken effect."""
    metadata = refused.get("ResponseMetadata", {})
    # chalicelib/aws counts these attempts. With a client that does not count them, any earlier attempt may be one.
    return bool(metadata.get("AmbiguousAttempts", metadata.get("RetryAttempts", 0)))
