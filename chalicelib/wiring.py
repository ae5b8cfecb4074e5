"""Clients and adapters: each is made when it is first needed, once per process."""

import functools
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from chalicelib.aws.timeouts import CallPolicy
from chalicelib.settings import Settings

if TYPE_CHECKING:
    import botocore.session

    from chalicelib.adapters.order_table import OrderTable
    from chalicelib.adapters.price_table import PriceTable
    from chalicelib.adapters.publishing import Publisher
    from chalicelib.adapters.queues import DeadLetterQueue, OrderQueue
    from chalicelib.aws.json_client import JsonClient
    from chalicelib.aws.sigv4 import Credentials
    from chalicelib.http.auth.tokens import TokenChecker

# ruff: noqa: PLC0415 - each function of the service imports its own adapters only (docs/adr/0009)

T = TypeVar("T")
_lock = threading.RLock()  # handlers use threads, and each client and adapter is made once

# Short timeouts and few attempts: a caller or a batch waits for each call, and SQS or the stream tries again anyway.
CALL_POLICY = CallPolicy(connect_timeout=1, read_timeout=2, attempts=3)
FAIL_FAST_POLICY = CallPolicy(connect_timeout=0.3, read_timeout=0.3, attempts=1)  # for a read that fails open


def _once(make: Callable[[], T]) -> Callable[[], T]:
    made: list[T] = []

    def get() -> T:
        if not made:
            with _lock:
                if not made:
                    made.append(make())
        return made[0]

    return get


@_once
def settings() -> Settings:
    return Settings.from_env(os.environ)


@functools.cache
def _client(service: str, policy: CallPolicy = CALL_POLICY) -> Any:
    """The client of a service that AWS_CLIENT names: `thin` (chalicelib.aws) or `botocore`.

    A stage with X-Ray tracing (its setting Tracing) has AWS_CLIENT=botocore from infra/package.yaml or `ordersctl
    provision`: X-Ray's SDK and OpenTelemetry wrap botocore's calls, and botocore sends the trace's header along. The
    service does not look for tracing by itself, since Lambda does not say whether it is active: it sets
    AWS_XRAY_DAEMON_ADDRESS in every function, and _X_AMZN_TRACE_ID is about one invocation, sampled or not, while the
    clients that the first invocation makes serve all that follow.
    """
    endpoint_url = settings().endpoint_url
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    if settings().aws_client == "botocore":
        from chalicelib.aws import botocore_client

        return botocore_client.make(_session(), service, region=region, endpoint_url=endpoint_url, policy=policy)
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return _thin_client(service)(
        service,
        region=region,
        endpoint_url=endpoint_url or f"https://{service}.{region}.{suffix}",
        credentials=_credentials(),
        policy=policy,
    )


def read_authorities() -> None:
    """Make the thin client's TLS context now, not at its first connection. Raises SettingsError."""
    if settings().aws_client == "thin" and not (settings().endpoint_url or "").startswith("http:"):
        from chalicelib.aws import tls

        _ = tls.authorities().amazon


@_once
def longest_call_ms() -> float:
    """The longest (milliseconds) that one call takes with the client of AWS_CLIENT, all its attempts included."""
    if settings().aws_client == "botocore":
        from chalicelib.aws import botocore_client

        return botocore_client.longest_call_seconds(CALL_POLICY) * 1_000
    from chalicelib.aws import retries

    return retries.longest_call_seconds(CALL_POLICY) * 1_000


def _thin_client(service: str) -> "type[JsonClient]":
    if service == "sns":
        from chalicelib.aws.query_client import QueryClient

        return QueryClient
    from chalicelib.aws.json_client import JsonClient

    return JsonClient


@_once
def _session() -> "botocore.session.Session":
    # a fifth of a cold start: only for botocore's clients, DAX, and credentials that are not in the environment
    import botocore.session

    return botocore.session.get_session()


@_once
def _credentials() -> "Callable[[], Credentials]":
    """The thin client's credentials: on Lambda from the environment, or with SnapStart from the container's endpoint.

    Elsewhere botocore finds and renews them.
    """
    from chalicelib.aws.sigv4 import Credentials

    if "AWS_ACCESS_KEY_ID" in os.environ:
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        keys = Credentials(*(os.environ.get(name, "") for name in names))
        return lambda: keys
    if "AWS_CONTAINER_CREDENTIALS_FULL_URI" in os.environ:  # SnapStart
        from chalicelib.aws.container_credentials import ContainerCredentials

        return ContainerCredentials(os.environ)
    from botocore.exceptions import NoCredentialsError

    if (found := _session().get_credentials()) is None:
        raise NoCredentialsError

    def renewed() -> Credentials:
        now = found.get_frozen_credentials()
        return Credentials(now.access_key or "", now.secret_key or "", now.token)

    return renewed


@_once
def order_table() -> "OrderTable":
    from chalicelib.adapters.order_table import OrderTable

    return OrderTable(_client("dynamodb"), settings().order_table, spread=settings().spread)


@_once
def fail_fast_order_table() -> "OrderTable":
    """The table for a read that its caller can go on without."""
    from chalicelib.adapters.order_table import OrderTable

    return OrderTable(_client("dynamodb", FAIL_FAST_POLICY), settings().order_table)


@_once
def read_table() -> "OrderTable":
    """The table, or a cache of it (DAX), for reads by clients; no write depends on such a read. Raises Fault."""
    if not settings().dax_endpoint:
        return order_table()
    from amazondax import AmazonDaxClient

    from chalicelib.adapters.faults import faults
    from chalicelib.adapters.order_table import OrderTable
    from chalicelib.aws import botocore_client

    with faults("dax"):
        config = botocore_client.config(CALL_POLICY)
        cache = AmazonDaxClient(_session(), endpoint_url=settings().dax_endpoint, config=config)
    return OrderTable(cache, settings().order_table, consistent=False, spread=settings().spread)


@_once
def price_table() -> "PriceTable | None":
    """The prices that customers' orders are checked against; None where customers are trusted."""
    if not settings().checks_customer_prices:
        return None
    from chalicelib.adapters.price_table import PriceTable

    return PriceTable(_client("dynamodb"), settings().price_table)


@_once
def order_queue() -> "OrderQueue":
    from chalicelib.adapters.queues import OrderQueue

    shared_ids = {customer for customer, spread in settings().spread.items() if spread.is_people}
    return OrderQueue(_client("sqs"), settings().order_queue_url, frozenset(shared_ids))


@_once
def order_dead_letters() -> "DeadLetterQueue":
    from chalicelib.adapters.queues import DeadLetterQueue

    return DeadLetterQueue(_client("sqs"), settings().order_dead_letter_queue_url)


@_once
def event_dead_letters() -> "DeadLetterQueue":
    from chalicelib.adapters.queues import DeadLetterQueue

    return DeadLetterQueue(_client("sqs"), settings().event_dead_letter_queue_url)


@_once
def publisher() -> "Publisher":
    return publisher_to(settings().event_bus_name, settings().event_topic_arn, _client)


def publisher_to(bus_name: str | None, topic_arn: str, client: Callable[[str], Any]) -> "Publisher":
    """Return the publisher to the bus if the stage has one, else to the topic; `client` makes a service's client."""
    if bus_name:
        from chalicelib.adapters.event_bus import EventBus

        return EventBus(client("events"), bus_name)
    from chalicelib.adapters.event_topic import EventTopic

    return EventTopic(client("sns"), topic_arn)


@_once
def id_secret() -> bytes:
    """The stage's secret, which seals order ids and signs cursors. Raises Fault."""
    from chalicelib.adapters.faults import faults

    with faults("secretsmanager"):
        secret = _client("secretsmanager").get_secret_value(SecretId=settings().id_secret_arn)
    return str(secret["SecretString"]).encode()


@_once
def token_checker() -> "TokenChecker":
    from chalicelib.http.auth.key_set import KeySet
    from chalicelib.http.auth.tokens import TokenChecker

    return TokenChecker(
        KeySet(settings().jwt_jwks),
        issuer=settings().jwt_issuer,
        audience=settings().jwt_audience,
        audience_claim=settings().audience_claim,
    )
