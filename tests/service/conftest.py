"""The doors of app.py on a stack of their own in the tests' engine."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from chalicelib import wiring
from ordersctl.local.engine import client_options, deploy
from testkit.tokens import AUDIENCE, ISSUER
from tests.service.harness import House


@pytest.fixture(scope="session")
def built(engine_url: str) -> House:
    """The handlers with all their clients, made while the environment is this stack's."""
    outputs = deploy(engine_url, stage="doors")
    # Each output is named as the environment variable that carries it: OrderQueueUrl, ORDER_QUEUE_URL.
    environment = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper(): value for name, value in outputs.items()} | {
        "STAGE": "doors",
        "AWS_ENDPOINT_URL": engine_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
        "JWT_JWKS": str(Path("no") / "jwks.json"),
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        for name in (
            "AWS_PROFILE",
            "AWS_CHALICE_CLI_MODE",
            "REPORT_BATCH_ITEM_FAILURES",
            "CUSTOMER_CLAIM",
            "EVENT_BUS_NAME",
            "http_proxy",
            "HTTP_PROXY",
        ):
            patch.delenv(name, raising=False)
        app = importlib.import_module("app")
        # Settings are read and clients made when first needed, and kept: later tests may have any environment.
        wiring.settings(), wiring.id_secret(), wiring.order_table(), wiring.fail_fast_order_table()
        wiring.order_queue(), wiring.order_dead_letters(), wiring.publisher(), wiring.event_dead_letters()
    options = client_options(engine_url)
    sqs, dynamodb = boto3.client("sqs", **options), boto3.client("dynamodb", **options)
    return House(app, sqs, dynamodb, boto3.client("dynamodbstreams", **options))


@pytest.fixture
def house(built: House) -> Iterator[House]:
    """The handlers with empty queues, and without any fault that a test injects."""
    built.empty_queues()
    yield built
    built.heal()
