"""Measures how many messages wait in a stage's queues and its table's stream, and for how long."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from ordersctl.operate.stage_queues import Queue, StageQueues
from ordersctl.shared import project
from ordersctl.shared.engine_client import get_json
from ordersctl.shared.output import echo
from ordersctl.shared.stage import Stage
from ordersctl.shared.streams import Checkpoints

METRIC_MINUTES = 15  # SQS's metrics reach CloudWatch some minutes late
_COUNTS = ("", "NotVisible", "Delayed")


def queue_rows(stage: Stage) -> list[dict[str, Any]]:
    """Return depth, messages in flight and the age of the oldest (seconds) of every queue."""
    queues = StageQueues.of(stage)
    rows = [row(stage, queue, dead=False) for queue in queues.live]
    return rows + [row(stage, queue, dead=True) for queue in queues.dead]


def stream_rows(stage: Stage) -> list[dict[str, Any]]:
    """Return how far each reader of the table's stream is behind: records, and seconds of lag; None is unknown.

    On AWS with the `state` of Lambda's mapping and the `result` of its last invocation.
    """
    return _local_stream(stage) if stage.is_local else _stream(stage)


def row(stage: Stage, queue: Queue, *, dead: bool) -> dict[str, Any]:
    names = [f"ApproximateNumberOfMessages{suffix}" for suffix in _COUNTS]
    attributes = stage.queue_attributes(queue.url, *names)
    waiting, in_flight, delayed = (int(attributes[name]) for name in names)
    # Do not receive messages to learn their age: the fifth receive moves a message to the dead-letter queue.
    oldest = None
    if waiting + in_flight:
        oldest = _oldest_in_engine(queue) if stage.is_local else _oldest_in_cloudwatch(stage, queue)
    return {
        "queue": queue.name,
        "full_name": queue.full_name,
        "holds": "dead letters" if dead else "commands" if queue.kind == "orders" else "events",
        "waiting": waiting,
        "in_flight": in_flight,
        "delayed": delayed,
        "oldest": oldest,
    }


def _oldest_in_engine(queue: Queue) -> float | None:
    """Return the seconds since the oldest message was sent, by the engine's own view of its queues."""
    answer = get_json(f"{project.engine_url()}/_ministack/sqs/messages?QueueUrl={quote(queue.url, safe='')}")
    times = [
        int(message["Attributes"]["SentTimestamp"]) / 1_000
        for account in (answer or {}).get("messages", {}).values()
        for region in account.values()
        for found in region.values()
        for message in found
    ]
    return round(datetime.now(UTC).timestamp() - min(times), 1) if times else None


def _oldest_in_cloudwatch(stage: Stage, queue: Queue) -> float | None:
    return _metric(stage, "AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": queue.full_name})


def _stream(stage: Stage) -> list[dict[str, Any]]:
    """Return the iterator age of Lambda's mappings; AWS has no metric for the number of records."""
    mappings = stage.client("lambda").list_event_source_mappings(EventSourceArn=stage.output("OrderStreamArn"))
    return [_reader(stage, mapping) for mapping in mappings["EventSourceMappings"]]


def _reader(stage: Stage, mapping: Mapping[str, Any]) -> dict[str, Any]:
    name = mapping["FunctionArn"].rpartition(":function:")[2]
    age = _metric(stage, "AWS/Lambda", "IteratorAge", {"FunctionName": name})
    lag = None if age is None else age / 1_000
    result = mapping.get("LastProcessingResult", "")
    return {"reader": name, "records": None, "lag": lag, "state": mapping["State"], "result": result}


def _local_stream(stage: Stage) -> list[dict[str, Any]]:
    """Count the records after the local run's checkpoints, in at most one page of each shard.

    Without a checkpoint the number of unread records in a stream that has some is unknown: None, and a line on stderr.
    """
    streams, arn = stage.client("dynamodbstreams"), stage.output("OrderStreamArn")
    checkpoints = Checkpoints(project.checkpoint_file(project.state_dir()), arn)
    rows: list[dict[str, Any]] = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        shard_id = shard["ShardId"]
        records = streams.get_records(ShardIterator=checkpoints.iterator(streams, shard_id))["Records"]
        if records and checkpoints.get(shard_id) is None:
            why = "nothing was published yet, or its file is elsewhere"
            echo(f"The stream has no checkpoint: {why}. {project.state_dir_hint()}", err=True)
            count, lag = None, None
        else:
            count, lag = len(records), round(_lag(records), 1)
        rows.append({"reader": shard_id, "records": count, "lag": lag, "state": None, "result": ""})
    return rows


def _lag(records: Sequence[Any]) -> float:
    """Return the seconds since the first of some records was written; 0 for no records."""
    if not records:
        return 0.0
    written: datetime = records[0]["dynamodb"]["ApproximateCreationDateTime"]
    return max(0.0, (datetime.now(UTC) - written).total_seconds())


def _metric(stage: Stage, namespace: str, name: str, dimensions: dict[str, str]) -> float | None:
    """Return the newest maximum of a metric; None when it has no recent data point."""
    now = datetime.now(UTC)
    points = stage.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(minutes=METRIC_MINUTES),
        EndTime=now,
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    newest = max(points, key=lambda point: point["Timestamp"], default=None)
    return None if newest is None else float(newest["Maximum"])
