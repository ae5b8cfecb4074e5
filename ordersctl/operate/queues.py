"""`ordersctl queues`: how much waits where, and for how long."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import click

from ordersctl.local.engine import get_json
from ordersctl.local.event_sources.dynamodb_streams import Checkpoints
from ordersctl.operate.stage_queues import Queue, StageQueues
from ordersctl.shared import project
from ordersctl.shared.output import show
from ordersctl.shared.stage import Stage, as_json, with_stage

_METRIC_MINUTES = 15  # CloudWatch has SQS metrics some minutes late


@click.command()
@as_json
@with_stage
def queues(*, stage: Stage, as_json: bool) -> None:
    """Show each queue's depth, what is in flight, and the oldest; the dead-letter queues; the stream's lag."""
    known = StageQueues.of(stage)
    rows = [_row(stage, queue, dead=False) for queue in known.live]
    rows += [_row(stage, queue, dead=True) for queue in known.dead]
    streams = _local_stream(stage) if stage.is_local else _stream(stage)
    if as_json:
        click.echo(json.dumps({"queues": rows, "stream": streams}, indent=2))
        return
    title = f"Queues of stage {stage.name}"
    show(title, rows, ("queue", "holds", "waiting", "in_flight", "oldest"), as_json=False)
    show("The table's stream, still to be published", streams, ("reader", "records", "lag"), as_json=False)


def _row(stage: Stage, queue: Queue, *, dead: bool) -> dict[str, Any]:
    names = ["", "NotVisible", "Delayed"]
    attributes = stage.client("sqs").get_queue_attributes(
        QueueUrl=queue.url, AttributeNames=[f"ApproximateNumberOfMessages{name}" for name in names]
    )["Attributes"]
    waiting, in_flight, delayed = (int(attributes[f"ApproximateNumberOfMessages{name}"]) for name in names)
    # A receive would count as one, and five of them put a message into the dead-letter queue: nobody may peek.
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
    """Seconds since the oldest message was sent, by the engine's own window into its queues."""
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
    """How far Lambda's mappings are behind, by their iterator age; how many records that is AWS does not say."""
    mappings = stage.client("lambda").list_event_source_mappings(EventSourceArn=stage.output("OrderStreamArn"))
    readers = [mapping["FunctionArn"].rpartition(":function:")[2] for mapping in mappings["EventSourceMappings"]]
    ages = [_metric(stage, "AWS/Lambda", "IteratorAge", {"FunctionName": name}) for name in readers]
    return [
        {"reader": name, "records": None, "lag": None if age is None else age / 1_000}
        for name, age in zip(readers, ages, strict=True)
    ]


def _local_stream(stage: Stage) -> list[dict[str, Any]]:
    """What the event loop's checkpoint leaves to be read, at most one answer's worth of each shard.

    Without a checkpoint nobody knows, unless the stream is empty: None, and a line on stderr.
    """
    streams, arn = stage.client("dynamodbstreams"), stage.output("OrderStreamArn")
    checkpoints = Checkpoints(project.state_dir() / "stream-checkpoints.json", arn)
    rows = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        where: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
        number = checkpoints.get(shard["ShardId"])
        if number is not None:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number}
        iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], **where)["ShardIterator"]
        records = streams.get_records(ShardIterator=iterator)["Records"]
        if records and number is None:
            why = "nothing was published yet, or it is kept elsewhere"
            click.echo(f"No checkpoint says how far the stream is read: {why}. {project.where_else()}", err=True)
            rows.append({"reader": shard["ShardId"], "records": None, "lag": None})
            continue
        lag = 0.0
        if records:
            written = records[0]["dynamodb"]["ApproximateCreationDateTime"]
            lag = max(0.0, (datetime.now(UTC) - written).total_seconds())
        rows.append({"reader": shard["ShardId"], "records": len(records), "lag": round(lag, 1)})
    return rows


def _metric(stage: Stage, namespace: str, name: str, dimensions: dict[str, str]) -> float | None:
    """The newest maximum of a metric; None when it has no point of late."""
    now = datetime.now(UTC)
    points = stage.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=name,
        Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
        StartTime=now - timedelta(minutes=_METRIC_MINUTES),
        EndTime=now,
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    newest = max(points, key=lambda point: point["Timestamp"], default=None)
    return None if newest is None else float(newest["Maximum"])
