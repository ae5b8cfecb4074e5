"""Tokens as identity providers issue them, made by `ordersctl token --claims` and sent to the local run over HTTP."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from ordersctl.cli import main
from testkit.builders import new_order
from testkit.servers.local_run import LocalRun
from testkit.waiting import eventually
from tests.service.http.access.identity_providers import PROVIDERS, Provider

pytestmark = pytest.mark.full  # a local run for each provider


@pytest.fixture(scope="module", params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> Provider:
    return PROVIDERS[request.param]


@pytest.fixture(scope="module")
def api(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The API of a local run with the provider's settings."""
    run = LocalRun.start(tmp_path_factory.mktemp("run"), console=False, **provider.settings)
    try:
        with httpx.Client(base_url=run.ready().url, timeout=30, trust_env=False) as client:
            yield client
    finally:
        run.stop()


def bearer(claims: dict[str, Any], *, null: str | None = None) -> dict[str, str]:
    """A header with the printed token. Claims that are None are left out of it; the claim `null` is in it, as null."""
    left_out = [
        option for name, value in claims.items() if value is None and name != null for option in ("--without", name)
    ]
    given = json.dumps({name: value for name, value in claims.items() if name == null or value is not None})
    printed = CliRunner().invoke(main, ["token", "--claims", given, *left_out], catch_exceptions=False)
    assert printed.exit_code == 0, printed.stderr
    return {"Authorization": f"Bearer {printed.stdout.strip()}"}


def test_a_customer_orders_and_reads_and_a_service_acts_for_them(api: httpx.Client, provider: Provider) -> None:
    customer, service = bearer(provider.customers_token), bearer(provider.services_token)
    accepted = api.post("/orders", json=new_order(), headers=customer)
    assert accepted.status_code == 202, accepted.text
    path = f"/orders/{accepted.json()['order_id']}"

    stored = eventually(lambda: (order := api.get(path, headers=customer).json())["status"] == "placed" and order)
    assert stored["customer_id"] == provider.customer

    confirm, any_version = {"status": "confirmed"}, {"If-Match": "*"}
    assert api.patch(path, json=confirm, headers=customer | any_version).status_code == 403
    assert api.patch(path, json=confirm, headers=service | any_version).json()["status"] == "confirmed"


def test_a_claim_that_is_null_is_nobody(api: httpx.Client, provider: Provider) -> None:
    named_by = provider.settings.get("CUSTOMER_CLAIM", "sub")
    nobody = bearer(provider.customers_token | {named_by: None}, null=named_by)
    assert api.post("/orders", json=new_order(), headers=nobody).status_code in {401, 403}
