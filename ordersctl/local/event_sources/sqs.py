"""A queue as an event source, polled as Lambda polls SQS."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ordersctl.local.event_sources.invocation import Function, InvocationError, Report

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import DeleteMessageBatchRequestEntryTypeDef, MessageTypeDef

# Shorter than Lambda's 20 s: if this process is killed, the engine still answers its open receives, and the messages in
# those answers stay invisible until their visibility timeout.
WAIT_SECONDS = 1
_SQS_MOST = 10  # messages in one ReceiveMessage or DeleteMessageBatch


@dataclass(frozen=True)
class QueueMapping:
    """One poller of a queue.

    A message is deleted once its handler has handled it. A message that failed is visible again after its visibility
    timeout, and is moved to the dead-letter queue by the queue's own redrive policy.
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
    paused: Callable[[], bool] = lambda: False

    @classmethod
    def of(
        cls, sqs: "SQSClient", queue_name: str, function: Function, report: Report, **settings: Any
    ) -> "QueueMapping":
        """Return the mapping of an existing queue; `settings` are the other fields. Raises botocore's errors."""
        url = sqs.get_queue_url(QueueName=queue_name)["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        settings.setdefault("wait_seconds", WAIT_SECONDS)
        return cls(
            sqs=sqs, queue_url=url, queue_arn=attributes["QueueArn"], function=function, report=report, **settings
        )

    def poll(self) -> bool:
        """Handle one batch; False if no message came within `wait_seconds`."""
        messages = self._receive()
        if not messages:
            return False
        if self.paused():  # while it waited: within a second a hundred orders may come
            self._give_back(messages)
            return False
        records = [self._record(message) for message in messages]
        try:
            failed = self.function.failures(records, [record["messageId"] for record in records])
        except InvocationError as error:
            self.report(f"{self.function.name}: batch of {len(records)} failed, it will be retried: {error}")
            return True
        if failed:
            self.report(f"{self.function.name}: {len(failed)} of {len(records)} failed, they will be retried")
        done = [record for position, record in enumerate(records) if position not in failed]
        self._delete(done)
        for record in done:
            self.handled(record)
        return True

    def _give_back(self, messages: list["MessageTypeDef"]) -> None:
        for message in messages:
            self.sqs.change_message_visibility(
                QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )

    def _receive(self) -> list["MessageTypeDef"]:
        messages = self._receive_some(self.batch_size, self.wait_seconds)
        deadline = time.monotonic() + self.window_seconds
        while messages and len(messages) < self.batch_size and (left := deadline - time.monotonic()) > 0:
            # Long polling takes whole seconds only; for a shorter wait, receive without waiting and pause.
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
            # A message that is not deleted is delivered again, and its handler recognises it: no need to check here.
            self.sqs.delete_message_batch(QueueUrl=self.queue_url, Entries=entries)

    def _record(self, message: "MessageTypeDef") -> dict[str, Any]:
        """Return a message as Lambda passes it (Lambda guide, "Using Lambda with Amazon SQS", example event)."""
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
