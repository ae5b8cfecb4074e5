"""Fakes, in memory, of the parts of SQS, DynamoDB with its stream, SNS and EventBridge that the service uses.

They know no faults and no clock. tests/resilience/test_fake_matches_engine.py runs one script against them and against
the engine and compares the answers. What the service does not use is not modelled, and asking for it fails the test.
"""

import copy
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.adapters import order_items

Item = dict[str, Any]


def refused(operation: str, code: str, *, status: int = 400, **more: Any) -> ClientError:
    metadata = {"HTTPStatusCode": status}
    response: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": metadata, **more}
    return ClientError(response, operation)


# --- SQS -------------------------------------------------------------------------------------------------------------


@dataclass
class Message:
    message_id: str
    body: str
    attributes: dict[str, str]
    group: str | None
    visible_at: float = 0.0  # seconds
    receives: int = 0
    handle: str = ""

    def lambda_record(self) -> Item:
        """The message as Lambda's event source mapping hands it over."""
        return {
            "messageId": self.message_id,
            "receiptHandle": self.handle,
            "body": self.body,
            "attributes": {"ApproximateReceiveCount": str(self.receives)},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:orders",
        }


@dataclass
class Queue:
    """A standard queue. Without a dead-letter queue it keeps a message until it is deleted."""

    name: str
    visibility: float = 120.0  # seconds
    dead_letters: "Queue | None" = None
    max_receives: int = 5
    messages: list[Message] = field(default_factory=list)
    sent: int = 0
    received: int = 0

    def send(self, body: str, attributes: Mapping[str, str], group: str | None = None, copies: int = 1) -> str:
        """Keep a message, as often as it is to be delivered: SQS delivers at least once."""
        self.sent += 1
        message_id = f"{self.name}-{self.sent}"
        self.messages += [Message(message_id, body, dict(attributes), group) for _ in range(copies)]
        return message_id

    def receive(
        self,
        now: float,
        most: int,
        shuffle: Callable[[list[Message]], None] | None = None,
        visibility: float | None = None,
    ) -> list[Message]:
        """Hand out visible messages; the group with the fewest in flight goes first (SQS guide, "fair queues")."""
        self._move_dead_letters(now)
        visible = [message for message in self.messages if message.visible_at <= now]
        if shuffle is not None:
            shuffle(visible)
        in_flight = Counter(message.group for message in self.messages if message.visible_at > now)
        taken: list[Message] = []
        while visible and len(taken) < most:
            chosen = min(visible, key=lambda message: in_flight[message.group] if message.group else 0)
            visible.remove(chosen)
            in_flight[chosen.group] += 1
            self.received += 1
            chosen.receives += 1
            chosen.visible_at = now + (self.visibility if visibility is None else visibility)
            chosen.handle = f"{chosen.message_id}/{self.received}"
            taken.append(chosen)
        return taken

    def delete(self, handle: str) -> bool:
        before = len(self.messages)
        self.messages = [message for message in self.messages if message.handle != handle]
        return len(self.messages) < before

    def _move_dead_letters(self, now: float) -> None:
        if self.dead_letters is None:
            return
        for message in list(self.messages):
            if message.visible_at <= now and message.receives >= self.max_receives:
                self.messages.remove(message)
                message.receives, message.visible_at = 0, 0.0
                self.dead_letters.messages.append(message)


# --- DynamoDB --------------------------------------------------------------------------------------------------------

_ABSENT = re.compile(r"attribute_not_exists\((\w+)\)")
_EQUAL = re.compile(r"(\w+) = (:\w+)")
_ACTION = re.compile(r"(SET|REMOVE) (.+?)(?= REMOVE |$)")


@dataclass
class Table:
    items: dict[str, Item] = field(default_factory=dict)
    stale: dict[str, Item] = field(default_factory=dict)  # each item as it was before its last write
    records: list[Item] = field(default_factory=list)  # of the stream, oldest first

    def put(self, arguments: Mapping[str, Any], now: float) -> Item:
        item = copy.deepcopy(arguments["Item"])
        order_id = item["order_id"]["S"]
        self._check("PutItem", arguments, self.items.get(order_id))
        self._store(order_id, item, now)
        return {}

    def update(self, arguments: Mapping[str, Any], now: float) -> Item:
        """UpdateItem with SET and REMOVE, of an item that exists."""
        order_id = arguments["Key"]["order_id"]["S"]
        old = self.items.get(order_id)
        self._check("UpdateItem", arguments, old)
        assert old is not None, "an update that makes an item is not modelled"
        self._store(order_id, _updated(old, arguments), now)
        return {}

    def _check(self, operation: str, arguments: Mapping[str, Any], old: Item | None) -> None:
        if not _holds(arguments.get("ConditionExpression"), old, arguments.get("ExpressionAttributeValues", {})):
            shown = arguments.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and old is not None
            item: Any = {"Item": copy.deepcopy(old)} if shown else {}
            raise refused(operation, "ConditionalCheckFailedException", **item)

    def _store(self, order_id: str, item: Item, now: float) -> None:
        old = self.items.get(order_id)
        self.items[order_id] = item
        if old is not None:
            self.stale[order_id] = old
        if item != old:
            self.records.append(self._record(order_id, old, item, now))

    def get(self, arguments: Mapping[str, Any]) -> Item:
        """Read an item; an eventually consistent read misses the item's last write."""
        items = self.items if arguments.get("ConsistentRead") else self.stale
        found = items.get(arguments["Key"]["order_id"]["S"])
        return {} if found is None else {"Item": copy.deepcopy(found)}

    def batch_get(self, arguments: Mapping[str, Any]) -> Item:
        """Read items of this table by their keys; in no order, as DynamoDB has it: here the last key comes first."""
        ((name, asked),) = arguments["RequestItems"].items()
        read = (self.get({"Key": key, "ConsistentRead": asked["ConsistentRead"]}) for key in reversed(asked["Keys"]))
        return {"Responses": {name: [answer["Item"] for answer in read if answer]}, "UnprocessedKeys": {}}

    def query(self, arguments: Mapping[str, Any]) -> Item:
        """One page of the index by customer, newest first; or an order by its id, with a filter."""
        if "IndexName" not in arguments:
            return self._query_one(arguments)
        values = {name: value["S"] for name, value in arguments["ExpressionAttributeValues"].items()}
        assert not arguments["ScanIndexForward"]
        entries = sorted(
            (item for item in self.items.values() if item.get("customer_id", {}).get("S") == values[":customer"]),
            key=_placed_key,
            reverse=True,
        )
        if "BETWEEN" in arguments["KeyConditionExpression"]:
            entries = [item for item in entries if values[":from"] <= _placed_key(item) <= values[":to"]]
        if start := arguments.get("ExclusiveStartKey"):
            assert set(start) == {"order_id", "customer_id", "placed_key"}
            is_outside = not values.get(":from", "") <= start["placed_key"]["S"] <= values.get(":to", "~")
            if is_outside or start["customer_id"]["S"] != values[":customer"]:
                raise refused("Query", "ValidationException")  # "The provided starting key is outside query boundaries"
            entries = [item for item in entries if _placed_key(item) < start["placed_key"]["S"]]
        page = entries[: arguments["Limit"]]
        answer: Item = {"ScannedCount": len(page), "Items": [_projected(item) for item in page]}
        wanted = _wanted(arguments.get("FilterExpression"), values)
        answer["Items"] = [
            item for item in answer["Items"] if wanted.items() <= {n: v.get("S") for n, v in item.items()}.items()
        ]
        if len(page) == arguments["Limit"]:
            last = page[-1]
            answer["LastEvaluatedKey"] = {name: last[name] for name in ("order_id", "customer_id", "placed_key")}
        return answer

    def _query_one(self, arguments: Mapping[str, Any]) -> Item:
        assert arguments["KeyConditionExpression"] == "#order = :order"
        assert arguments["FilterExpression"] == (
            "#customer = :customer OR begins_with(#customer, :further) OR attribute_not_exists(#customer)"
        )
        values = arguments["ExpressionAttributeValues"]
        found = self.get({"Key": {"order_id": values[":order"]}, "ConsistentRead": arguments["ConsistentRead"]})
        item = found.get("Item")
        key = None if item is None else item.get("customer_id", values[":customer"])["S"]
        shown = key is not None and (key == values[":customer"]["S"] or key.startswith(values[":further"]["S"]))
        return {"ScannedCount": len(found), "Items": [item] if shown else []}

    def _record(self, order_id: str, old: Item | None, new: Item, now: float) -> Item:
        number = len(self.records)
        change: Item = {
            "ApproximateCreationDateTime": now,
            "Keys": {"order_id": {"S": order_id}},
            "SequenceNumber": str(10**20 + number),
            "StreamViewType": "NEW_AND_OLD_IMAGES",
            "NewImage": copy.deepcopy(new),
        }
        if old is not None:
            change["OldImage"] = copy.deepcopy(old)
        return {
            "eventID": f"record-{number}",
            "eventName": "INSERT" if old is None else "MODIFY",
            "eventSource": "aws:dynamodb",
            "dynamodb": change,
        }


def _wanted(expression: str | None, values: Mapping[str, str]) -> dict[str, str]:
    """The attributes that a filter of the form "#status = :status AND …" asks for."""
    parts = expression.split(" AND ") if expression else []
    assert all(re.fullmatch(r"#(\w+) = :\1", part) for part in parts), f"this filter is not modelled: {expression}"
    return {part.partition(" ")[0][1:]: values[part.rpartition(" ")[2]] for part in parts}


def _holds(condition: str | None, old: Item | None, values: Mapping[str, Any]) -> bool:
    if condition is None:
        return True
    if absent := _ABSENT.fullmatch(condition):
        return old is None or absent[1] not in old
    equal = _EQUAL.fullmatch(condition)
    assert equal, f"this condition is not modelled: {condition}"
    return old is not None and old.get(equal[1]) == values[equal[2]]


def _updated(old: Item, arguments: Mapping[str, Any]) -> Item:
    item = copy.deepcopy(old)
    names, values = arguments["ExpressionAttributeNames"], arguments["ExpressionAttributeValues"]
    for action, parts in _ACTION.findall(arguments["UpdateExpression"]):
        for part in parts.split(", "):
            place, _, value = part.partition(" = ")
            *maps, name = [names[placeholder] for placeholder in place.split(".")]
            target = item
            for each in maps:
                target = target[each]["M"]
            if action == "SET":
                target[name] = copy.deepcopy(values[value])
            else:
                target.pop(name, None)
    return item


def _placed_key(item: Item) -> str:
    return str(item.get("placed_key", {}).get("S", ""))


def _projected(item: Item) -> Item:
    return {name: value for name, value in item.items() if name in order_items.PROJECTED}
