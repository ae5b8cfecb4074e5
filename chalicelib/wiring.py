"""Clients and adapters: made once per container, each when it is first needed."""

import functools
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from chalicelib.settings import Patience, Settings

if TYPE_CHECKING:
    import botocore.config
    import botocore.session

    from chalicelib.adapters.order_table import OrderTable
    from chalicelib.adapters.publishing import Publisher
    from chalicelib.adapters.queues import DeadLetterQueue, OrderQueue
    from chalicelib.aws.json_client import Credentials
    from chalicelib.http.auth.tokens import TokenChecker

# ruff: noqa: PLC0415 - each function of the service imports its own adapters only (docs/adr/0009)

T = TypeVar("T")
_lock = threading.RLock()  # handlers work with threads, and each thing is to be made once


def _once(make: Callable[[], T]) -> Callable[[], T]:
    cached = functools.cache(make)

    def get() -> T:
        with _lock:
            return cached()

    return get


# Short waits and few tries: a caller or a batch waits behind each call, and SQS or the stream tries again anyway.
_PATIENT = Patience(connect_timeout=1, read_timeout=2, attempts=3)
_IMPATIENT = Patience(connect_timeout=0.3, read_timeout=0.3, attempts=1)  # for a read that fails open


@_once
def settings() -> Settings:
    return Settings.from_env(os.environ)


@_once
def _session() -> "botocore.session.Session":
    import botocore.session  # a fifth of a cold start: only for DAX, and where no keys are in the environment

    return botocore.session.get_session()


@_once
def _credentials() -> "Callable[[], Credentials]":
    """Lambda hands a function its keys in the environment; elsewhere botocore knows where to look."""
    from chalicelib.aws.json_client import Credentials

    if "AWS_ACCESS_KEY_ID" in os.environ:
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        keys = Credentials(*(os.environ.get(name, "") for name in names))
        return lambda: keys
    from botocore.exceptions import NoCredentialsError

    if (found := _session().get_credentials()) is None:
        raise NoCredentialsError

    def renewed() -> Credentials:
        now = found.get_frozen_credentials()
        return Credentials(now.access_key or "", now.secret_key or "", now.token)

    return renewed


@functools.cache
def _client(service: str, patience: Patience = _PATIENT) -> Any:
    from chalicelib.aws.json_client import JsonClient

    make = JsonClient
    if service == "sns":
        from chalicelib.aws.query_client import QueryClient

        make = QueryClient
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return make(
        service,
        region=region,
        endpoint_url=settings().endpoint_url or f"https://{service}.{region}.{suffix}",
        credentials=_credentials(),
        patience=patience,
    )


def _config(patience: Patience) -> "botocore.config.Config":
    from botocore.config import Config

    return Config(
        connect_timeout=patience.connect_timeout,
        read_timeout=patience.read_timeout,
        retries={"total_max_attempts": patience.attempts, "mode": "standard"},
        user_agent="orders",  # botocore's own is put together anew for every call
        parameter_validation=False,
    )


@_once
def order_table() -> "OrderTable":
    from chalicelib.adapters.order_table import OrderTable

    return OrderTable(_client("dynamodb"), settings().order_table)


@_once
def impatient_order_table() -> "OrderTable":
    from chalicelib.adapters.order_table import OrderTable

    return OrderTable(_client("dynamodb", _IMPATIENT), settings().order_table)


@_once
def read_table() -> "OrderTable":
    """What clients read: the table, or a cache of it (DAX). Nothing that is written depends on it. Raises Fault."""
    if not settings().dax_endpoint:
        return order_table()
    from amazondax import AmazonDaxClient

    from chalicelib.adapters.faults import faults
    from chalicelib.adapters.order_table import OrderTable

    with faults("dax"):
        cache = AmazonDaxClient(_session(), endpoint_url=settings().dax_endpoint, config=_config(_PATIENT))
    return OrderTable(cache, settings().order_table, consistent=False)


@_once
def order_queue() -> "OrderQueue":
    from chalicelib.adapters.queues import OrderQueue

    return OrderQueue(_client("sqs"), settings().order_queue_url)


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
    if settings().event_bus_name:
        from chalicelib.adapters.event_bus import EventBus

        return EventBus(_client("events"), settings().event_bus_name)
    from chalicelib.adapters.event_topic import EventTopic

    return EventTopic(_client("sns"), settings().event_topic_arn)


@_once
def id_secret() -> bytes:
    """The stage's secret; raises Fault."""
    from chalicelib.adapters.faults import faults

    with faults("secretsmanager"):
        answer = _client("secretsmanager").get_secret_value(SecretId=settings().id_secret_arn)
    return str(answer["SecretString"]).encode()


@_once
def token_checker() -> "TokenChecker":
    from chalicelib.http.auth.key_set import KeySet
    from chalicelib.http.auth.tokens import TokenChecker

    return TokenChecker(KeySet(settings().jwt_jwks), issuer=settings().jwt_issuer, audience=settings().jwt_audience)
