"""A queue as an event source: what Lambda's pollers do with SQS."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ordersctl.local.event_sources.invocation import Function, InvocationError, Report

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import DeleteMessageBatchRequestEntryTypeDef, MessageTypeDef

_SQS_MOST = 10  # messages in one ReceiveMessage or DeleteMessageBatch


@dataclass(frozen=True)
class QueueMapping:
    """One poller's work.

    A message is deleted once its handler is done with it. Else it comes back after its visibility timeout, and goes
    to the dead-letter queue by the queue's own redrive policy.
    """

    sqs: "SQSClient"
    queue_url: str
    queue_arn: str
    function: Function
    report: Report
    handled: Callable[[dict[str, Any]], None] = lambda _record: None
    batch_size: int = 10
    window_seconds: float = 0
    wait_seconds: int = 20

    def poll(self) -> bool:
        """Take one batch through the handler; False if there was none within `wait_seconds`."""
        messages = self._receive()
        if not messages:
            return False
        records = [self._record(message) for message in messages]
        try:
            failed = self.function.failures(records, [record["messageId"] for record in records])
        except InvocationError as error:
            self.report(f"{self.function.name}: batch of {len(records)} failed, it will come again: {error}")
            return True
        if failed:
            self.report(f"{self.function.name}: {len(failed)} of {len(records)} failed, they will come again")
        done = [record for position, record in enumerate(records) if position not in failed]
        self._delete(done)
        for record in done:
            self.handled(record)
        return True

    def _receive(self) -> list["MessageTypeDef"]:
        messages = self._receive_some(self.batch_size, self.wait_seconds)
        deadline = time.monotonic() + self.window_seconds
        while messages and len(messages) < self.batch_size and (left := deadline - time.monotonic()) > 0:
            # Long polling knows whole seconds only; below one, look and take a breath.
            more = self._receive_some(self.batch_size - len(messages), int(left))
            messages += more
            if not more and left < 1:
                time.sleep(min(left, 0.05))
        return messages

    def _receive_some(self, most: int, wait_seconds: int) -> list["MessageTypeDef"]:
        answer = self.sqs.receive_message(
            QueueUrl=self.queue_url,
            MaxNumberOfMessages=min(most, _SQS_MOST),
            WaitTimeSeconds=wait_seconds,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return answer.get("Messages", [])

    def _delete(self, records: list[dict[str, Any]]) -> None:
        for start in range(0, len(records), _SQS_MOST):
            entries: list[DeleteMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "ReceiptHandle": record["receiptHandle"]}
                for number, record in enumerate(records[start : start + _SQS_MOST])
            ]
            # One that is not deleted comes again, and the handler knows it: nothing to do about it here.
            self.sqs.delete_message_batch(QueueUrl=self.queue_url, Entries=entries)

    def _record(self, message: "MessageTypeDef") -> dict[str, Any]:
        """Shape a message as Lambda does (Lambda guide, "Using Lambda with Amazon SQS", example event)."""
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": dict(message.get("Attributes", {})),
            "messageAttributes": {
                name: {
                    "stringValue": value.get("StringValue"),
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": value["DataType"],
                }
                for name, value in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self.queue_arn,
            "awsRegion": self.queue_arn.split(":")[3],
        }
