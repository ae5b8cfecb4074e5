"""Clients and adapters: made once per container, each when it is first needed."""

import functools
import os
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import botocore.session
from botocore.config import Config

from chalicelib.aws import faults
from chalicelib.event_bus import EventBus
from chalicelib.event_topic import EventTopic
from chalicelib.http.tokens import KeySet, TokenChecker
from chalicelib.order_queue import DeadLetterQueue, OrderQueue
from chalicelib.order_table import OrderTable
from chalicelib.publishing import Publisher
from chalicelib.settings import Settings

T = TypeVar("T")
_lock = threading.RLock()  # one botocore session makes all clients, and it is not safe to share between threads


def _once(make: Callable[[], T]) -> Callable[[], T]:
    cached = functools.cache(make)

    def get() -> T:
        with _lock:
            return cached()

    return get


# Short waits and few tries: a caller or a batch waits behind each call, and SQS or the stream tries again anyway.
_PATIENT = Config(
    connect_timeout=1,
    read_timeout=2,
    retries={"total_max_attempts": 3, "mode": "standard"},
    max_pool_connections=16,
    user_agent="orders",  # botocore's own is put together anew for every call
    parameter_validation=False,
)
# For the one read on the way of accepting, which fails open (seconds).
_IMPATIENT = _PATIENT.merge(
    Config(connect_timeout=0.3, read_timeout=0.3, retries={"total_max_attempts": 1, "mode": "standard"})
)


@_once
def settings() -> Settings:
    return Settings.from_env(os.environ)


@_once
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


@functools.cache
def _client(service: str, config: Config = _PATIENT) -> Any:
    return _session().create_client(service, endpoint_url=settings().endpoint_url, config=config)


@_once
def order_table() -> OrderTable:
    return OrderTable(_client("dynamodb"), settings().order_table)


@_once
def impatient_order_table() -> OrderTable:
    return OrderTable(_client("dynamodb", _IMPATIENT), settings().order_table)


@_once
def order_queue() -> OrderQueue:
    return OrderQueue(_client("sqs"), settings().order_queue_url)


@_once
def order_dead_letters() -> DeadLetterQueue:
    return DeadLetterQueue(_client("sqs"), settings().order_dead_letter_queue_url)


@_once
def event_dead_letters() -> DeadLetterQueue:
    return DeadLetterQueue(_client("sqs"), settings().event_dead_letter_queue_url)


@_once
def publisher() -> Publisher:
    if settings().event_bus_name:
        return EventBus(_client("events"), settings().event_bus_name)
    return EventTopic(_client("sns"), settings().event_topic_arn)


@_once
def id_secret() -> bytes:
    """The stage's secret; raises Fault."""
    with faults("secretsmanager"):
        answer = _client("secretsmanager").get_secret_value(SecretId=settings().id_secret_arn)
    return str(answer["SecretString"]).encode()


@_once
def token_checker() -> TokenChecker:
    return TokenChecker(KeySet(settings().jwt_jwks), issuer=settings().jwt_issuer, audience=settings().jwt_audience)
