"""Measures how many messages wait in a stage's queues and its table's stream, and for how long."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from ordersctl.shared import project
from ordersctl.shared.engine_client import MESSAGES, get_json
from ordersctl.shared.functions import name_of
from ordersctl.shared.output import say
from ordersctl.shared.queues.stage_queues import Queue, StageQueues
from ordersctl.shared.runs import current
from ordersctl.shared.stage import Stage
from ordersctl.shared.streams import Checkpoints
from ordersctl.shared.switches import State, Switches

METRIC_MINUTES = 15  # SQS's metrics reach CloudWatch some minutes late
_COUNTS = ("", "NotVisible", "Delayed")


def depth_rows(stage: Stage, queues: StageQueues, *, ages: bool = True) -> list[dict[str, Any]]:
    """Return depth, messages in flight and the age of the oldest (seconds) of every queue, the dead-letter queues last.

    Without `ages`, `oldest` is None.
    """
    rows = [row(stage, queue, dead=False, age=ages) for queue in queues.live]
    return rows + [row(stage, queue, dead=True, age=ages) for queue in queues.dead]


def reader(queue: Queue) -> str:
    """Return the name of what reads a queue, as `ordersctl pause` knows it."""
    return "processor" if queue.kind == "orders" else queue.name


def reader_states(stage: Stage, queues: StageQueues) -> dict[str, str]:
    """Return the states of the processor, the publisher and the consumers, by name; those that run are missing."""
    if stage.is_local:
        return {name: str(state) for name, state in Switches(current.state_dir()).halted().items()}
    sources = {reader(queue): stage.queue_arn(queue.url) for queue in queues.live}
    sources["publisher"] = stage.output("OrderStreamArn")
    states = {name: [each["State"] for each in event_source_mappings(stage, arn)] for name, arn in sources.items()}
    return {name: found[0].lower() for name, found in states.items() if found and "Enabled" not in found}


def event_source_mappings(stage: Stage, source_arn: str) -> list[dict[str, Any]]:
    """Return Lambda's event source mappings of a queue or a stream, those of this account that may be seen."""
    return list(stage.client("lambda").list_event_source_mappings(EventSourceArn=source_arn)["EventSourceMappings"])


def stream_rows(stage: Stage) -> list[dict[str, Any]]:
    """Return how far each reader of the table's stream is behind: records, and seconds of lag; None is unknown.

    On AWS with the `state` of Lambda's mapping and the `result` of its last invocation.
    """
    return _local_stream(stage) if stage.is_local else _stream(stage)


def row(stage: Stage, queue: Queue, *, dead: bool, age: bool = True) -> dict[str, Any]:
    names = [f"ApproximateNumberOfMessages{suffix}" for suffix in _COUNTS]
    attributes = stage.queue_attributes(queue.url, *names)
    waiting, in_flight, delayed = (int(attributes[name]) for name in names)
    # Do not receive messages to learn their age: the fifth receive moves a message to the dead-letter queue.
    oldest = None
    if age and waiting + in_flight:
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
    """Return the seconds since the oldest message was sent; 0 where this machine's clock was set back since."""
    times = [int(message["Attributes"]["SentTimestamp"]) / 1_000 for message in engine_messages(queue)]
    return max(0.0, round(datetime.now(UTC).timestamp() - min(times), 1)) if times else None


def engine_messages(queue: Queue) -> list[dict[str, Any]]:
    """Return a queue's messages by the engine's own view of its queues, without receiving one."""
    answer = get_json(f"{current.engine_url()}{MESSAGES}?QueueUrl={quote(queue.url, safe='')}")
    return [
        message
        for account in (answer or {}).get("messages", {}).values()
        for region in account.values()
        for found in region.values()
        for message in found
    ]


def _oldest_in_cloudwatch(stage: Stage, queue: Queue) -> float | None:
    return metric(stage, "AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": queue.full_name})


def _stream(stage: Stage) -> list[dict[str, Any]]:
    """Return the iterator age of Lambda's mappings; AWS has no metric for the number of records."""
    return [_reader(stage, mapping) for mapping in event_source_mappings(stage, stage.output("OrderStreamArn"))]


def _reader(stage: Stage, mapping: Mapping[str, Any]) -> dict[str, Any]:
    name = name_of(mapping["FunctionArn"])  # CloudWatch's FunctionName has no alias
    age = metric(stage, "AWS/Lambda", "IteratorAge", {"FunctionName": name})
    lag = None if age is None else age / 1_000
    result = mapping.get("LastProcessingResult", "")
    return {"reader": name, "records": None, "lag": lag, "state": mapping["State"], "result": result}


def _local_stream(stage: Stage) -> list[dict[str, Any]]:
    """Count the records after the local run's checkpoints, in at most one page of each shard.

    Without a checkpoint the number of unread records in a stream that has some is unknown: None, and a line on stderr.
    """
    streams, arn = stage.client("dynamodbstreams"), stage.output("OrderStreamArn")
    publisher = Switches(current.state_dir()).state("publisher")
    state = None if publisher == State.RUNNING else str(publisher)
    checkpoints = Checkpoints(project.checkpoint_file(current.state_dir()), arn)
    rows: list[dict[str, Any]] = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        shard_id = shard["ShardId"]
        records = streams.get_records(ShardIterator=checkpoints.iterator(streams, shard_id))["Records"]
        if records and checkpoints.get(shard_id) is None:
            why = "nothing was published yet, or its file is elsewhere"
            say(f"The stream has no checkpoint: {why}. {current.state_dir_hint()}", err=True)
            count, lag = None, None
        else:
            count, lag = len(records), round(_lag(records), 1)
        rows.append({"reader": shard_id, "records": count, "lag": lag, "state": state, "result": ""})
    return rows


def _lag(records: Sequence[Any]) -> float:
    """Return the seconds since the first of some records was written; 0 for no records."""
    if not records:
        return 0.0
    written: datetime = records[0]["dynamodb"]["ApproximateCreationDateTime"]
    return max(0.0, (datetime.now(UTC) - written).total_seconds())


def metric(stage: Stage, namespace: str, name: str, dimensions: dict[str, str]) -> float | None:
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
