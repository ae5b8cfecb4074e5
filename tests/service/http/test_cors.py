"""CORS_ALLOW_ORIGIN: pages of the origins that it names can read every response, refusals among them."""

from typing import Any

import pytest

from testkit.lambda_events import LambdaContext, http_event
from tests.service.http.callers import Caller, Service
from tests.service.http.conftest import ServiceWith

SHOP, ADMIN = "https://shop.example", "https://admin.example"
ALLOW = "Access-Control-Allow-Origin"


@pytest.fixture(scope="module")
def two_origins(service_with: ServiceWith) -> Service:
    return service_with(CORS_ALLOW_ORIGIN=f"{SHOP} {ADMIN}")


@pytest.fixture(scope="module")
def caller(two_origins: Service) -> Caller:
    return two_origins.caller("ann")


@pytest.mark.parametrize("origin", [SHOP, ADMIN])
@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (("GET", "/customers/ann/orders"), 200),
        (("GET", "/customers/ann/orders?limit=0"), 400),
        (("GET", "/customers/bob/orders"), 403),
        (("GET", "/orders/ord_1"), 404),
        (("HEAD", "/orders/ord_1"), 404),
        (("PATCH", "/orders/ord_1", "{}"), 428),
        (("POST", "/orders", {}), 422),
        (("GET", "/health"), 200),
    ],
)
def test_every_response_names_the_origin_that_asks(
    caller: Caller, origin: str, asked: tuple[Any, ...], status: int
) -> None:
    answer = caller.call(*asked, Origin=origin)
    assert (answer.status, answer.headers[ALLOW], answer.headers["Vary"]) == (status, origin, "Origin")
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"]


def test_a_refusal_by_the_framework_names_the_origin_too(two_origins: Service) -> None:
    for method, status in (("PUT", 405), ("POST", 415)):
        event = http_event(method, "/orders", headers={"Origin": ADMIN, "Content-Type": "application/xml"})
        answer = two_origins.functions.app(event, LambdaContext())
        assert (answer["statusCode"], answer["headers"][ALLOW]) == (status, ADMIN)


@pytest.mark.parametrize("origin", ["https://evil.example", f"{SHOP}.evil.example", "null", None])
def test_an_origin_that_is_not_allowed_is_never_named(caller: Caller, origin: str | None) -> None:
    assert caller.get("/customers/ann/orders", Origin=origin).headers[ALLOW] == SHOP


def test_without_the_setting_no_origin_is_named(service: Service) -> None:
    assert ALLOW not in service.caller("ann").get("/customers/ann/orders", Origin=SHOP).headers


def test_of_one_origin_caches_need_to_know_nothing(service_with: ServiceWith) -> None:
    answer = service_with(CORS_ALLOW_ORIGIN=SHOP).caller("ann").get("/customers/ann/orders", Origin=ADMIN)
    assert (answer.headers[ALLOW], answer.headers.get("Vary")) == (SHOP, None)
