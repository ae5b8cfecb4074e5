"""The AWS account that the service runs in: fake services, virtual time, and Lambda containers that can be killed."""

import importlib.util
import math
import os
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.adapters.order_table import OrderTable
from chalicelib.aws import retries, timeouts
from chalicelib.aws.retries import DeadlineExceededError
from chalicelib.domain import clock
from ordersctl.shared.project import PROJECT_DIR
from testkit.fake_aws.clients import FakeClient
from testkit.fake_aws.faults import FaultInjection, Killed
from testkit.fake_aws.operator_calls import OperatorCalls
from testkit.fake_aws.services import Queue, Table, refused
from testkit.fake_aws.topic import Topic
from testkit.permissions import calls as permission_calls

SECRET = "a secret of the fake AWS"
START = 1_800_000_000.0  # seconds; where virtual time begins
ENVIRONMENT = {
    "STAGE": "faults",
    "ORDER_TABLE": "orders",
    "ORDER_STREAM_ARN": "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/1",
    "ORDER_QUEUE_URL": "https://sqs.invalid/orders",
    "ORDER_DEAD_LETTER_QUEUE_URL": "https://sqs.invalid/orders-dlq",
    "EVENT_TOPIC_ARN": "arn:aws:sns:us-east-1:000000000000:events",
    "EVENT_DEAD_LETTER_QUEUE_URL": "https://sqs.invalid/events-dlq",
    "ID_SECRET_ARN": "id-secret",
    "JWT_ISSUER": "https://issuer.invalid",
    "JWT_AUDIENCE": "orders",
    "JWT_JWKS": "no-jwks.json",
}
_DELETE_ENTRIES = 10  # of a DeleteMessageBatch
_READ_TIMEOUT = 2.0  # seconds that a call without an answer takes


@dataclass
class Context:
    """Lambda's context, with virtual time."""

    deadline: float
    clock: Callable[[], float]
    aws_request_id: str = "invocation"

    def get_remaining_time_in_millis(self) -> float:
        return (self.deadline - self.clock()) * 1000


@dataclass(eq=False, kw_only=True)
class Process:
    """Something that calls AWS, and can be killed."""

    handler: str = ""  # what runs: an HTTP method, a function's name, or a command
    dead: bool = False
    deadline: float = math.inf


@dataclass(eq=False)
class Container(Process):
    """One Lambda container: its own copy of app.py and the wiring, so that what it has cached dies with it."""

    aws: "FakeAws"
    clock_skew: float = 0.0  # seconds that its clock is ahead
    app: ModuleType = field(init=False)

    def __post_init__(self) -> None:
        self.app = copied("app", PROJECT_DIR / "app.py")
        wiring = copied("chalicelib.wiring", PROJECT_DIR / "chalicelib" / "wiring.py")
        setattr(self.app, "wiring", wiring)  # noqa: B010 - mypy knows no such attribute of a module
        default = getattr(wiring, "CALL_POLICY")  # noqa: B009
        setattr(wiring, "_client", lambda service, policy=default: self._client(service, policy.attempts))  # noqa: B010
        if os.environ.get("DAX_ENDPOINT"):  # a cluster answers as the table does
            name = os.environ["ORDER_TABLE"]
            client: Any = self._client("dax", default.attempts)
            cache = OrderTable(client, name, consistent=False)
            setattr(wiring, "read_table", lambda: cache)  # noqa: B010
        setattr(self.app, "clock", SimpleNamespace(now=self._now))  # noqa: B010

    def _client(self, service: str, attempts: int) -> FakeClient:
        def call(client: FakeClient, operation: str, arguments: dict[str, Any]) -> Any:
            return self.aws.call(self, client, operation, arguments)

        return FakeClient(service, attempts, call)

    def _now(self) -> str:
        return clock.from_seconds(self.aws.now + self.clock_skew)

    def invoke(self, function: str, event: Any, seconds: float) -> Any:
        """Call a function of app.py as Lambda does, with a timeout.

        Raises Killed when the container dies or runs out of time, and what the function raises.
        """
        self.deadline, self.handler = self.aws.now + seconds, event.get("httpMethod", function)
        answer = getattr(self.app, function)(event, Context(self.deadline, lambda: self.aws.now))
        self.aws.check_alive(self)  # an answer after the timeout goes nowhere
        return answer


def copied(name: str, path: Path) -> ModuleType:
    """A module executed anew, beside the one that is imported."""
    spec = importlib.util.spec_from_file_location(f"{name}_copy", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # dataclasses and pydantic look their module up
    spec.loader.exec_module(module)
    return module


@dataclass
class FakeAws(OperatorCalls):
    """The services of one account. Each attempt of a call takes virtual time and may meet a fault."""

    faults: FaultInjection
    now: float = START
    interleave: Callable[[], None] = lambda: None  # runs something else between a request and its effect
    overtake: Callable[[str], None] = lambda _order_id: None  # changes an order between a put and its retry
    table: Table = field(default_factory=Table)
    topic: Topic = field(default_factory=Topic)
    prices: list[dict[str, Any]] = field(default_factory=list)  # the items of the price table, all of them asked for
    order_dlq: Queue = field(default_factory=lambda: Queue("orders-dlq"))
    event_dlq: Queue = field(default_factory=lambda: Queue("events-dlq"))
    order_queue: Queue = field(init=False)
    calls: list[tuple[str, str]] = field(default_factory=list)  # (handler, operation)
    attempts: int = 0
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    repeats_allowed: Counter[str] = field(default_factory=Counter)  # dead letters by source: faults may repeat them
    failed_letters: int = 0  # calls that quarantine, and failed
    seconds_behind: Callable[[], float] = lambda: 0.0  # how far the publisher is behind
    overlapping: list[str] = field(default_factory=list)  # operations called by two threads at the same time
    _unfinished: list[object] = field(default_factory=list)  # calls, each in the middle of the one before

    def __post_init__(self) -> None:
        # Three receives, not five as on AWS, so that dead letters happen.
        self.order_queue = Queue("orders", dead_letters=self.order_dlq, max_receives=3)

    def call(self, process: Process, client: FakeClient, operation: str, arguments: dict[str, Any]) -> Any:
        """One call of a client, with its attempts. Raises Killed, and what the last attempt raises."""
        this = object()
        self._unfinished.append(this)
        try:
            return self._call(process, client, operation, arguments)
        finally:
            if self._unfinished.pop() is not this:
                self.overlapping.append(operation)

    def _call(self, process: Process, client: FakeClient, operation: str, arguments: dict[str, Any]) -> Any:
        self.calls.append((process.handler, operation))
        if isinstance(process, Container):
            permission_calls.report_of_fake(process.handler, client.service, operation, arguments)
        self.requests.append((operation, arguments))
        try:
            return self._attempts(process, client, operation, arguments)
        except Killed:
            process.dead = True
            raise
        except Exception:
            self.failed_letters += _source_of(arguments) is not None
            raise
        finally:
            self.faults.call_ended()

    def _attempts(self, process: Process, client: FakeClient, operation: str, arguments: dict[str, Any]) -> Any:
        ambiguous = 0
        for attempt in range(1, client.attempts + 1):
            try:
                return self._attempt(process, client.service, operation, arguments)
            except Exception as error:
                status = 0
                if isinstance(error, ClientError):
                    metadata: Any = error.response["ResponseMetadata"]
                    metadata[retries.AMBIGUOUS_ATTEMPTS], status = ambiguous, metadata["HTTPStatusCode"]
                ambiguous += retries.is_ambiguous(error, status)
                if attempt == client.attempts or not retries.is_retryable(error) or timeouts.seconds_left() <= 0:
                    if self.faults.kills(after_effect=True):
                        raise Killed from None
                    raise
        raise AssertionError("a client makes at least one attempt")

    def _attempt(self, process: Process, service: str, operation: str, arguments: dict[str, Any]) -> Any:
        if timeouts.seconds_left() <= 0:
            raise DeadlineExceededError(endpoint_url="https://aws.invalid")
        self.attempts += 1
        self.now += 0.001 * self.faults.random.randint(2, 40)
        self.check_alive(process)
        if self.faults.kills(after_effect=False):
            raise Killed
        if self.faults.happens("interleaved"):
            self.interleave()
        if fault := self.faults.before_effect(service, operation, self.now):
            self.now += _wait_for(fault)
            raise fault
        answer = self.perform(operation, arguments)
        if self.faults.kills(after_effect=True):
            raise Killed
        if lost := self.faults.after_effect():
            if source := _source_of(arguments):
                self.repeats_allowed[source] += 1
            self.now += _wait_for(lost)
            if operation in {"put_item", "update_item"} and self.faults.happens("overtaken"):
                self.overtake(arguments.get("Item", arguments.get("Key", {}))["order_id"]["S"])
            raise lost
        self.check_alive(process)
        return answer

    def check_alive(self, process: Process) -> None:
        self.faults.happened["deadline"] += not process.dead and self.now >= process.deadline
        if process.dead or self.now >= process.deadline:
            raise Killed

    def perform(self, operation: str, arguments: dict[str, Any]) -> Any:
        """The effect and the answer of an operation, named as botocore names it, with no fault."""
        return getattr(self, f"_{operation}")(arguments)

    def _send_message(self, arguments: dict[str, Any]) -> Any:
        queue = self._queue(arguments["QueueUrl"])
        attributes = {name: value["StringValue"] for name, value in arguments.get("MessageAttributes", {}).items()}
        group = arguments.get("MessageGroupId")
        copies = self.faults.deliveries() if queue is self.order_queue else 1
        message_id = queue.send(arguments["MessageBody"], attributes, group, copies)
        self.repeats_allowed[message_id] += copies - 1
        return {"MessageId": message_id}

    def _delete_message_batch(self, arguments: dict[str, Any]) -> Any:
        queue = self._queue(arguments["QueueUrl"])
        if len(arguments["Entries"]) > _DELETE_ENTRIES:
            raise refused("DeleteMessageBatch", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest")
        failed = []
        for entry in arguments["Entries"]:
            if code := self.faults.entry_error():
                failed.append({"Id": entry["Id"], "Code": code, "SenderFault": False})
            else:
                queue.delete(entry["ReceiptHandle"])
        return {"Failed": failed} if failed else {}

    def _queue(self, url: str) -> Queue:
        queues = {queue.name: queue for queue in (self.order_queue, self.order_dlq, self.event_dlq)}
        return queues[url.rsplit("/", 1)[-1]]

    def _put_item(self, arguments: dict[str, Any]) -> Any:
        return self.table.put(arguments, self.now)

    def _update_item(self, arguments: dict[str, Any]) -> Any:
        return self.table.update(arguments, self.now)

    def _get_item(self, arguments: dict[str, Any]) -> Any:
        return self.table.get(arguments)

    def _batch_get_item(self, arguments: dict[str, Any]) -> Any:
        if (prices := os.environ.get("PRICE_TABLE")) in arguments["RequestItems"]:
            return {"Responses": {prices: self.prices}}
        return self.table.batch_get(arguments)

    def _query(self, arguments: dict[str, Any]) -> Any:
        return self.table.query(arguments)

    def _publish_batch(self, arguments: dict[str, Any]) -> Any:
        return self.topic.publish_batch(arguments, self.faults.entry_error)

    def _put_events(self, arguments: dict[str, Any]) -> Any:
        return self.topic.put_events(arguments, self.faults.entry_error)

    def _get_secret_value(self, arguments: dict[str, Any]) -> Any:
        assert arguments == {"SecretId": "id-secret"}
        return {"SecretString": SECRET}


def _source_of(arguments: dict[str, Any]) -> str | None:
    """The id of the message or record that a call quarantines; None of any other call."""
    source = arguments.get("MessageAttributes", {}).get("source", {}).get("StringValue")
    return None if source is None else str(source)


def _wait_for(fault: Exception) -> float:
    """The seconds that a client waits before it raises an error."""
    return min(_READ_TIMEOUT, timeouts.seconds_left()) if "Timeout" in type(fault).__name__ else 0.0
