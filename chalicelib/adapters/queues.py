"""The order queue, and the dead-letter queues where what cannot be handled is kept whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.adapters.faults import faults
from chalicelib.domain.errors import Fault

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_DELETE_AT_ONCE = 10  # SQS: DeleteMessageBatch takes ten entries
_MAX_REASON = 256


@dataclass(frozen=True, slots=True)
class OrderQueue:
    client: "SQSClient"
    url: str

    def send(self, command: str, *, order_id: str, customer_id: str) -> None:
        """Hand a command over; when this returns SQS has it on several disks. Raises Fault."""
        # On a standard queue a group orders nothing: it keeps one customer's many orders from delaying another's few
        # (SQS guide, "Amazon SQS fair queues").
        group = order_id if _is_fifo(self.url) else customer_id
        with faults("sqs"):
            self.client.send_message(QueueUrl=self.url, MessageBody=command, MessageGroupId=group)

    def delete(self, receipt_handles: Sequence[str]) -> None:
        """Take handled messages off the queue. Raises Fault when one stayed: it will come again, and change nothing."""
        stayed = 0
        for start in range(0, len(receipt_handles), _DELETE_AT_ONCE):
            handles = receipt_handles[start : start + _DELETE_AT_ONCE]
            with faults("sqs"):
                answer = self.client.delete_message_batch(
                    QueueUrl=self.url,
                    Entries=[{"Id": str(n), "ReceiptHandle": each} for n, each in enumerate(handles)],
                )
            stayed += len(answer.get("Failed", []))
        if stayed:
            raise Fault(f"sqs: {stayed} handled messages could not be deleted")


@dataclass(frozen=True, slots=True)
class DeadLetterQueue:
    client: "SQSClient"
    url: str

    def quarantine(self, body: str, *, reason: str, source: str) -> None:
        """Keep a message or record whole, with the reason and the id it came under. Raises Fault."""
        group: Any = {"MessageGroupId": source or "unknown"} if _is_fifo(self.url) else {}
        with faults("sqs"):
            self.client.send_message(
                QueueUrl=self.url,
                MessageBody=body or " ",  # SQS takes no empty body
                MessageAttributes={
                    "reason": {"DataType": "String", "StringValue": reason[:_MAX_REASON]},
                    "source": {"DataType": "String", "StringValue": source or "unknown"},
                },
                **group,
            )


def _is_fifo(url: str) -> bool:
    return url.endswith(".fifo")
