"""Which customer a token's claims name, and what is answered while the issuer's keys cannot be read."""

from typing import Any

import pytest

from testkit.builders import new_order
from testkit.tokens import sign
from tests.service.http.callers import (
    READER,
    Caller,
    Service,
    local_claims,
    signing_key,
)
from tests.service.http.conftest import ServiceWith

# --- the claim that names the customer -------------------------------------------------------------------------------

ABSENT = "(absent)"
NOBODY: list[Any] = [None, True, False, 1.0, 17850.5, [], ["ann"], {}, {"id": "ann"}, "", ABSENT]


@pytest.fixture(scope="module")
def named_by_claim(service_with: ServiceWith) -> Service:
    """The service where the claim `customer` names the customer."""
    return service_with(CUSTOMER_CLAIM="customer")


def whose_customer_is(service: Service, claim: Any, login: str = "login-1") -> Caller:
    content = local_claims(login) | ({} if claim == ABSENT else {"customer": claim})
    return Caller(service.send, f"Bearer {sign(signing_key(), content)}")


@pytest.mark.parametrize("claim", NOBODY, ids=repr)
def test_a_claim_that_is_not_a_valid_customer_id_places_and_reads_no_orders(
    named_by_claim: Service, claim: Any
) -> None:
    """`str()` of such a claim would make one customer of all whose tokens have it."""
    order_id = named_by_claim.place(whose_customer_is(named_by_claim, "ann"), new_order())
    caller = whose_customer_is(named_by_claim, claim)
    answers = [
        caller.post(new_order()),
        caller.get(f"/orders/{order_id}"),
        caller.patch(f"/orders/{order_id}", {"note": "x"}, If_Match="*"),
        *(caller.get(f"/customers/{name}/orders") for name in ("None", "null", "True", "login-1", "ann")),
    ]
    assert {(answer.status, answer.problem) for answer in answers} == {(403, "forbidden")}
    assert {answer.json["detail"] for answer in answers} == {"The token names no customer"}


def test_an_integer_or_a_text_names_the_customer_whoever_logged_in(named_by_claim: Service) -> None:
    order_id = named_by_claim.place(whose_customer_is(named_by_claim, 17850, "login-1"), new_order())
    assert whose_customer_is(named_by_claim, "17850", "login-2").get(f"/orders/{order_id}").status == 200
    assert whose_customer_is(named_by_claim, "17851", "login-1").get(f"/orders/{order_id}").status == 404
    assert whose_customer_is(named_by_claim, 1.5, "login-1").get("/customers/17850/orders").status == 403


def test_while_the_issuers_keys_cannot_be_read_a_valid_token_is_answered_503(service_with: ServiceWith) -> None:
    service = service_with(JWT_JWKS="no/jwks.json")
    answer = service.caller("ann").get("/customers/ann/orders")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert service.cached_policies == {}, "API Gateway caches policies for a token, but no failures"
    # A token that any key set would refuse is still refused with 401.
    expired = sign(signing_key(), local_claims("ann", exp=1_000_000_000))
    assert Caller(service.send, f"Bearer {expired}").get("/customers/ann/orders").status == 401
    assert Caller(service.send, "Bearer nonsense").get("/customers/ann/orders").status == 401


def test_claims_from_cognito_make_the_same_principal(service: Service) -> None:
    """With AUTHORIZER=cognito API Gateway checks the token and passes its claims, without our authorizer."""
    from testkit.lambda_events import LambdaContext, http_event  # noqa: PLC0415

    def status(authorizer: dict[str, Any]) -> int:
        event = http_event(
            "GET",
            "/customers/ann/orders",
            resource="/customers/{customer_id}/orders",
            authorizer=authorizer,
        )
        return int(service.functions.app(event, LambdaContext())["statusCode"])

    assert status({"claims": {"sub": "ann", "scope": READER, "exp": "Sun Nov 22 15:00:00 UTC 2026"}}) == 200
    assert status({"claims": {"sub": "bob", "scope": READER}}) == 403
    assert status({"claims": {"sub": "ann", "scope": ""}}) == 403
    assert status({"claims": {"sub": "ann", "scope": [[READER]]}}) == 403
    for nobody in (None, True, "null", "true", "1.0", "[ann]"):
        assert status({"claims": {"sub": nobody, "scope": READER}}) == 403
