"""The table of orders. Every write is conditional: a repeated one changes nothing."""

import secrets
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.adapters import order_items
from chalicelib.adapters.faults import faults
from chalicelib.aws import retries, timeouts
from chalicelib.domain.errors import Fault, OrderNotFound, VersionConflict
from chalicelib.domain.orders import ErasedOrder, Order, OrderStatus

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ABSENT = f"attribute_not_exists({order_items.ORDER_ID})"
_IF_UNCHANGED: Any = {
    "ConditionExpression": f"{order_items.VERSION} = :seen",
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
_MARKS = 4  # as many as leave ten lines within one write unit
_STEP = 100
_READ_AT_MOST = 1_000  # index entries per call: a filter that matches few orders ends in a cursor, not in a long wait


_ANSWERS_WITHOUT_PROGRESS = 3

Stored = tuple[str, Order | ErasedOrder | None]  # an order id, and what is stored under it


@dataclass(frozen=True, slots=True)
class Page:
    orders: list[dict[str, str | int]]  # summaries
    last_placed_key: str | None  # where the next page starts; None at the end


@dataclass(frozen=True, slots=True)
class OrderTable:
    client: "DynamoDBClient"
    name: str
    consistent: bool = True  # whether a read sees every write before it; one from a cache does not

    def add(self, order: Order) -> Order | ErasedOrder | None:
        """Store a new order; returns the order that has its id already, None when there was none. Raises Fault."""
        try:
            with faults("dynamodb", writes=True):
                self.client.put_item(
                    TableName=self.name,
                    Item=order_items.to_item(order),
                    ConditionExpression=_ABSENT,
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
        except Fault as fault:
            return order_items.from_item(_refused(fault)["Item"])
        return None

    def get(self, order_id: str, owner: str | None = None) -> Order | ErasedOrder:
        """Read an order; with an owner, only theirs (an erased one names none). Raises OrderNotFound, Fault."""

        def read(consistent: bool) -> Any:  # noqa: FBT001
            with faults("dynamodb"):
                key = order_items.key(order_id)
                return self.client.get_item(TableName=self.name, Key=key, ConsistentRead=consistent).get("Item")

        return self._found(order_id, owner, read)

    def get_undisclosed(self, order_id: str, owner: str) -> Order | ErasedOrder:
        """Read an order that is probably not the owner's: another customer's does not leave the table.

        So neither the time nor the bytes of the response reveal that it exists. It costs the same read units as get.
        Raises OrderNotFound, Fault.
        """

        def read(consistent: bool) -> Any:  # noqa: FBT001
            with faults("dynamodb"):
                answer = self.client.query(
                    TableName=self.name,
                    KeyConditionExpression="#order = :order",
                    FilterExpression="#customer = :customer OR attribute_not_exists(#customer)",  # a tombstone has none
                    ExpressionAttributeNames={"#order": order_items.ORDER_ID, "#customer": order_items.CUSTOMER_ID},
                    ExpressionAttributeValues={":order": {"S": order_id}, ":customer": {"S": owner}},
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
        """Store the next version of an order: only what differs, so that attributes of a newer release stay.

        Raises VersionConflict when another write came first and this one was not made; Fault, also when it may have
        been made.
        """
        with _recognised_by(after) as mark:
            change = order_items.update(before, after, mark)
            change["ExpressionAttributeValues"][":seen"] = {"N": str(before.version)}
            self.client.update_item(TableName=self.name, Key=order_items.key(after.order_id), **change, **_IF_UNCHANGED)

    def replace(self, tombstone: ErasedOrder) -> None:
        """Store a tombstone in place of an order, of which nothing is left; raises what `update` raises."""
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
        query = _query(customer_id, filters, placed_after, placed_before)
        found: list[dict[str, str | int]] = []
        read = 0
        last = start_after
        while len(found) < limit and read < _READ_AT_MOST:
            if last is not None:
                query["ExclusiveStartKey"] = order_items.index_key(customer_id, last)
            room = limit - len(found)
            with faults("dynamodb"):
                # One entry more than is shown says whether there is a next page. With a filter larger steps save calls.
                answer = self.client.query(TableName=self.name, Limit=_STEP if filters else room + 1, **query)
            entries = answer["Items"]
            read += answer["ScannedCount"]
            found += [order_items.to_summary(entry) for entry in entries[:room]]
            if len(entries) > room:
                last = entries[room - 1][order_items.PLACED_KEY]["S"]
            elif "LastEvaluatedKey" in answer:
                last = answer["LastEvaluatedKey"][order_items.PLACED_KEY]["S"]
            else:
                return Page(found, None)
        return Page(found, last)


@contextmanager
def _recognised_by(order: Order | ErasedOrder) -> Iterator[dict[str, Any]]:
    """Give the attribute with the mark of a version's write; raise what its refusal means, other errors as Fault."""
    mark = secrets.token_urlsafe(6)
    marks = " ".join([mark, *(order.change_id or "").split()[: _MARKS - 1]])
    try:
        with faults("dynamodb", writes=True):
            yield {order_items.CHANGE_ID: {"S": marks}}
    except Fault as fault:
        # The client repeats a write whose response was lost. It is refused for its own first try, or for another write
        # that followed it.
        refused = _refused(fault)
        stored_version, stored_marks = order_items.last_changes(refused.get("Item", {}))
        if mark in stored_marks:
            return
        # Each version is written once, and its mark is kept for the next few versions.
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


def _query(
    customer_id: str, filters: Mapping[str, str], placed_after: str | None, placed_before: str | None
) -> dict[str, Any]:
    names = {"#customer": order_items.CUSTOMER_ID}
    values: dict[str, Any] = {":customer": {"S": customer_id}}
    keys = "#customer = :customer"
    if placed_after or placed_before:
        names["#placed"] = order_items.PLACED_KEY
        # "#" sorts before every character that follows a timestamp's last digit, "$" right after "#".
        values[":from"] = {"S": f"{placed_after}$" if placed_after else "0"}
        values[":to"] = {"S": placed_before or "~"}  # after every year
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
    """The response to a write whose condition failed; raises any other fault again."""
    cause = fault.__cause__
    if isinstance(cause, ClientError) and cause.response["Error"].get("Code") == "ConditionalCheckFailedException":
        return cause.response
    raise fault


def _may_have_taken_effect(refused: Any) -> bool:
    """Whether an earlier attempt of a refused write may have been the one that was made."""
    metadata = refused.get("ResponseMetadata", {})
    # chalicelib/aws counts these attempts; of a client that does not, any attempt before may be one.
    return bool(metadata.get("AmbiguousAttempts", metadata.get("RetryAttempts", 0)))
