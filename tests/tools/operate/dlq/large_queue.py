"""A dead-letter queue of many messages, in memory: it counts calls, and each call advances its clock."""

import json
import math
from collections import Counter, deque
from typing import Any

from ordersctl.shared.stage import Stage

SECONDS_PER_CALL = 0.05  # the seconds that a call to SQS takes from a laptop
DEAD_LETTERS_URL = "https://sqs.example/1/orders-large-queue-dlq"


class LargeQueue:
    """boto3's client for one standard queue. A message is (id, order id, reason); its body is 2 KB."""

    def __init__(self, messages: list[tuple[str, str, str]]) -> None:
        self.calls: Counter[str] = Counter()
        self.now = 0.0
        self.messages = {message[0]: message for message in messages}
        self._visible = deque(self.messages)
        self._held: dict[str, float] = {}  # id -> when it is visible again
        self._first_return = math.inf

    def receive_message(self, *, MaxNumberOfMessages: int, VisibilityTimeout: int, **_: Any) -> dict[str, Any]:  # noqa: N803
        self._call("receive")
        # Those whose hold is over come first: the worst case for a walk, and possible on a standard queue.
        self._return_expired()
        taken = [self._visible.popleft() for _ in range(min(MaxNumberOfMessages, len(self._visible)))]
        for each in taken:
            self._hold(each, VisibilityTimeout)
        return {"Messages": [self._message(each) for each in taken]} if taken else {}

    def change_message_visibility_batch(self, *, Entries: list[Any], **_: Any) -> dict[str, Any]:  # noqa: N803
        self._call("change visibility")
        for each in Entries:
            if each["ReceiptHandle"] in self._held:
                self._hold(each["ReceiptHandle"], each["VisibilityTimeout"])
        return {}

    def held(self) -> int:
        """How many messages are invisible."""
        return sum(until > self.now for until in self._held.values())

    def _hold(self, message_id: str, seconds: int) -> None:
        self._held[message_id] = self.now + seconds
        self._first_return = min(self._first_return, self._held[message_id])

    def _return_expired(self) -> None:
        if self.now < self._first_return:
            return
        for message_id in [each for each, until in self._held.items() if until <= self.now]:
            del self._held[message_id]
            self._visible.appendleft(message_id)
        self._first_return = min(self._held.values(), default=math.inf)

    def _call(self, name: str) -> None:
        self.calls[name] += 1
        self.now += SECONDS_PER_CALL

    def _message(self, message_id: str) -> dict[str, Any]:
        _, order_id, reason = self.messages[message_id]
        return {
            "MessageId": message_id,
            "ReceiptHandle": message_id,
            "Body": json.dumps({"order_id": order_id, "padding": "x" * 2_000}),
            "Attributes": {"SentTimestamp": "1700000000000"},
            "MessageAttributes": {"reason": {"DataType": "String", "StringValue": reason}},
        }


class _Session:
    """boto3's session of a machine that has one queue."""

    def __init__(self, queue: LargeQueue) -> None:
        self._queue = queue

    def client(self, _service: str, **_: Any) -> LargeQueue:
        return self._queue


def stage_of(queue: LargeQueue) -> Stage:
    session: Any = _Session(queue)
    return Stage("large", session, {})
