"""A table's stream: checkpoints of how far it was handled, and its records in the form that Lambda passes."""

import base64
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from ordersctl.shared.files import write_atomically


class Checkpoints:
    """The last handled record of each shard of one stream, in a file that a kill at any time leaves whole."""

    def __init__(self, path: Path, stream_arn: str) -> None:
        self._path = path
        self._stream_arn = stream_arn
        stored = json.loads(path.read_text()) if path.exists() else {}
        # A new engine makes a new stream with a new ARN, for which the old sequence numbers mean nothing.
        self._numbers: dict[str, str] = stored.get(stream_arn, {})

    def get(self, shard_id: str) -> str | None:
        """Return the sequence number of the last record handled; None when there is no checkpoint."""
        return self._numbers.get(shard_id)

    def set(self, shard_id: str, sequence_number: str) -> None:
        self._numbers[shard_id] = sequence_number
        write_atomically(self._path, json.dumps({self._stream_arn: self._numbers}))

    def forget(self, shard_id: str) -> None:
        self._numbers.pop(shard_id, None)

    def iterator(self, streams: Any, shard_id: str) -> str:
        """Return an iterator of the shard after its checkpoint, or at its oldest record when it has none.

        `streams` is boto3's client for DynamoDB Streams.
        """
        where = {"ShardIteratorType": "TRIM_HORIZON"}
        if (number := self.get(shard_id)) is not None:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number}
        answer = streams.get_shard_iterator(StreamArn=self._stream_arn, ShardId=shard_id, **where)
        return str(answer["ShardIterator"])


def lambda_record(record: dict[str, Any], stream_arn: str) -> dict[str, Any]:
    """Return a stream record as Lambda passes it: JSON, binary as base64, time in seconds, with its source."""
    plain: dict[str, Any] = _plain(record)
    return {**plain, "eventSourceARN": stream_arn}


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return value.timestamp()
        case _:
            return value
