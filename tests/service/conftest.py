"""The functions of app.py on a stack of their own in the tests' engine."""

import re
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from ordersctl.local.engine import deploy
from ordersctl.shared.engine_client import client_options
from testkit.tokens import AUDIENCE, ISSUER
from tests.service.harness import ServiceHarness, functions


@pytest.fixture(scope="session", params=["thin", pytest.param("botocore", marks=pytest.mark.full)])
def aws_client(request: pytest.FixtureRequest) -> str:
    """AWS_CLIENT: with botocore, `make test` runs test_aws_clients.py, `make test-all` every test in this folder."""
    return str(request.param)


@pytest.fixture(scope="session")
def outputs(engine_url: str) -> dict[str, str]:
    return deploy(engine_url, stage="tests", customer_prices="checked")


@pytest.fixture(scope="session")
def environment(engine_url: str, outputs: dict[str, str], aws_client: str) -> dict[str, str]:
    """The environment of this stack's functions, but for the settings that a test chooses."""
    # Each output is named as the environment variable that carries it: OrderQueueUrl, ORDER_QUEUE_URL.
    return {re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper(): value for name, value in outputs.items()} | {
        "STAGE": "tests",
        "AWS_ENDPOINT_URL": engine_url,
        "AWS_CLIENT": aws_client,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": "us-east-1",
        "JWT_ISSUER": ISSUER,
        "JWT_AUDIENCE": AUDIENCE,
        "JWT_JWKS": str(Path("no") / "jwks.json"),
    }


@pytest.fixture(scope="session")
def built(engine_url: str, environment: dict[str, str]) -> ServiceHarness:
    """The handlers with all their clients, made while the environment is this stack's."""
    return built_with(engine_url, environment)


@pytest.fixture(scope="session")
def built_with_checked_prices(engine_url: str, environment: dict[str, str]) -> ServiceHarness:
    return built_with(engine_url, environment | {"CUSTOMER_PRICES": "checked"})


def built_with(engine_url: str, environment: dict[str, str]) -> ServiceHarness:
    app = functions(environment)
    options = client_options(engine_url)
    sqs, dynamodb = boto3.client("sqs", **options), boto3.client("dynamodb", **options)
    return ServiceHarness(app, sqs, dynamodb, boto3.client("dynamodbstreams", **options))


@pytest.fixture
def harness(built: ServiceHarness) -> Iterator[ServiceHarness]:
    """The handlers with empty queues, and without any fault that a test injects."""
    built.empty_queues()
    yield built
    built.end_faults()
