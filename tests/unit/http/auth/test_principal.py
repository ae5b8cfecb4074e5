"""The caller: which tokens the authorizer admits, and what a principal may do."""

import time
from pathlib import Path
from typing import Any

import pytest
from chalice.app import AuthRequest

from chalicelib.http.auth.authorizer import Unauthorized, authorize
from chalicelib.http.auth.principal import ADMIN, READ, SERVICE, WRITE, Principal
from chalicelib.http.auth.tokens import LEEWAY
from chalicelib.http.problems import Problem
from testkit.builders import CUSTOMER
from testkit.tokens import claims, sign
from tests.unit.http.auth.keys import EC, RSA, TokenHarness

ARN = "arn:aws:execute-api:us-east-1:000000000000:api/stage/POST/orders"


def a_principal(scope: str = "orders/read orders/write", **context: Any) -> Principal:
    known = {"sub": CUSTOMER, "scope": scope, "exp": str(time.time() + 60)}
    return Principal.from_authorizer(known | context, customer_claim="sub")


def refused(call: Any, *arguments: Any) -> tuple[str, int]:
    with pytest.raises(Problem) as caught:
        call(*arguments)
    return caught.value.slug, caught.value.status


def test_a_valid_token_is_admitted_to_every_route_as_endpoints_check_scopes(tmp_path: Path) -> None:
    content = claims(scope="orders/read")
    request = AuthRequest("TOKEN", f"Bearer {sign(RSA, content)}", ARN)
    answer = authorize(request, TokenHarness(tmp_path / "jwks.json").checker(), customer_claim="sub").to_dict(request)
    assert answer["principalId"] == CUSTOMER
    assert answer["context"] == {"sub": CUSTOMER, "scope": "orders/read", "exp": str(content["exp"] + LEEWAY)}
    (statement,) = answer["policyDocument"]["Statement"]
    assert statement["Effect"] == "Allow"
    assert Principal.from_authorizer(answer["context"], customer_claim="sub").customer == CUSTOMER


@pytest.mark.parametrize("scope", [None, 1, [["orders/admin"]], {"orders/admin": 1}, True])
def test_a_scope_claim_that_is_neither_text_nor_list_gives_no_scope(tmp_path: Path, scope: Any) -> None:
    request = AuthRequest("TOKEN", f"Bearer {sign(EC, claims(scope=scope))}", ARN)
    answer = authorize(request, TokenHarness(tmp_path / "jwks.json").checker(), customer_claim="sub").to_dict(request)
    assert answer["context"]["scope"] == ""


@pytest.mark.parametrize("authorization", ["", "Bearer x", "Bearer a.b.c", "Basic YTpi"])
def test_any_other_token_is_refused_with_the_message_that_api_gateway_expects(
    tmp_path: Path, authorization: str
) -> None:
    with pytest.raises(Unauthorized) as caught:
        authorize(
            AuthRequest("TOKEN", authorization, ARN),
            TokenHarness(tmp_path / "jwks.json").checker(),
            customer_claim="sub",
        )
    assert str(caught.value) == "Unauthorized"


@pytest.mark.parametrize("exp", ["1000000000", "", "nan", "None", "Sat Jan 31 12:00:00 UTC 2026", None])
def test_a_cached_policy_ends_with_its_token(exp: str | None) -> None:
    assert refused(lambda: a_principal(exp=exp)) == ("unauthorized", 401)
    assert a_principal(exp=str(time.time() + 60)).customer == CUSTOMER


def test_a_cached_policy_without_an_end_has_ended() -> None:
    context = {"sub": CUSTOMER, "scope": ""}
    assert refused(lambda: Principal.from_authorizer(context, customer_claim="sub")) == ("unauthorized", 401)


# --- the customer's name ---------------------------------------------------------------------------------------------

NOBODY: list[Any] = [
    None,
    True,
    False,
    1.0,
    1.5,
    float("inf"),
    [],
    ["17850"],
    {},
    {"id": "17850"},
    "",
    "a\x00b",
    "\ud800",
]
# The texts that gateways make of such claims.
NOBODY_AS_TEXT = [
    "null", "None", "<nil>", "true", "True", "false", "1.0", "-1.5", "1.0E7", "1e+21", "[]", "[17850 17851]",
    '["17850"]', "{}", "{id=17850}", "map[id:17850]", "",
]  # fmt: skip


def context_of(tmp_path: Path, **changes: Any) -> Any:
    """The authorizer's context for a token with these claims; `customer` is the claim that names the customer."""
    content = claims(scope="orders/read orders/write") | changes
    request = AuthRequest("TOKEN", f"Bearer {sign(RSA, content)}", ARN)
    checker = TokenHarness(tmp_path / "jwks.json").checker()
    return authorize(request, checker, customer_claim="customer").to_dict(request)["context"]


@pytest.mark.parametrize("claim", [claim for claim in NOBODY if claim != "\ud800"], ids=repr)
def test_a_claim_that_is_not_a_valid_customer_id_names_no_customer(tmp_path: Path, claim: Any) -> None:
    context = context_of(tmp_path, customer=claim)
    assert context["customer"] == ""
    principal = Principal.from_authorizer(context, customer_claim="customer")
    assert refused(principal.required_owner, None) == ("forbidden", 403)
    assert refused(principal.customer_to_act_for, None) == ("forbidden", 403)


def test_a_missing_claim_names_no_customer(tmp_path: Path) -> None:
    principal = Principal.from_authorizer(context_of(tmp_path), customer_claim="customer")
    assert refused(principal.required_owner, None) == ("forbidden", 403)


@pytest.mark.parametrize(("claim", "customer"), [("17850", "17850"), (17850, "17850"), (0, "0"), ("None", "None")])
def test_a_text_or_an_integer_can_name_a_customer(tmp_path: Path, claim: Any, customer: str) -> None:
    context = context_of(tmp_path, customer=claim)
    assert all(isinstance(value, str) for value in context.values()), "API Gateway makes texts of all others"
    assert Principal.from_authorizer(context, customer_claim="customer").customer_to_act_for(None) == customer


@pytest.mark.parametrize("claim", NOBODY + NOBODY_AS_TEXT, ids=repr)
def test_a_gateway_claim_that_is_not_a_valid_customer_id_names_no_customer(claim: Any) -> None:
    for context in ({"claims": {"sub": "login-1", "customer": claim}}, {"claims": {"sub": "login-1"}}):
        principal = Principal.from_authorizer(context, customer_claim="customer")
        assert principal.customer == ""
        assert refused(principal.required_owner, None) == ("forbidden", 403)


@pytest.mark.parametrize("claim", ["17850", 17850, "nullable", "1e5", "eu-west-1:0f8fad5b"])
def test_a_gateway_claim_that_is_a_valid_customer_id_names_the_customer(claim: Any) -> None:
    principal = Principal.from_authorizer({"claims": {"sub": "x", "customer": claim}}, customer_claim="customer")
    assert principal.customer == str(claim)


NO_SCOPES = [
    None, True, 1, {"orders/admin": True}, [["orders/admin"]], [None, 1], ["orders/read orders/admin"],
    "[orders/admin]",
]  # fmt: skip


@pytest.mark.parametrize("claim", NO_SCOPES, ids=str)
def test_a_claim_that_is_neither_text_nor_list_has_no_scope_that_is_known(tmp_path: Path, claim: Any) -> None:
    known = {READ, WRITE, SERVICE, ADMIN}
    principal = Principal.from_authorizer(context_of(tmp_path, scope=claim), customer_claim="customer")
    assert principal.scopes.isdisjoint(known)
    from_gateway = Principal.from_authorizer({"claims": {"sub": "x", "scope": claim}}, customer_claim="sub")
    assert from_gateway.scopes.isdisjoint(known)


@pytest.mark.parametrize(
    ("setting", "content", "scopes"),
    [
        ("scope", {"scope": "orders/read  orders/write"}, {READ, WRITE}),
        ("scp", {"scp": ["orders/read", "orders/write"]}, {READ, WRITE}),
        ("scp", {"scp": "orders/read", "scope": "orders/admin"}, {READ}),
        ("permissions", {"permissions": ["orders/read", 1, None, "orders/write orders/admin"]}, {READ}),
        ("scp roles", {"roles": ["orders/service"]}, {SERVICE}),
        ("scp roles", {"scp": "orders/read", "roles": ["orders/write"]}, {READ, WRITE}),
        ("scp", {}, set()),
    ],
)
def test_the_scopes_are_in_the_claim_that_the_setting_names(
    tmp_path: Path, setting: str, content: dict[str, Any], scopes: set[str]
) -> None:
    request = AuthRequest("TOKEN", f"Bearer {sign(RSA, claims(scope=None) | content)}", ARN)
    checker = TokenHarness(tmp_path / "jwks.json").checker()
    context = authorize(request, checker, customer_claim="sub", scope_claim=setting).to_dict(request)["context"]
    built_in = Principal.from_authorizer(context, customer_claim="sub", scope_claim=setting)
    gateways = Principal.from_authorizer({"claims": content}, customer_claim="sub", scope_claim=setting)
    assert built_in.scopes == gateways.scopes == scopes


def test_a_claim_named_claims_is_not_taken_for_the_gateways_claims() -> None:
    context = {"sub": "login-1", "claims": CUSTOMER, "scope": "", "exp": "1000000000"}
    assert refused(lambda: Principal.from_authorizer(context, customer_claim="claims")) == ("unauthorized", 401)


def test_cognitos_claims_make_the_same_principal() -> None:
    claims_ = {"sub": CUSTOMER, "scope": "orders/read orders/write", "exp": "Sat Jan 31 12:00:00 UTC 2026"}
    assert Principal.from_authorizer({"claims": claims_}, customer_claim="sub") == a_principal()


def test_the_customer_is_the_claim_that_the_setting_names() -> None:
    context = {"sub": "login-1", "customer": CUSTOMER, "scope": "", "exp": str(time.time() + 60)}
    principal = Principal.from_authorizer(context, customer_claim="customer")
    assert (principal.subject, principal.customer) == ("login-1", CUSTOMER)


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        ("", set()),
        ("orders/read", {READ}),
        ("orders/write", {WRITE}),
        ("orders/service", {READ, WRITE, SERVICE}),
        ("orders/admin", {ADMIN}),
        ("orders/reader orders/admins xorders/admin ORDERS/ADMIN", set()),
    ],
)
def test_a_scope_allows_what_it_says(scope: str, may: set[str]) -> None:
    for needed in (READ, WRITE, SERVICE, ADMIN):
        if needed in may:
            a_principal(scope).require(needed)
        else:
            assert refused(a_principal(scope).require, needed) == ("forbidden", 403)


def test_a_customer_acts_for_no_other() -> None:
    principal = a_principal()
    for customer_of in (principal.customer_to_act_for, principal.required_owner):
        assert customer_of(None) == CUSTOMER
        assert customer_of(CUSTOMER) == CUSTOMER
        assert refused(customer_of, "17851") == ("forbidden", 403)


def test_a_service_names_the_customer_that_it_acts_for() -> None:
    principal = a_principal("orders/service", sub="the-shop")
    assert principal.customer_to_act_for("17851") == "17851"
    assert principal.required_owner("17851") == "17851"
    assert principal.required_owner(None) is None
    assert refused(principal.customer_to_act_for, None) == ("customer-required", 400)


@pytest.mark.parametrize("named", ["", "a b", "a" * 129, "a\n", "é", "../17850", "a%2Fb", "a?b", "a#b", "a\\b"])
def test_an_invalid_customer_id_is_refused(named: str) -> None:
    principal = a_principal("orders/service")
    assert refused(principal.customer_to_act_for, named) == ("invalid-parameter", 400)
    assert refused(principal.required_owner, named) == ("invalid-parameter", 400)


@pytest.mark.parametrize("sub", ["", "ann lee", "a" * 129, "auth0/1"])
def test_a_token_that_names_no_customer_sees_no_orders(sub: str) -> None:
    principal = a_principal(sub=sub)
    assert refused(principal.customer_to_act_for, None) == ("forbidden", 403)
    assert refused(principal.required_owner, None) == ("forbidden", 403)
