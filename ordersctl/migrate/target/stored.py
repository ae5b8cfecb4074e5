"""Reading imported orders back from the table, as they are stored."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from ordersctl.migrate.target import imported_items
from ordersctl.migrate.target.imported_items import Item
from ordersctl.migrate.target.writes import ImportTable

_AT_ONCE = 100  # BatchGetItem's limit
_PAUSE_SECONDS = 0.5  # before what a throttled table has left out is asked for again


def by_id(table: ImportTable, order_ids: Sequence[str]) -> dict[str, Item]:
    """The items of these orders, by id, as of now. Raises botocore's errors."""
    found: dict[str, Item] = {}
    for start in range(0, len(order_ids), _AT_ONCE):
        keys: Any = [{"order_id": {"S": each}} for each in order_ids[start : start + _AT_ONCE]]
        while keys:
            answer = table.client.batch_get_item(RequestItems={table.name: {"Keys": keys, "ConsistentRead": True}})
            found |= {item["order_id"]["S"]: item for item in answer["Responses"].get(table.name, [])}
            keys = answer.get("UnprocessedKeys", {}).get(table.name, {}).get("Keys")
            if keys:
                time.sleep(_PAUSE_SECONDS)
    return found


def pages(table: ImportTable) -> Iterator[dict[int, Item]]:
    """All imported orders of the source, by their numbers, a page of the table at a time. Raises botocore's errors."""
    names = {"#key": imported_items.SOURCE_KEY}
    values = {":source": {"S": f"{table.source}/"}}
    paginator = table.client.get_paginator("scan")
    for page in paginator.paginate(
        TableName=table.name,
        ConsistentRead=True,
        FilterExpression="begins_with(#key, :source)",
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=values,
        PaginationConfig={"PageSize": 500},
    ):
        found = {imported_items.key_of(item, table.source): item for item in page["Items"]}
        yield {key: item for key, item in found.items() if key is not None}
