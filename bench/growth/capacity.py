"""The cost of calls to DynamoDB: the items that each reads, and its capacity units by DynamoDB's published rules.

The rules: Developer Guide, "DynamoDB read and write operations" (READ_WRITE) and "Using Global Secondary Indexes in
DynamoDB", "Provisioned throughput considerations" (INDEX_WRITES). The engine's own figure is recorded too, but no
engine's figure is complete: ministack reports 0.5 or 1 for any read, whatever its size; dynalite omits the index from
writes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from botocore.exceptions import ClientError

from chalicelib.adapters import order_items
from testkit.item_sizes import WRITE_UNIT, index_entry, item_size

READ_WRITE = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html"
INDEX_WRITES = "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html#GSI.ThroughputConsiderations"
READ_UNIT = 4096  # bytes

_Item = Mapping[str, Any] | None


@dataclass(frozen=True)
class Call:
    """One call: the items or index entries that it read, those that it returned, and its request units by the rules."""

    operation: str
    read: int
    returned: int
    units: float
    engine_units: float | None = None  # None where the engine reports none


@dataclass
class Counting:
    """A DynamoDB client that records its calls. It has only the operations that OrderTable uses."""

    client: Any
    calls: list[Call] = field(default_factory=list)

    def get_item(self, **parameters: Any) -> Any:
        answer = self.client.get_item(**parameters, ReturnConsumedCapacity="INDEXES")
        item = answer.get("Item")
        units = read_units(item_size(item or {}), consistent=parameters.get("ConsistentRead", False))
        self.calls.append(Call("GetItem", 1, int(item is not None), units, _reported(answer)))
        return answer

    def query(self, **parameters: Any) -> Any:
        answer = self.client.query(**parameters, ReturnConsumedCapacity="INDEXES")
        # Entries that a filter drops are billed but not returned: the page is queried again without the filter.
        whole = self.client.query(**_without_filter(parameters)) if "FilterExpression" in parameters else answer
        read = whole["Items"]
        assert len(read) == answer["ScannedCount"]  # noqa: S101 - otherwise the units are not those of this page
        units = read_units(sum(map(item_size, read)), consistent=parameters.get("ConsistentRead", False))
        self.calls.append(Call("Query", len(read), answer["Count"], units, _reported(answer)))
        return answer

    def put_item(self, **parameters: Any) -> Any:
        return self._written("PutItem", self.client.put_item, parameters["Item"], parameters)

    def update_item(self, **parameters: Any) -> Any:
        return self._written("UpdateItem", self.client.update_item, parameters["Key"], parameters)

    def _written(self, operation: str, write: Callable[..., Any], key: Mapping[str, Any], parameters: Any) -> Any:
        old = self._stored(parameters["TableName"], key)
        try:
            answer = write(**parameters, ReturnConsumedCapacity="INDEXES")
        except ClientError as refusal:
            if refusal.response["Error"].get("Code") == "ConditionalCheckFailedException":
                self.calls.append(Call(operation, 0, 0, _write_units(item_size(old or {}))))
                if old is not None:  # DynamoDB returns it on request; dynalite does not
                    cast("dict[str, Any]", refusal.response).setdefault("Item", old)
            raise
        new = self._stored(parameters["TableName"], key)
        self.calls.append(Call(operation, 0, 0, put_units(old, new), _reported(answer)))
        return answer

    def _stored(self, table: str, key: Mapping[str, Any]) -> _Item:
        key = order_items.key(key[order_items.ORDER_ID]["S"])
        found: _Item = self.client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
        return found


def read_units(size: int, *, consistent: bool) -> float:
    """Read units of an item or a page of `size` bytes; a missing item costs as much as the smallest (READ_WRITE)."""
    return max(1, -(-size // READ_UNIT)) / (1 if consistent else 2)


def put_units(old: _Item, new: _Item) -> float:
    """Write units of replacing or updating an item, including its index entry (READ_WRITE, INDEX_WRITES)."""
    return _write_units(max(item_size(old or {}), item_size(new or {}))) + _index_units(old, new)


def _index_units(old: _Item, new: _Item) -> float:
    """Write units of the index: an entry that is added, removed or changed is one write, one whose key changes two."""
    entries = [index_entry(item) if item and order_items.CUSTOMER_ID in item else None for item in (old, new)]
    sizes = [item_size(entry) for entry in entries if entry is not None]
    if not sizes or entries[0] == entries[1]:
        return 0
    if len(sizes) == len(entries) and _index_keys(old) != _index_keys(new):
        return sum(map(_write_units, sizes))
    return _write_units(max(sizes))


def _index_keys(item: _Item) -> list[Any]:
    return [(item or {})[name] for name in (order_items.CUSTOMER_ID, order_items.PLACED_KEY)]


def _write_units(size: int) -> float:
    return float(max(1, -(-size // WRITE_UNIT)))


def _without_filter(query: Mapping[str, Any]) -> dict[str, Any]:
    """The same query without its filter, and without the names and values that only the filter uses."""
    keys = query["KeyConditionExpression"]
    unfiltered = {name: value for name, value in query.items() if name != "FilterExpression"}
    for name in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        unfiltered[name] = {used: value for used, value in query[name].items() if used in keys}
    return unfiltered


def _reported(answer: Mapping[str, Any]) -> float | None:
    reported = answer.get("ConsumedCapacity", {}).get("CapacityUnits")
    return None if reported is None else float(reported)
