"""The cloud that the service runs in here: stand-ins, virtual time, and containers that can be killed at any call."""

import contextlib
import importlib.util
import logging
import random
import secrets
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from chalicelib import lambda_batches
from chalicelib.domain import clock
from testkit.fake_aws.services import Message, Queue, Table, Topic
from tests.resilience.faults import Killed, StandInClient, Weather, is_retried

ROOT = Path(__file__).parents[2]
SECRET = "a secret of the stand-in"
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
_TIMEOUT = 2.0  # seconds that a call without an answer takes


@contextlib.contextmanager
def repeatable(seed: int, **environment: str) -> Iterator[None]:
    """One thread, a seeded source of random bytes, and the environment of the stand-in."""
    source = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lambda_batches, "WORKERS", 1)
        patch.setattr(logging.getLogger("orders"), "disabled", True)
        patch.setattr(secrets, "token_bytes", source.randbytes)
        for name in ("AWS_CHALICE_CLI_MODE", "REPORT_BATCH_ITEM_FAILURES", "CUSTOMER_CLAIM", "EVENT_BUS_NAME"):
            patch.delenv(name, raising=False)
        # Each application that is made puts its name behind this one; here are thousands.
        patch.setenv("AWS_EXECUTION_ENV", "")
        for name, value in {**ENVIRONMENT, **environment}.items():
            patch.setenv(name, value)
        yield


@dataclass
class Context:
    """Lambda's context, with virtual time."""

    deadline: float
    clock: Callable[[], float]
    aws_request_id: str = "invocation"

    def get_remaining_time_in_millis(self) -> float:
        return (self.deadline - self.clock()) * 1000


@dataclass(eq=False)
class Container:
    """One process with a copy of the doors of its own; what it has cached dies with it."""

    cloud: "Cloud"
    dead: bool = False
    deadline: float = 0.0
    door: str = ""
    skew: float = 0.0  # seconds that its clock is wrong
    app: ModuleType = field(init=False)

    def __post_init__(self) -> None:
        self.app = copied("app", ROOT / "app.py")
        wiring = copied("chalicelib.wiring", ROOT / "chalicelib" / "wiring.py")
        setattr(self.app, "wiring", wiring)  # noqa: B010 - a module has no such attribute for mypy
        default = getattr(wiring, "_PATIENT")  # noqa: B009
        setattr(wiring, "_client", lambda service, patience=default: self._client(service, patience.attempts))  # noqa: B010
        setattr(self.app, "clock", SimpleNamespace(now=self._now))  # noqa: B010

    def _client(self, service: str, attempts: int) -> StandInClient:
        def call(client: StandInClient, operation: str, arguments: dict[str, Any]) -> Any:
            return self.cloud.call(self, client, operation, arguments)

        return StandInClient(service, attempts, call)

    def _now(self) -> str:
        return clock.from_seconds(self.cloud.now + self.skew)

    def invoke(self, door: str, event: Any, seconds: float) -> Any:
        """Call a door as Lambda does. Raises Killed when it dies or runs out of time, and what the door raises."""
        self.deadline, self.door = self.cloud.now + seconds, event.get("httpMethod", door)
        answer = getattr(self.app, door)(event, Context(self.deadline, lambda: self.cloud.now))
        if self.dead:
            raise Killed
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
class Cloud:
    weather: Weather
    now: float = START
    meanwhile: Callable[[], None] = lambda: None
    table: Table = field(default_factory=Table)
    topic: Topic = field(default_factory=Topic)
    order_dlq: Queue = field(default_factory=lambda: Queue("orders-dlq"))
    event_dlq: Queue = field(default_factory=lambda: Queue("events-dlq"))
    order_queue: Queue = field(init=False)
    calls: list[tuple[str, str]] = field(default_factory=list)  # (door, operation)
    attempts: int = 0
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        # Less patient than on AWS, where a message is received five times: so that dead letters happen.
        self.order_queue = Queue("orders", dead_letters=self.order_dlq, max_receives=3)

    def call(self, container: Container, client: StandInClient, operation: str, arguments: dict[str, Any]) -> Any:
        """One call of a client, with its attempts."""
        self.calls.append((container.door, operation))
        self.requests.append((operation, arguments))
        try:
            return self._attempts(container, client, operation, arguments)
        except Killed:
            container.dead = True
            raise
        finally:
            self.weather.call_is_over()

    def _attempts(self, container: Container, client: StandInClient, operation: str, arguments: dict[str, Any]) -> Any:
        for attempt in range(1, client.attempts + 1):
            try:
                return self._attempt(container, client.service, operation, arguments)
            except Exception as error:
                if attempt == client.attempts or not is_retried(error):
                    if self.weather.kills(after_effect=True):
                        raise Killed from None
                    raise
        raise AssertionError("a client makes at least one attempt")

    def _attempt(self, container: Container, service: str, operation: str, arguments: dict[str, Any]) -> Any:
        self.attempts += 1
        self.now += 0.001 * self.weather.random.randint(2, 40)
        self._check_alive(container)
        if self.weather.kills(after_effect=False):
            raise Killed
        if self.weather.chance("meanwhile"):
            self.meanwhile()
        if fault := self.weather.before(service, operation, self.now):
            self.now += _TIMEOUT if "Timeout" in type(fault).__name__ else 0
            raise fault
        answer = getattr(self, f"_{operation}")(arguments)
        if self.weather.kills(after_effect=True):
            raise Killed
        if lost := self.weather.after():
            self.now += _TIMEOUT if "Timeout" in type(lost).__name__ else 0
            raise lost
        self._check_alive(container)
        return answer

    def _check_alive(self, container: Container) -> None:
        self.weather.happened["deadline"] += not container.dead and self.now >= container.deadline
        if container.dead or self.now >= container.deadline:
            raise Killed

    # --- the operations

    def _send_message(self, arguments: dict[str, Any]) -> Any:
        queue = self._queue(arguments["QueueUrl"])
        attributes = {name: value["StringValue"] for name, value in arguments.get("MessageAttributes", {}).items()}
        group = arguments.get("MessageGroupId")
        copies = self.weather.copies() if queue is self.order_queue else 1
        return {"MessageId": queue.send(arguments["MessageBody"], attributes, group, copies)}

    def _delete_message_batch(self, arguments: dict[str, Any]) -> Any:
        queue = self._queue(arguments["QueueUrl"])
        failed = []
        for entry in arguments["Entries"]:
            if code := self.weather.entry():
                failed.append({"Id": entry["Id"], "Code": code, "SenderFault": False})
            else:
                queue.delete(entry["ReceiptHandle"])
        return {"Failed": failed} if failed else {}

    def _queue(self, url: str) -> Queue:
        queues = {queue.name: queue for queue in (self.order_queue, self.order_dlq, self.event_dlq)}
        return queues[url.rsplit("/", 1)[-1]]

    def _put_item(self, arguments: dict[str, Any]) -> Any:
        return self.table.put(arguments, self.now)

    def _get_item(self, arguments: dict[str, Any]) -> Any:
        return self.table.get(arguments)

    def _query(self, arguments: dict[str, Any]) -> Any:
        return self.table.query(arguments)

    def _publish_batch(self, arguments: dict[str, Any]) -> Any:
        return self.topic.publish_batch(arguments, self.weather.entry)

    def _put_events(self, arguments: dict[str, Any]) -> Any:
        return self.topic.put_events(arguments, self.weather.entry)

    def _get_secret_value(self, arguments: dict[str, Any]) -> Any:
        assert arguments == {"SecretId": "id-secret"}
        return {"SecretString": SECRET}


def sqs_record(message: Message) -> dict[str, Any]:
    """A message as Lambda hands it over."""
    return {
        "messageId": message.message_id,
        "receiptHandle": message.handle,
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": str(message.receives)},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:orders",
    }
