"""What an order costs on AWS: units per order by component, times prices."""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PRICES = Path(__file__).with_name("prices.toml")
GB = 1e9
EVENTS_PER_CALL = 10  # PublishBatch
LAMBDA_REPORT_BYTES = 400  # START, END and REPORT
LOG_LINE_OVERHEAD = 26  # bytes that CloudWatch Logs adds to an event


@dataclass(frozen=True)
class Load:
    """How orders come, and how the functions were measured. Milliseconds are billed durations of one invocation."""

    direct: bool = False  # API Gateway puts orders on the queue itself
    keyed: float = 0.0  # the share of orders with an Idempotency-Key
    reads: float = 0.0  # GET /orders/{id} per order
    batch: int = 10  # messages per invocation of the processor
    records: int = 100  # stream records per invocation of the publisher
    item_kb: float = 1.0
    event_kb: float = 2.0  # with its attributes: names are spelt out in an event
    accept_ms: float = 12.0
    process_ms: float = 30.0
    publish_ms: float = 120.0
    memory_mb: int = 512
    authorized: float = 0.02  # authorizer invocations per order: its answer is kept for five minutes
    log_lines: bool = True
    accept_line_bytes: int = 181  # held against the doors' lines by tests/integration/doors/test_metrics.py
    process_line_bytes: int = 201
    publish_line_bytes: int = 282
    lambda_report: bool = True  # Lambda's own START, END and REPORT lines (log format text, level INFO)
    subscribers: int = 0  # queues that read every event; theirs to pay, so none are counted unless asked for


@dataclass(frozen=True)
class Units:
    """Per order."""

    rest_requests: float
    lambda_requests: float
    gb_seconds: float
    sqs_requests: float
    write_units: float
    read_units: float
    sns_requests: float
    log_gb: float


def units(load: Load) -> Units:
    """What one order uses up, from the API to its event published."""
    accepts = 0.0 if load.direct else 1.0
    invocations = {
        "accept": (accepts + load.reads, load.accept_ms),
        "authorizer": (0.0 if load.direct else load.authorized, 3.0),
        "process": (1 / load.batch, load.process_ms),
        "publish": (1 / load.records, load.publish_ms),
    }
    memory_gb = load.memory_mb / 1024
    writes = math.ceil(load.item_kb)
    lines = 0.0
    if load.log_lines:
        lines = accepts * (load.accept_line_bytes + LOG_LINE_OVERHEAD)
        lines += load.process_line_bytes + load.publish_line_bytes + 2 * LOG_LINE_OVERHEAD
    requests = sum(count for count, _ in invocations.values())
    report = requests * LAMBDA_REPORT_BYTES if load.lambda_report else 0
    return Units(
        rest_requests=1 + load.reads,
        lambda_requests=requests,
        gb_seconds=sum(count * ms for count, ms in invocations.values()) / 1000 * memory_gb,
        # Sent once; received and deleted a batch at a time.
        sqs_requests=1 + 2 / load.batch + load.subscribers * 2 / load.batch,
        # The item, and its entry in the index.
        write_units=writes + 1,
        # A strongly consistent read is a unit per 4 KB; the one for a key is of an order that is not there.
        read_units=(0 if load.direct else load.keyed) + load.reads * math.ceil(load.item_kb / 4),
        sns_requests=math.ceil(EVENTS_PER_CALL * load.event_kb / 64) / EVENTS_PER_CALL,  # per 64 KB of a call
        log_gb=(lines + report) / GB,
    )


def prices() -> dict[str, Any]:
    return tomllib.loads(PRICES.read_text())


def dollars_per_million(used: Units, price: Mapping[str, Any]) -> dict[str, float]:
    """Component -> US dollars for a million orders."""
    lambda_price, dynamodb = price["lambda"], price["dynamodb"]
    return {
        "API Gateway": used.rest_requests * price["rest_api"]["per_million_requests"],
        "Lambda requests": used.lambda_requests * lambda_price["per_million_requests"],
        "Lambda time": used.gb_seconds * lambda_price["per_million_gb_seconds"],
        "SQS": used.sqs_requests * price["sqs"]["per_million_requests"],
        "DynamoDB writes": used.write_units * dynamodb["per_million_write_units"],
        "DynamoDB reads": used.read_units * dynamodb["per_million_read_units"],
        "SNS": used.sns_requests * price["sns"]["per_million_requests"],
        "Logs": used.log_gb * 1e6 * price["logs"]["per_gb"],
    }
