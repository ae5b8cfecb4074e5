"""Access tokens as identity providers issue them, with the settings that docs/operate/identity-providers.md names."""

from typing import Any

import pytest

from testkit.builders import new_order
from testkit.tokens import sign
from tests.service.http.access.identity_providers import PROVIDERS, Provider
from tests.service.http.callers import Caller, Service, local_claims, signing_key
from tests.service.http.conftest import ServiceWith


@pytest.fixture(scope="module", params=PROVIDERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def provider(name: str) -> Provider:
    return PROVIDERS[name]


@pytest.fixture(scope="module")
def configured(provider: Provider, service_with: ServiceWith) -> Service:
    return service_with(**provider.settings)


def caller(service: Service, provider: Provider, **changes: Any) -> Caller:
    claims = {name: value for name, value in (local_claims("nobody") | changes).items() if value is not None}
    return Caller(service.send, f"Bearer {sign(signing_key(), claims, **provider.header)}")


def test_a_customer_orders_and_reads_and_a_service_acts_for_them(configured: Service, provider: Provider) -> None:
    customer = caller(configured, provider, **provider.customers_token)
    order_id = configured.place(customer, new_order())
    assert customer.get(f"/orders/{order_id}").json["customer_id"] == provider.customer
    assert customer.patch(f"/orders/{order_id}", {"status": "confirmed"}, If_Match="*").status == 403

    service = caller(configured, provider, **provider.services_token)
    assert service.patch(f"/orders/{order_id}", {"status": "confirmed"}, If_Match="*").json["status"] == "confirmed"
    assert service.post(new_order()).problem == "customer-required"


def test_at_its_defaults_the_service_takes_no_more_than_it_should(
    service: Service, provider: Provider, name: str
) -> None:
    """Which settings a provider needs: without them its tokens give no access, and never too much of it."""
    answer = caller(service, provider, **provider.customers_token).post(new_order())
    assert answer.status == (202 if name in {"Auth0", "Keycloak"} else 401 if name == "Cognito" else 403)
