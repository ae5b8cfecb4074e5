"""One pass over dead-letter queues: each message is received once, and invisible to other commands until the end."""

import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from ordersctl.operate.dlq.dead_letters import DeadLetter
from ordersctl.operate.stage_queues import Queue
from ordersctl.shared.stage import Stage

HOLD_SECONDS = 30  # seconds for which received messages stay invisible if this process is killed at once
_LONGEST_HOLD_SECONDS = 43_200  # SQS's limit, counted from the receive
_GROWTH = 4  # the hold grows at each renewal, so that all renewals of a walk cost no more than the walk itself
_AT_ONCE = 10  # SQS's limit for one receive or change of visibility


class Walk:
    """The messages of some dead-letter queues, in a `with` block at whose end they are visible again.

    Receiving moves nothing: a dead-letter queue has no redrive policy of its own. The id and the receipt handle of each
    message are kept in a temporary file: a queue may be larger than this machine's memory.
    """

    def __init__(
        self,
        stage: Stage,
        queues: Sequence[Queue],
        *,
        most: int = sys.maxsize,
        hold_seconds: int = HOLD_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare a walk; `most` is the number of messages to receive of each queue, `now` a clock in seconds."""
        self._sqs = stage.client("sqs")
        self._wait_seconds = stage.wait_seconds
        self._queues = queues
        self._most = most
        self._hold = hold_seconds
        self._now = now
        self._began = self._renewed = now()
        self._held = sqlite3.connect("", isolation_level=None)  # no name: SQLite's temporary file, deleted at the end
        self._held.execute("CREATE TABLE held (url, id, handle, PRIMARY KEY (url, id)) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        try:
            self._change_visibility(0)
        finally:
            self._held.close()

    def __iter__(self) -> Iterator[DeadLetter]:
        for queue in self._queues:
            yield from self._messages_of(queue)

    def renew_when_due(self) -> None:
        """Hold the messages for longer when a quarter of their time is over; call it between slow steps."""
        if self._now() - self._renewed >= self._hold / _GROWTH:
            self.hold(self._hold * _GROWTH)

    def hold(self, seconds: int) -> None:
        """Hold all messages for at least so many seconds from now on."""
        left = _LONGEST_HOLD_SECONDS - int(self._now() - self._began)
        self._hold = max(1, min(max(seconds, self._hold), left))
        self._renewed = self._now()
        self._change_visibility(self._hold)

    @property
    def is_over(self) -> bool:
        """Whether the hold has ended, because it was not renewed in time, and others can see the messages."""
        return self._now() - self._renewed >= self._hold

    def delete(self, dead_letter: DeadLetter) -> None:
        """Delete a message that was handled."""
        url = dead_letter.queue.url
        self._sqs.delete_message(QueueUrl=url, ReceiptHandle=dead_letter.message["ReceiptHandle"])
        self._held.execute("DELETE FROM held WHERE url = ? AND id = ?", (url, dead_letter.id))

    def _messages_of(self, queue: Queue) -> Iterator[DeadLetter]:
        found = stale = 0  # stale: the number of receives in a row that brought only known messages
        while found < self._most and stale <= found / _AT_ONCE:
            self.renew_when_due()
            messages = self._sqs.receive_message(
                QueueUrl=queue.url,
                MaxNumberOfMessages=min(_AT_ONCE, self._most - found),
                VisibilityTimeout=self._hold,
                WaitTimeSeconds=self._wait_seconds,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
            if not messages:
                return
            fresh = [DeadLetter(queue, message) for message in messages if self._is_new(queue, message)]
            found += len(fresh)
            stale = 0 if fresh else stale + 1
            yield from fresh

    def _is_new(self, queue: Queue, message: dict[str, Any]) -> bool:
        """Note that a message is held, and return whether it is new: SQS may deliver a message twice."""
        names = message["ReceiptHandle"], queue.url, message["MessageId"]
        if self._held.execute("UPDATE held SET handle = ? WHERE url = ? AND id = ?", names).rowcount:
            return False
        self._held.execute("INSERT INTO held (handle, url, id) VALUES (?, ?, ?)", names)
        return True

    def _change_visibility(self, seconds: int) -> None:
        for queue in self._queues:
            handles = self._held.execute("SELECT handle FROM held WHERE url = ?", (queue.url,))
            while some := handles.fetchmany(_AT_ONCE):
                entries = [
                    {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                    for number, (handle,) in enumerate(some)
                ]
                # An entry for a message that is gone or visible again fails by itself, which changes nothing.
                self._sqs.change_message_visibility_batch(QueueUrl=queue.url, Entries=entries)
