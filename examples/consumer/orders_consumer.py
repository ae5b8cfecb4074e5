"""The shared code of consumers of order events: an inbox, and calls to the Orders API.

Events may be delivered twice and out of order. The inbox has one item per order: the highest sequence handled, and the
consumer's own result. An event whose sequence is not higher is a duplicate or outdated, and is dropped.
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
from http import HTTPStatus
from typing import Any

import boto3
from service_token import ServiceToken

Order = dict[str, Any]
State = dict[str, Any]
# a function that asks for a status; returns the order afterwards, which may have another status
Move = Callable[[str], Order]

_TIMEOUT_SECONDS = 2
_TRIES = 3
_GONE = {404, 410}
_CHANGED_MEANWHILE = {409, 412, *_GONE}  # the order is not the version that the event named


class KeepsChangingError(Exception):
    """The order was changed by others at each try to change its status."""


@dataclass
class Consumer:
    name: str
    inbox_table: str
    api_url: str
    token: ServiceToken

    @classmethod
    def from_env(cls, name: str) -> "Consumer":
        url = os.environ.get("ORDERS_API_URL", "http://127.0.0.1:8000")
        return cls(name, os.environ["INBOX_TABLE"], url.rstrip("/"), ServiceToken.from_env())

    def handle(self, body: str, act: Callable[[Order, Move], State]) -> None:
        """Handle one event. `act` returns the consumer's result for the order, and must be safe to repeat.

        If the process dies between two moves, SQS delivers the event again, and the first move finds its work done.

        Any error is raised: SQS then delivers the message again, and finally moves it to the dead-letter queue.
        """
        event = json.loads(body)
        sequence = int(event["sequence"])
        if sequence <= self._last_sequence(event["subject"]):
            self._log("dropped", event)
            return
        order = event["data"] if "data" in event else self._read(event["dataref"], event)

        def move(status: str) -> Order:
            nonlocal order
            order = self._move(order, status, event)
            return order

        state = act(order, move)
        # Last, so that the event is delivered again if the process dies before this line. With the event's own
        # sequence, even if a newer version was read: the event of that version is still to come, and must be handled.
        recorded = self._record(event, sequence, state)
        self._log("handled" if recorded else "dropped", event)

    def _last_sequence(self, order_id: str) -> int:
        found = self._table.get_item(Key={"order_id": order_id}, ConsistentRead=True)
        return int(found.get("Item", {}).get("sequence", 0))

    def _record(self, event: dict[str, Any], sequence: int, state: State) -> bool:
        """Write the order's item; False if a later event has been recorded already."""
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
        """Read the order as it is now, which may be newer than the event."""
        try:
            return self._call("GET", path, event)
        except urllib.error.HTTPError as error:
            if error.code not in _GONE:
                raise
            return {"order_id": event["subject"], "status": "erased"}

    def _move(self, order: Order, status: str, event: dict[str, Any]) -> Order:
        """Ask the API for a status, unless the order's status has changed meanwhile; return the order afterwards.

        Raises KeepsChangingError, and HTTPError when the API or the token fails.
        """
        path, known = f"/orders/{order['order_id']}", order["status"]
        for _ in range(_TRIES):
            try:
                return self._call("PATCH", path, event, {"status": status}, {"If-Match": f'"{order["version"]}"'})
            except urllib.error.HTTPError as error:
                if error.code not in _CHANGED_MEANWHILE:
                    raise
            order = self._read(path, event)
            if order["status"] != known:
                return order  # changed by another caller, or by an earlier run of this consumer that died
        raise KeepsChangingError(f"{event['subject']} is still {known}, and was changed {_TRIES} times meanwhile")

    def _call(
        self,
        method: str,
        path: str,
        event: dict[str, Any],
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Order:
        """Call the API; a token that it refuses is renewed once. Raises HTTPError."""
        try:
            return self._send(method, path, event, body, headers or {})
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.UNAUTHORIZED:
                raise
        self.token.forget()
        return self._send(method, path, event, body, headers or {})

    def _send(
        self, method: str, path: str, event: dict[str, Any], body: dict[str, Any] | None, headers: dict[str, str]
    ) -> Order:
        trace = {"traceparent": event["traceparent"]} if "traceparent" in event else {}
        request = urllib.request.Request(  # noqa: S310 - the scheme comes from a setting
            self.api_url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.token.value()}",
                "Content-Type": "application/merge-patch+json",
                **trace,
                **headers,
            },
        )
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - see above
            order: Order = json.load(answer)
            return order

    @cached_property
    def _table(self) -> Any:
        return boto3.resource("dynamodb").Table(self.inbox_table)

    def _log(self, what: str, event: dict[str, Any]) -> None:
        """Log one line with ids only, which join it to the lines of the order's other hops."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        ids = {"event_id": event["id"], "order_id": event["subject"], "correlation_id": event["correlationid"]}
        trace = {"traceparent": event["traceparent"]} if "traceparent" in event else {}
        line = {"time": now, "event": f"{self.name}.{what}", "type": event["type"], **ids, **trace}
        print(json.dumps(line), flush=True)
