"""The event topic (SNS): publishing in batches, and reading what did not get through."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.aws import faults
from chalicelib.errors import Fault
from chalicelib.events import OrderEvent

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

# SNS: PublishBatch takes ten entries and 256 KiB together; bodies and attributes count.
_ENTRIES_AT_ONCE = 10
_BYTES_AT_ONCE = 256 * 1024
_ATTEMPTS = 3
# A call refused with one of these would be refused again: the fault is in what is published.
_CONTENT_ERRORS = {
    "InvalidParameter",
    "InvalidParameterValue",
    "BatchRequestTooLong",
    "InvalidMessageContents",
}


@dataclass(frozen=True, slots=True)
class Undelivered:
    index: int  # of the event in what was to be published
    reason: str
    for_ever: bool  # whether the same event would be refused again


@dataclass(frozen=True, slots=True)
class EventTopic:
    client: "SNSClient"
    arn: str

    def publish(self, events: Sequence[OrderEvent]) -> list[Undelivered]:
        """Publish events in their order; returns those that did not get through, and tries no more after a fault."""
        undelivered: list[Undelivered] = []
        entries: list[Any] = [{**_entry(event), "Id": str(index)} for index, event in enumerate(events)]
        for batch in _batches(entries):
            failed = self._publish_batch(batch)
            undelivered += failed
            if not all(each.for_ever for each in failed):
                rest = range(int(batch[-1]["Id"]) + 1, len(entries))
                return undelivered + [Undelivered(index, "not tried", for_ever=False) for index in rest]
        return undelivered

    def _publish_batch(self, batch: list[Any]) -> list[Undelivered]:
        pending = {entry["Id"]: entry for entry in batch}
        undelivered: list[Undelivered] = []
        for attempt in range(_ATTEMPTS):
            try:
                with faults("sns"):
                    answer = self.client.publish_batch(
                        TopicArn=self.arn, PublishBatchRequestEntries=list(pending.values())
                    )
            except Fault as fault:
                return undelivered + self._after_fault(list(pending.values()), fault)
            # A batch answers 200 whatever became of its entries.
            failed = answer.get("Failed", [])
            last = attempt == _ATTEMPTS - 1
            undelivered += [_undelivered(each) for each in failed if last or each.get("SenderFault")]
            pending = {each["Id"]: pending[each["Id"]] for each in failed if not each.get("SenderFault")}
            if not pending:
                break
        return undelivered

    def _after_fault(self, batch: list[Any], fault: Fault) -> list[Undelivered]:
        for_ever = _is_about_content(fault)
        if for_ever and len(batch) > 1:  # one bad event must not take the others with it
            return [each for entry in batch for each in self._publish_batch([entry])]
        return [Undelivered(int(entry["Id"]), str(fault), for_ever=for_ever) for entry in batch]


def _is_about_content(fault: Fault) -> bool:
    cause = fault.__cause__
    return isinstance(cause, ClientError) and cause.response["Error"].get("Code") in _CONTENT_ERRORS


def _undelivered(failed: Any) -> Undelivered:
    return Undelivered(
        index=int(failed["Id"]),
        reason=failed.get("Code", "unknown"),
        for_ever=bool(failed.get("SenderFault")),
    )


def _entry(event: OrderEvent) -> dict[str, Any]:
    attributes = _attributes(event)
    body = event.to_json()
    if len(body.encode()) + _size(attributes) > _BYTES_AT_ONCE:
        body = event.thin().to_json()
    return {"Message": body, "MessageAttributes": attributes}


def _attributes(event: OrderEvent) -> dict[str, Any]:
    """What a subscription's filter policy may ask for."""
    data = event.data or {}
    attributes = {"type": {"DataType": "String", "StringValue": event.type}}
    for name in ("status", "currency", "customer_id"):
        if name in data:
            attributes[name] = {"DataType": "String", "StringValue": data[name]}
    if "total" in data:
        attributes["total"] = {"DataType": "Number", "StringValue": str(data["total"])}
    return attributes


def _batches(entries: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    size = 0
    batch: list[dict[str, Any]] = []
    for entry in entries:
        weight = len(entry["Message"].encode()) + _size(entry["MessageAttributes"])
        if batch and (len(batch) == _ENTRIES_AT_ONCE or size + weight > _BYTES_AT_ONCE):
            yield batch
            size, batch = 0, []
        batch.append(entry)
        size += weight
    if batch:
        yield batch


def _size(attributes: dict[str, Any]) -> int:
    return sum(len(name) + len(value["DataType"]) + len(value["StringValue"]) for name, value in attributes.items())
