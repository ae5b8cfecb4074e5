"""The harness of tests of the service: its functions, the stack's queues and table, and injected faults."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from chalicelib.adapters import order_items
from chalicelib.aws.json_client import JsonClient
from chalicelib.domain.orders import ErasedOrder, Order
from ordersctl.shared.engine_client import thin_client
from ordersctl.shared.project import PROJECT_DIR
from ordersctl.shared.streams import lambda_record
from testkit.api_client import ApiClient
from testkit.fake_aws.lambda_ import copied
from testkit.lambda_events import LambdaContext, sqs_event
from testkit.permissions.watch import watch
from testkit.waiting import eventually

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_sqs import SQSClient

# Variables that this machine may have, and a deployed function has not.
NOT_OURS = (
    "AWS_PROFILE",
    "AWS_CHALICE_CLI_MODE",
    "AWS_CLIENT",
    "REPORT_BATCH_ITEM_FAILURES",
    "CUSTOMER_CLAIM",
    "CUSTOMER_PRICES",
    "PRICE_TABLE",
    "SCOPE_CLAIM",
    "AUDIENCE_CLAIM",
    "EVENT_BUS_NAME",
    "SPREAD_CUSTOMERS",
    "http_proxy",
    "HTTP_PROXY",
)
QUEUES = [
    "orders-tests-queue",
    "orders-tests-queue-dlq",
    "orders-tests-events-dlq",
    "orders-tests-inventory",
    "orders-tests-invoicing",
    "orders-tests-fulfilment",
]


def functions(environment: Mapping[str, str]) -> ModuleType:
    """The module app.py with a wiring of its own, as a Lambda container with this environment has it.

    Settings are read and clients made here, and kept: later tests may have any environment.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in NOT_OURS:
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        app = copied("app", PROJECT_DIR / "app.py")
        wiring = copied("chalicelib.wiring", PROJECT_DIR / "chalicelib" / "wiring.py")
        vars(app)["wiring"] = wiring
        wiring.settings(), wiring.id_secret(), wiring.token_checker()
        wiring.order_table(), wiring.fail_fast_order_table(), wiring.read_table(), wiring.order_queue()
        wiring.price_table(), wiring.order_dead_letters(), wiring.publisher(), wiring.event_dead_letters()
        watch(app)
    return app


def throttled(operation: str = "-") -> ClientError:
    error: Any = {
        "Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"},
        "ResponseMetadata": {"HTTPStatusCode": 400, "AmbiguousAttempts": 0},  # as the clients report a refusal
    }
    return ClientError(error, operation)


def unreachable() -> EndpointConnectionError:
    return EndpointConnectionError(endpoint_url="https://aws.invalid")


def timed_out() -> ReadTimeoutError:
    return ReadTimeoutError(endpoint_url="https://aws.invalid")


@dataclass(frozen=True)
class ServiceHarness:
    app: ModuleType
    sqs: "SQSClient"
    dynamodb: "DynamoDBClient"
    streams: "DynamoDBStreamsClient"
    _urls: dict[str, str] = field(default_factory=dict)
    _hooks: list[tuple[Any, str, Any]] = field(default_factory=list)
    _broken: list[Any] = field(default_factory=list)

    @property
    def wiring(self) -> Any:
        """The clients and adapters of these functions."""
        return self.app.wiring

    # --- entry points

    def api(self, **who: Any) -> ApiClient:
        return ApiClient(self.app.app, **who)

    def process(self, *bodies: str, remaining_ms: float = 15_000) -> Any:
        return self.process_event(sqs_event(*bodies), remaining_ms)

    def process_event(self, event: Any, remaining_ms: float = 15_000) -> Any:
        return self.app.process_orders(event, LambdaContext(remaining_ms))

    def process_queue(self) -> list[str]:
        """Put every waiting command through the processor, as Lambda would; returns the commands."""
        bodies = self.bodies("orders-tests-queue")
        for start in range(0, len(bodies), 10):
            self.process(*bodies[start : start + 10])
        return bodies

    def publish(self, event: Any, remaining_ms: float = 15_000) -> Any:
        return self.app.publish_events(event, LambdaContext(remaining_ms))

    # --- queues and table

    def messages(self, queue: str) -> list[Any]:
        """Receive and delete all messages of a queue."""
        return self._taken(self.sqs, queue)

    def _taken(self, sqs: Any, queue: str) -> list[Any]:
        url = self.url(queue)
        found: list[Any] = []
        while got := sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0, MessageAttributeNames=["All"]
        ).get("Messages"):
            entries = [{"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(got)]
            assert not sqs.delete_message_batch(QueueUrl=url, Entries=entries).get("Failed")
            found += got
        return found

    def bodies(self, queue: str) -> list[str]:
        return [message["Body"] for message in self.messages(queue)]

    def quarantined(self, queue: str = "orders-tests-queue-dlq") -> list[tuple[str, str]]:
        """The quarantined messages, each with its reason."""
        return [
            (message["Body"], message["MessageAttributes"]["reason"]["StringValue"]) for message in self.messages(queue)
        ]

    def received(self, subscriber: str, count: int) -> list[dict[str, Any]]:
        """Exactly `count` events that a subscriber receives, sorted by id."""
        received: list[dict[str, Any]] = []

        def look() -> bool:
            received.extend(json.loads(body) for body in self.bodies(f"orders-tests-{subscriber}"))
            return len(received) >= count

        eventually(look)
        assert len(received) == count
        return sorted(received, key=lambda event: str(event["id"]))

    def stored(self, order_id: str) -> Order | ErasedOrder | None:
        """The order in the table, read without the service."""
        answer = self.dynamodb.get_item(TableName="orders-tests", Key=order_items.key(order_id), ConsistentRead=True)
        return order_items.from_item(answer["Item"]) if "Item" in answer else None

    def streamed(self, order_id: str) -> Any:
        """The first record of an order in the table's stream, as Lambda passes it to a function."""
        arn = self.dynamodb.describe_table(TableName="orders-tests")["Table"]["LatestStreamArn"]
        (shard,) = self.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        start = self.streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while records := (answer := self.streams.get_records(ShardIterator=start))["Records"]:
            for record in records:
                if record["dynamodb"]["Keys"]["order_id"]["S"] == order_id:
                    return lambda_record(dict(record), arn)
            start = answer["NextShardIterator"]
        raise AssertionError(f"the stream has no record of {order_id}")

    def put(self, order: Order | ErasedOrder) -> None:
        self.dynamodb.put_item(TableName="orders-tests", Item=order_items.to_item(order))

    def empty_queues(self) -> None:
        for queue in QUEUES:
            self._taken(self._quick_sqs, queue)

    @cached_property
    def _quick_sqs(self) -> Any:
        return thin_client("sqs", self.sqs.meta.endpoint_url)

    def url(self, queue: str) -> str:
        if queue not in self._urls:
            self._urls[queue] = self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        return self._urls[queue]

    # --- faults: raised before a request is sent, so that it takes no effect

    def fail(self, adapter: Any, operation: str, fault: Callable[[str], Exception | None]) -> None:
        """Make calls of an operation fail; `fault` gets each request's body, and returns the error, or None."""
        if isinstance(adapter.client, JsonClient):
            self._fail_json(adapter.client, operation, fault)
            return

        def hook(request: Any) -> None:
            body = request.body or b""
            if error := fault(body.decode() if isinstance(body, bytes) else str(body)):
                raise error

        self._before_send(adapter.client, operation, hook)

    def _fail_json(self, client: JsonClient, operation: str, fault: Callable[[str], Exception | None]) -> None:
        send = client.send

        def faulty(called: str, body: bytes) -> dict[str, Any]:
            if operation in ("*", called) and (error := fault(body.decode())):
                raise error
            return send(called, body)

        vars(client)["send"] = faulty
        self._broken.append(client)

    def lose_every_response(self, adapter: Any, operation: str) -> None:
        """Lose the response to each call of an operation, which takes effect."""
        self.lose_response(adapter, operation, once=False)

    def lose_response(
        self, adapter: Any, operation: str, then: Callable[[], None] = lambda: None, *, once: bool = True
    ) -> None:
        """Lose the response to the next call of an operation, which takes effect; `then` runs before the retry."""
        lost: list[str] = []

        def lose() -> None:
            lost.append(operation)
            then()
            raise timed_out()

        if not isinstance(adapter.client, JsonClient):
            # botocore has no event between a response and its parsing: the request is sent before botocore sends it.
            session = URLLib3Session()

            def send_first(request: Any) -> None:
                if not (once and lost):
                    session.send(request)
                    lose()

            self._before_send(adapter.client, operation, send_first)
            return
        send = adapter.client.send

        def send_and_lose(called: str, body: bytes) -> dict[str, Any]:
            answer = send(called, body)
            if called == operation and not (once and lost):
                lose()
            return answer

        vars(adapter.client)["send"] = send_and_lose
        self._broken.append(adapter.client)

    def _before_send(self, client: Any, operation: str, hook: Callable[[Any], Any]) -> None:
        """Have botocore call a hook with each request of an operation, until the faults end."""
        service = client.meta.service_model.service_id.hyphenize()
        name = f"before-send.{service}.{operation}"

        def handler(request: Any, **_more: Any) -> None:
            hook(request)

        client.meta.events.register(name, handler)
        self._hooks.append((client, name, handler))

    def response_sizes(self, adapter: Any) -> list[int]:
        """The bytes of each response that the adapter's client receives from now on, until the faults end."""
        sizes: list[int] = []
        client = adapter.client
        if isinstance(client, JsonClient):
            decode = client.decode

            def measured(content: bytes) -> dict[str, Any]:
                sizes.append(len(content))
                return decode(content)

            vars(client)["decode"] = measured
            self._broken.append(client)
            return sizes

        def hook(response_dict: Any, **_more: Any) -> None:
            sizes.append(len(response_dict["body"]))

        client.meta.events.register("before-parse.dynamodb", hook)
        self._hooks.append((client, "before-parse.dynamodb", hook))
        return sizes

    def end_faults(self) -> None:
        while self._broken:
            broken = vars(self._broken.pop())
            broken.pop("send", None), broken.pop("decode", None)
        while self._hooks:
            client, name, hook = self._hooks.pop()
            client.meta.events.unregister(name, hook)

    def report_failures(self, monkeypatch: Any) -> None:
        """Behave as deployed with a mapping that reads batch item failures."""
        settings = replace(self.wiring.settings(), report_batch_item_failures="1")
        monkeypatch.setattr(self.wiring, "settings", lambda: settings)
