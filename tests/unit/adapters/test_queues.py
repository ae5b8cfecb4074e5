"""Dead-letter queues: messages are kept whole, whichever characters are in them."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from chalicelib.adapters import stream_records
from chalicelib.adapters.queues import DeadLetterQueue, OrderQueue
from testkit.builders import an_order
from testkit.lambda_events import stream_record


def quarantined(body: str, *, source: str = "m0", url: str = "https://sqs.invalid/dlq") -> dict[str, Any]:
    """The call to SQS that quarantines a body."""
    sent: list[dict[str, Any]] = []
    client = SimpleNamespace(send_message=lambda **arguments: sent.append(arguments))
    DeadLetterQueue(cast("Any", client), url).quarantine(body, reason="r" * 300, source=source)
    (message,) = sent
    return message


@pytest.mark.parametrize("character", ["\ufffe", "\uffff", "\ud800"])
def test_a_character_that_sqs_refuses_is_escaped_and_the_record_reads_the_same(character: str) -> None:
    record = stream_record(None, an_order(status_reason=f"é{character}"))
    body = quarantined(stream_records.to_json(record))["MessageBody"]
    assert character not in body
    assert json.loads(body) == record


def test_a_record_is_not_escaped_where_it_need_not_be() -> None:
    record = stream_record(None, an_order(status_reason="é" * 100))
    assert "é" * 100 in quarantined(stream_records.to_json(record))["MessageBody"]


def test_ten_processed_messages_are_deleted_by_a_call() -> None:
    calls: list[list[str]] = []

    def delete_message_batch(**arguments: Any) -> dict[str, Any]:
        calls.append([entry["ReceiptHandle"] for entry in arguments["Entries"]])
        return {}

    handles = [f"handle-{number}" for number in range(23)]
    client = SimpleNamespace(delete_message_batch=delete_message_batch)
    OrderQueue(cast("Any", client), "https://sqs.invalid/queue").delete(handles)
    assert list(map(len, calls)) == [10, 10, 3]
    assert [handle for call in calls for handle in call] == handles


def test_an_empty_message_and_an_unknown_source_are_kept_too() -> None:
    message = quarantined("", source="", url="https://sqs.invalid/dlq.fifo")
    assert (message["MessageBody"], message["MessageGroupId"]) == (" ", "unknown")
    assert message["MessageAttributes"]["source"]["StringValue"] == "unknown"
    assert len(message["MessageAttributes"]["reason"]["StringValue"]) == 256
