"""The order queue, and the dead-letter queues, which keep messages and records that can never be processed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.faults import faults
from chalicelib.adapters.fifo import is_fifo
from chalicelib.domain.errors import Fault

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_DELETE_AT_ONCE = 10  # SQS: DeleteMessageBatch takes ten entries
_MAX_REASON = 256  # characters
# Characters that a message must not have: SQS takes only those of XML 1.0. JSON escapes control characters anyway.
_NO_MESSAGE_TEXT = re.compile("[\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class OrderQueue:
    client: "SQSClient"
    url: str
    shared_ids: frozenset[str] = frozenset()  # ids of customers that are many persons each

    def send(self, command: str, *, order_id: str, customer_id: str) -> None:
        """Send a command; on return SQS has stored it on several servers. Raises Fault."""
        # On a standard queue a message group does not keep messages in order: it keeps one customer's many orders from
        # delaying another's few (SQS guide, "Amazon SQS fair queues"). Persons who share an id must not delay each
        # other: a message without a group waits for no other message.
        group: Any = {"MessageGroupId": customer_id}
        if is_fifo(self.url):
            group = {"MessageGroupId": order_id}
        elif customer_id in self.shared_ids:
            group = {}
        with faults("sqs", writes=True):
            self.client.send_message(QueueUrl=self.url, MessageBody=command, **group)

    def delete(self, receipt_handles: Sequence[str]) -> None:
        """Delete processed messages. Raises Fault when SQS kept some: those are delivered again, and change nothing."""
        kept = 0
        for start in range(0, len(receipt_handles), _DELETE_AT_ONCE):
            handles = receipt_handles[start : start + _DELETE_AT_ONCE]
            with faults("sqs"):
                response = self.client.delete_message_batch(
                    QueueUrl=self.url,
                    Entries=[{"Id": str(n), "ReceiptHandle": each} for n, each in enumerate(handles)],
                )
            kept += len(response.get("Failed", []))
        if kept:
            raise Fault(f"sqs: {kept} handled messages could not be deleted")


@dataclass(frozen=True, slots=True)
class DeadLetterQueue:
    client: "SQSClient"
    url: str

    def quarantine(self, body: str, *, reason: str, source: str) -> None:
        """Keep a message or a stream record (JSON) whole, with the reason and its id. Raises Fault."""
        group: Any = {"MessageGroupId": source or "unknown"} if is_fifo(self.url) else {}
        with faults("sqs"):
            self.client.send_message(
                QueueUrl=self.url,
                MessageBody=_message_text(body),
                MessageAttributes={
                    "reason": {"DataType": "String", "StringValue": reason[:_MAX_REASON]},
                    "source": {"DataType": "String", "StringValue": source or "unknown"},
                },
                **group,
            )


def _message_text(body: str) -> str:
    # SQS takes no empty body.
    return _NO_MESSAGE_TEXT.sub(lambda character: f"\\u{ord(character[0]):04x}", body) or " "
