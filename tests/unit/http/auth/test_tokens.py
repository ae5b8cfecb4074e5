"""Bearer tokens: which are accepted, and which claims are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from chalicelib.http.auth.tokens import LEEWAY, InvalidToken
from testkit.builders import CUSTOMER
from testkit.tokens import AUDIENCE, ISSUER, claims, sign
from tests.unit.http.auth.keys import EC, RSA, TokenHarness, base64url, raw_jws, rsa_signature, token

NOW = 1_769_860_800  # the clock's time in tests about time


def at_now(room: TokenHarness, content: str) -> dict[str, Any]:
    return room.checker(clock=lambda: NOW).claims(f"Bearer {raw_jws(RSA, content=content)}")


def claims_at_now(**changes: Any) -> str:
    return json.dumps(claims(**{"iat": NOW, "exp": NOW + 600} | changes))


@pytest.fixture
def room(tmp_path: Path) -> TokenHarness:
    return TokenHarness(tmp_path / "jwks.json")


@pytest.mark.parametrize(("key", "algorithm"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256")])
def test_a_token_of_the_issuer_is_accepted(room: TokenHarness, key: RSAKey | ECKey, algorithm: str) -> None:
    content = claims(scope="orders/read orders/write")
    assert room.claims(raw_jws(key, {"alg": algorithm, "kid": key.kid}, json.dumps(content))) == content


def test_a_header_may_have_unknown_members(room: TokenHarness) -> None:
    """Members that are not understood are ignored (RFC 7515, section 4); issuers send certificates and more."""
    header = {"alg": "RS256", "kid": "rsa-1", "typ": "at+jwt", "x5c": ["A" * 1_500], "x5t": "AA", "nonce": "n", "v": 1}
    assert room.claims(raw_jws(RSA, header))["sub"] == CUSTOMER


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_bearer_in_any_case(room: TokenHarness, scheme: str) -> None:
    assert room.checker().claims(f"{scheme} {sign(RSA)}")["sub"] == CUSTOMER


def test_a_token_without_kid_is_checked_by_the_only_key_of_its_kind(room: TokenHarness) -> None:
    assert room.claims(raw_jws(RSA, {"alg": "RS256"}))["sub"] == CUSTOMER


def test_an_audience_may_be_one_of_a_list(room: TokenHarness) -> None:
    assert room.claims(sign(RSA, claims(aud=["others", AUDIENCE])))["sub"] == CUSTOMER


def test_without_an_audience_another_claim_may_name_it(room: TokenHarness) -> None:
    """As in Cognito's access tokens: the setting names client_id."""
    checker = room.checker(audience_claim="client_id")
    assert checker.claims(f"Bearer {sign(RSA, claims(aud=None, client_id=AUDIENCE))}")["sub"] == CUSTOMER
    assert checker.claims(f"Bearer {sign(RSA, claims())}")["sub"] == CUSTOMER


NOT_FOR_US: list[dict[str, Any]] = [
    {"aud": None},
    {"aud": None, "client_id": "others"},
    {"aud": None, "client_id": [AUDIENCE]},
    {"aud": None, "client_id": True},
    {"aud": "others", "client_id": AUDIENCE},
    {"aud": [], "client_id": AUDIENCE},
]


@pytest.mark.parametrize("changes", NOT_FOR_US, ids=str)
def test_a_token_for_others_is_not_believed_whichever_claim_names_them(
    room: TokenHarness, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidToken):
        room.checker(audience_claim="client_id").claims(f"Bearer {sign(RSA, claims(**changes))}")


def test_a_null_audience_is_none_that_another_claim_replaces(room: TokenHarness) -> None:
    content = claims(client_id=AUDIENCE) | {"aud": None}
    with pytest.raises(InvalidToken):
        room.checker(audience_claim="client_id").claims(f"Bearer {sign(RSA, content)}")


@pytest.mark.parametrize("claim", ["client_id", ""])
def test_unless_the_setting_says_so_every_token_needs_an_audience(room: TokenHarness, claim: str) -> None:
    with pytest.raises(InvalidToken):
        room.claims(sign(RSA, claims(aud=None, **{claim: AUDIENCE})))


GOOD_TIMES = [
    {"exp": NOW - LEEWAY + 10},
    {"exp": NOW + 600.5},
    {"nbf": NOW + LEEWAY - 10},
    {"iat": NOW + LEEWAY - 10},
    {"iat": None},
    {"nbf": 0},
]


@pytest.mark.parametrize("changes", GOOD_TIMES, ids=str)
def test_clocks_may_differ_by_the_leeway(room: TokenHarness, changes: dict[str, Any]) -> None:
    assert at_now(room, claims_at_now(**changes))


BAD_CLAIMS: list[dict[str, Any]] = [
    {"iss": "https://evil.example"},
    {"iss": ISSUER + "/"},
    {"iss": None},
    {"iss": [ISSUER]},
    {"aud": "others"},
    {"aud": AUDIENCE + "x"},
    {"aud": None},
    {"aud": []},
    {"aud": [[AUDIENCE]]},
    {"aud": {AUDIENCE: 1}},
    {"sub": None},
    {"sub": ""},
    {"sub": 17850},
    {"sub": [CUSTOMER]},
    {"sub": "\ud800"},
    {"sub": "a\x00b"},
    {"exp": None},
    {"exp": NOW - LEEWAY - 10},
    {"exp": 0},
    {"exp": -1},
    {"exp": str(NOW + 600)},
    {"exp": True},
    {"exp": [NOW + 600]},
    {"exp": {}},
    {"exp": float("nan")},
    {"exp": float("inf")},
    {"nbf": NOW + LEEWAY + 60},
    {"nbf": "0"},
    {"nbf": True},
    {"nbf": float("nan")},
    {"iat": NOW + LEEWAY + 60},
    {"iat": "0"},
    {"iat": float("nan")},
]


@pytest.mark.parametrize("changes", BAD_CLAIMS, ids=str)
def test_claims_that_are_not_valid_here_and_now_are_refused(room: TokenHarness, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        at_now(room, claims_at_now(**changes))


@pytest.mark.parametrize("exp", ["1e400", "null", "9" * 5_000])
def test_an_expiry_that_is_not_a_usable_time_is_refused(room: TokenHarness, exp: str) -> None:
    with pytest.raises(InvalidToken):
        at_now(room, claims_at_now(exp=0).replace('"exp": 0', f'"exp": {exp}'))


@pytest.mark.parametrize(
    "content",
    ["", "null", "[]", '"x"', "{", "{}x", "[" * 2_000, '{"a":' * 2_000 + "1" + "}" * 2_000, "\ufeff{}"],
    ids=lambda text: text[:10],
)
def test_claims_that_are_not_a_json_object_are_refused(room: TokenHarness, content: str) -> None:
    with pytest.raises(InvalidToken):
        room.claims(raw_jws(RSA, content=content))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_claims_in_another_encoding_are_refused(room: TokenHarness, encoding: str) -> None:
    with pytest.raises(InvalidToken):
        room.claims(raw_jws(RSA, content=json.dumps(claims()).encode(encoding)))


def test_claims_that_are_not_utf_8_are_refused(room: TokenHarness) -> None:
    with pytest.raises(InvalidToken):
        room.claims(raw_jws(RSA, content=json.dumps(claims()).encode()[:-1] + b',"x":"\xff"}'))


HEADERS = ["", "null", "1", '"alg"', '"alg b64"', '["alg"]', '["alg", "b64"]', "{", "[" * 2_000, "{}", '{"alg": {}}']


@pytest.mark.parametrize("header", HEADERS, ids=lambda text: text[:10])
def test_a_header_that_is_not_a_json_object_is_refused(room: TokenHarness, header: str) -> None:
    message = f"{base64url(header.encode())}.{base64url(json.dumps(claims()).encode())}"
    with pytest.raises(InvalidToken):
        room.claims(token(message.encode(), rsa_signature(RSA, message.encode())))


def bearer_forms() -> dict[str, str]:
    good = sign(RSA)
    header, body, signature = good.split(".")
    return {
        "nothing": "",
        "no token": "Bearer",
        "an empty token": "Bearer ",
        "no scheme": good,
        "another scheme": f"Basic {good}",
        "a token twice": f"Bearer {good} {good}",
        "two tokens": f"Bearer {good},{good}",
        "a line break": f"Bearer {good}\n",
        "two parts": f"Bearer {header}.{body}",
        "four parts": f"Bearer {good}.",
        "five parts, as JWE": f"Bearer {header}.{body}.{signature}.{body}.{signature}",
        "an empty signature": f"Bearer {header}.{body}.",
        "an empty header": f"Bearer .{body}.{signature}",
        "padding": f"Bearer {good}==",
        "standard base64": f"Bearer {header}.{body}.{signature[:-1]}+",
        "a blank inside": f"Bearer {header} .{body}.{signature}",
        "9,000 characters": "Bearer " + "a" * 9_000,
        "9,000 good characters": f"Bearer {raw_jws(RSA, content=json.dumps(claims(x='x' * 7_000)))}",
        "letters that are not ASCII": f"Bearer {header}.{body}.é",
        "a lone surrogate": f"Bearer {header}.{body}.\ud800",
    }


@pytest.mark.parametrize("form", bearer_forms())
def test_anything_but_a_bearer_token_is_refused(room: TokenHarness, form: str) -> None:
    with pytest.raises(InvalidToken):
        room.checker().claims(bearer_forms()[form])


def test_the_checkers_own_clock_is_used(room: TokenHarness) -> None:
    signed = sign(RSA, claims(exp=2_000_000_000))
    assert room.checker(clock=lambda: 2_000_000_000 + LEEWAY - 1).claims(f"Bearer {signed}")
    with pytest.raises(InvalidToken, match="expired"):
        room.checker(clock=lambda: 2_000_000_000 + LEEWAY).claims(f"Bearer {signed}")
