"""What a consumer of order events needs: an inbox, and a way back to the API.

Events may come twice and out of order. The inbox is one item per order: the highest sequence handled, and what this
consumer made of it. What is not higher has been seen, or is older than what was seen, and is dropped.
"""

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import boto3

Order = dict[str, Any]
State = dict[str, Any]
Move = Callable[[str], Order]  # asks for a status; returns the order as it is then, which may have another

_TIMEOUT_SECONDS = 2
_TRIES = 3
_GONE = {404, 410}
_NOT_AS_KNOWN = {409, 412, *_GONE}  # the order is no longer what we know of it


class KeepsChangingError(Exception):
    """The order was changed by others at each try to move it."""


@dataclass
class Consumer:
    name: str
    inbox_table: str
    api_url: str
    token: str  # of a service: see examples/README.md for where it comes from in production

    @classmethod
    def from_env(cls, name: str) -> "Consumer":
        url = os.environ.get("ORDERS_API_URL", "http://127.0.0.1:8000")
        return cls(name, os.environ["INBOX_TABLE"], url.rstrip("/"), os.environ.get("ORDERS_TOKEN", ""))

    def handle(self, body: str, act: Callable[[Order, Move], State]) -> None:
        """Take in one event. `act` returns what this consumer makes of the order; it must be safe to repeat.

        Who dies between two moves gets the event again: the first move then finds done what was done.

        Raises whatever goes wrong: SQS delivers the message again, and after some times to the dead-letter queue.
        """
        event = json.loads(body)
        sequence = int(event["sequence"])
        if sequence <= self._last_sequence(event["subject"]):
            self._tell("dropped", event)
            return
        order = event["data"] if "data" in event else self._read(event["dataref"], event)

        def move(status: str) -> Order:
            nonlocal order
            order = self._move(order, status, event)
            return order

        state = act(order, move)
        # Only now: who dies before this line gets the event again. And by the event's own sequence, whatever version
        # was read meanwhile: the event of that version is still to come, and is not to be dropped.
        noted = self._note(event, sequence, state)
        self._tell("handled" if noted else "dropped", event)

    def _last_sequence(self, order_id: str) -> int:
        found = self._table.get_item(Key={"order_id": order_id}, ConsistentRead=True)
        return int(found.get("Item", {}).get("sequence", 0))

    def _note(self, event: dict[str, Any], sequence: int, state: State) -> bool:
        """Write the order's item, unless a later event was faster."""
        item = {"order_id": event["subject"], "sequence": sequence, "event_id": event["id"], **state}
        try:
            self._table.put_item(
                Item=item,
                ConditionExpression="attribute_not_exists(order_id) OR #sequence < :sequence",
                ExpressionAttributeNames={"#sequence": "sequence"},
                ExpressionAttributeValues={":sequence": sequence},
            )
        except self._table.meta.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _read(self, path: str, event: dict[str, Any]) -> Order:
        """Read the order as it is now, which may be later than the event."""
        try:
            return self._call("GET", path, event)
        except urllib.error.HTTPError as error:
            if error.code not in _GONE:
                raise
            return {"order_id": event["subject"], "status": "erased"}

    def _move(self, order: Order, status: str, event: dict[str, Any]) -> Order:
        """Ask for a status, unless the order has left the one it is known to have; return the order as it is then.

        Raises KeepsChangingError, and HTTPError for what is not about the order.
        """
        path, left = f"/orders/{order['order_id']}", order["status"]
        for _ in range(_TRIES):
            try:
                return self._call("PATCH", path, event, {"status": status}, {"If-Match": f'"{order["version"]}"'})
            except urllib.error.HTTPError as error:
                if error.code not in _NOT_AS_KNOWN:
                    raise
            order = self._read(path, event)
            if order["status"] != left:
                return order  # moved by someone else; or by us, before we died
        raise KeepsChangingError(f"{event['subject']} is still {left}, and was changed {_TRIES} times meanwhile")

    def _call(
        self,
        method: str,
        path: str,
        event: dict[str, Any],
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Order:
        trace = {"traceparent": event["traceparent"]} if "traceparent" in event else {}
        request = urllib.request.Request(  # noqa: S310 - the scheme is our own setting's
            self.api_url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/merge-patch+json",
                **trace,
                **(headers or {}),
            },
        )
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - see above
            order: Order = json.load(answer)
            return order

    @cached_property
    def _table(self) -> Any:
        return boto3.resource("dynamodb").Table(self.inbox_table)

    def _tell(self, what: str, event: dict[str, Any]) -> None:
        """Log one line that joins this consumer to the order's other hops: ids only."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        ids = {"event_id": event["id"], "order_id": event["subject"], "correlation_id": event["correlationid"]}
        trace = {"traceparent": event["traceparent"]} if "traceparent" in event else {}
        line = {"time": now, "event": f"{self.name}.{what}", "type": event["type"], **ids, **trace}
        print(json.dumps(line), flush=True)
