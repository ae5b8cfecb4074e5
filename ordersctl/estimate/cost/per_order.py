"""The cost of an order on AWS: units per order by component, times prices."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from ordersctl.estimate.cost.order_sizes import Mix, Sizes, real_baskets

GB = 1e9
CHUNK_KB = 64  # bytes of a call to SQS or SNS that are billed as one request, also when the last chunk is not full
ENTRIES_PER_CALL = 10  # ReceiveMessage, DeleteMessageBatch, PublishBatch
CALL_KB = 256  # PublishBatch; a larger event is sent alone
LOG_LINE_OVERHEAD = 26  # bytes that CloudWatch Logs adds to an event

LambdaReport = Literal["text", "json", "none"]
# Lambda's own lines of a successful invocation, in bytes with their overhead. text: START, END and REPORT. json, level
# INFO: platform.start (234, with the function's ARN) and platform.report (237), by records of 2026. none: level WARN.
LAMBDA_REPORT_BYTES: dict[LambdaReport, int] = {"text": 400, "json": 234 + 237 + 2 * LOG_LINE_OVERHEAD, "none": 0}
REAL_BASKETS = real_baskets()


@dataclass(frozen=True)
class Load:
    """How orders arrive, and how long the functions take. Milliseconds are billed durations of one invocation."""

    direct: bool = False  # API Gateway puts orders on the queue itself
    http: bool = False  # an HTTP API, which checks tokens itself, in place of a REST API
    keyed: float = 0.0  # the share of orders with an Idempotency-Key
    reads: float = 0.0  # GET /orders/{id} per order
    batch: int = 10  # messages per invocation of the processor
    records: int = 100  # stream records per invocation of the publisher
    sizes: Mix = REAL_BASKETS
    grouped: bool = True  # messages carry their customer's group, for fair queues
    # Bytes of a 202 with its headers: the service's own, which a test checks, and 260 bytes of API Gateway's.
    answer_kb: float = 0.58
    accept_ms: float = 12.0
    process_ms: float = 10.0  # of the processor's invocation, and
    process_order_ms: float = 2.0  # of each order in it
    publish_ms: float = 20.0  # of the publisher's, and
    publish_call_ms: float = 10.0  # of each PublishBatch in it
    cold: float = 0.01  # the share of invocations that start a function; according to AWS the share is lower
    init_ms: float = 400.0  # of a start, which is billed
    secret_reads: float = 1.0  # of the stage's secret, at each cold start of the API's function
    memory_mb: int = 512
    authorizer_memory_mb: int = 256  # compared with .chalice/config.json by a test
    authorized: float = 0.02  # authorizer invocations per order: its answer is valid for a token for five minutes
    authorize_ms: float = 3.0
    log_lines: bool = True
    accept_line_bytes: int = 181  # compared with the handlers' lines by tests/service/observability/test_metrics.py
    process_line_bytes: int = 201
    publish_line_bytes: int = 242
    # How Lambda's own lines are logged; none is SystemLogLevel WARN, a stage's default.
    lambda_report: LambdaReport = "none"
    subscribers: int = 0  # queues that receive every event; their owners pay, so the default is none


@dataclass(frozen=True)
class Units:
    """Per order."""

    rest_requests: float
    http_requests: float
    lambda_requests: float
    gb_seconds: float
    sqs_requests: float
    sqs_fair_requests: float  # those of them that carry a message group
    write_units: float
    read_units: float
    secret_reads: float
    sns_requests: float
    log_gb: float
    out_gb: float


def units(load: Load) -> Units:
    """Return what one order uses, from the API to its published event: the mean over the sizes of orders."""
    found = [(share, _units(load, size)) for share, size in load.sizes]
    means = {each.name: sum(share * getattr(used, each.name) for share, used in found) for each in fields(Units)}
    return Units(**means)


def _units(load: Load, size: Sizes) -> Units:
    """Return what one order uses where all orders have this size."""
    accepts = 0.0 if load.direct else 1.0
    calls = math.ceil(load.records / ENTRIES_PER_CALL)
    # Invocations, their milliseconds, and the function's memory.
    invocations = (
        (accepts + load.reads, load.accept_ms, load.memory_mb),
        (0.0 if load.http else load.authorized, load.authorize_ms, load.authorizer_memory_mb),
        (1 / load.batch, load.process_ms + load.batch * load.process_order_ms, load.memory_mb),
        (1 / load.records, load.publish_ms + calls * load.publish_call_ms, load.memory_mb),
    )
    requests = sum(count for count, _, _ in invocations)
    lines = 0.0
    if load.log_lines:
        lines = accepts * (load.accept_line_bytes + LOG_LINE_OVERHEAD)
        lines += load.process_line_bytes + load.publish_line_bytes + 2 * LOG_LINE_OVERHEAD
    sent = _chunks(size.command)
    return Units(
        rest_requests=0 if load.http else 1 + load.reads,
        http_requests=1 + load.reads if load.http else 0,
        lambda_requests=requests,
        gb_seconds=sum(count * (ms + load.cold * load.init_ms) * memory for count, ms, memory in invocations)
        / (1000 * 1024),
        sqs_requests=sent + _taken(size.command, load.batch) + load.subscribers * _taken(size.event, ENTRIES_PER_CALL),
        sqs_fair_requests=sent if load.grouped else 0,
        # The item, and its entry in the index, which holds no lines.
        write_units=math.ceil(size.item) + 1,
        # A strongly consistent read is a unit per 4 KB; the read for a key finds no order, which is one unit.
        read_units=(0 if load.direct else load.keyed) + load.reads * math.ceil(size.item / 4),
        secret_reads=(accepts + load.reads) * load.cold * load.secret_reads,
        sns_requests=_published(size.event, load.records),
        log_gb=(lines + requests * LAMBDA_REPORT_BYTES[load.lambda_report]) / GB,
        out_gb=(load.answer_kb + load.reads * (load.answer_kb + size.event)) * 1024 / GB,
    )


def _chunks(kilobytes: float) -> int:
    return math.ceil(kilobytes / CHUNK_KB)


def _taken(message_kb: float, batch: int) -> float:
    """Return requests per message for receiving and deleting it; a batch of more than ten takes several calls."""
    together = min(batch, ENTRIES_PER_CALL)
    return (_chunks(together * message_kb) + 1) / together


def _published(event_kb: float, records: int) -> float:
    """Return requests per event for publishing it, in batches as full as SNS and the stream's batches allow."""
    together = max(1, min(ENTRIES_PER_CALL, records, int(CALL_KB / event_kb)))
    return _chunks(together * event_kb) / together


def dollars_per_million(used: Units, price: Mapping[str, Any]) -> dict[str, float]:
    """Return component -> US dollars for a million orders."""
    lambda_price, dynamodb, sqs = price["lambda"], price["dynamodb"], price["sqs"]
    return {
        "API Gateway": used.rest_requests * price["rest_api"]["per_million_requests"]
        + used.http_requests * price["http_api"]["per_million_requests"],
        "Data out": used.out_gb * 1e6 * price["data_transfer"]["per_gb"],
        "Lambda requests": used.lambda_requests * lambda_price["per_million_requests"],
        "Lambda time": used.gb_seconds * lambda_price["per_million_gb_seconds"],
        "SQS": used.sqs_requests * sqs["per_million_requests"]
        + used.sqs_fair_requests * sqs["per_million_fair_requests"],
        "DynamoDB writes": used.write_units * dynamodb["per_million_write_units"],
        "DynamoDB reads": used.read_units * dynamodb["per_million_read_units"],
        "Secret": used.secret_reads * price["secrets_manager"]["per_million_requests"],
        "SNS": used.sns_requests * price["sns"]["per_million_requests"],
        "Logs": used.log_gb * 1e6 * price["cloudwatch"]["per_gb_of_logs"],
    }
