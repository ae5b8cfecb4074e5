"""The functions of app.py with the tests' engine behind them, and clients of the whole local run."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import httpx
import pytest
from hypothesis import Phase, settings

from ordersctl.local.tokens import ensure_keys
from ordersctl.shared.engine_client import client_options
from ordersctl.shared.project import PROJECT_DIR, default_state_dir
from testkit.servers.local_run import LocalRun
from tests.service.harness import functions
from tests.service.http.callers import Caller, Service, over_http, token

# `make property` (HYPOTHESIS_PROFILE=full) searches for disagreements at length. `make test` runs a part of that
# search, always the same part, so that a change never fails by chance: short runs, until every answer has been met.
settings.register_profile(
    "bounded", deadline=None, database=None, max_examples=30, stateful_step_count=40, derandomize=True, print_blob=True
)
settings.register_profile(
    "full", deadline=None, database=None, max_examples=250, stateful_step_count=40, print_blob=True
)

# For seeded bugs: a disagreement that is found need not be made small.
settings.register_profile("seeded-bugs", settings.get_profile("bounded"), phases=[Phase.generate], max_examples=60)


ServiceWith = Callable[..., Service]


@pytest.fixture(scope="session")
def service_with(engine_url: str, stack: dict[str, str], aws_client: str) -> ServiceWith:
    """Makes the functions of stage local, as the local run has them, with other environment variables.

    Tokens are signed with the project's local key.
    """
    assert stack, "the table and queues are there"
    config = json.loads((PROJECT_DIR / ".chalice" / "config.json").read_text())
    environment: dict[str, str] = config["stages"]["local"]["environment_variables"]
    environment |= {"AWS_ENDPOINT_URL": engine_url, "AWS_CLIENT": aws_client}
    ensure_keys(default_state_dir())

    def make(**variables: str) -> Service:
        return _service(functions(environment | variables), engine_url, environment)

    return make


@pytest.fixture(scope="session")
def service(service_with: ServiceWith) -> Service:
    """The functions of stage local, as the local run has them."""
    return service_with()


def _service(app: Any, engine_url: str, environment: dict[str, str]) -> Service:
    options: Any = client_options(engine_url)
    return Service(
        functions=app,
        dynamodb=boto3.client("dynamodb", **options),
        sqs=boto3.client("sqs", **options),
        table=environment["ORDER_TABLE"],
        queue_url=environment["ORDER_QUEUE_URL"],
        dead_letter_queue_url=environment["ORDER_DEAD_LETTER_QUEUE_URL"],
    )


@pytest.fixture
def quiet(service: Service) -> Service:
    """The service with nothing left in its queues."""
    service.take_messages()
    service.take_quarantined()
    return service


class HttpCallers:
    """Makes callers of the local run."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def __call__(self, subject: str, scope: str = "orders/read orders/write") -> Caller:
        return Caller(over_http(self.client), f"Bearer {token(subject, scope)}")


@pytest.fixture
def over_the_wire(local_run: LocalRun) -> Iterator[HttpCallers]:
    with httpx.Client(base_url=local_run.url, timeout=20, trust_env=False) as client:
        yield HttpCallers(client)
