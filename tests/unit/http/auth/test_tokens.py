"""Bearer tokens: what is admitted, and whose claims are not believed."""

import json
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from chalicelib.http.auth.tokens import LEEWAY, InvalidToken, KeySet, TokenChecker
from testkit.builders import CUSTOMER
from testkit.tokens import AUDIENCE, ISSUER, claims, sign
from tests.unit.http.auth.keys import EC, RSA, TokenRoom, raw_jws

NOW = 1_769_860_800  # what the clock shows where a test is about time


def at_now(room: TokenRoom, content: str) -> dict[str, Any]:
    return room.checker(clock=lambda: NOW).claims(f"Bearer {raw_jws(RSA, content=content)}")


def claims_at_now(**changes: Any) -> str:
    return json.dumps(claims(**{"iat": NOW, "exp": NOW + 600} | changes))


@pytest.fixture
def room(tmp_path: Path) -> TokenRoom:
    return TokenRoom(tmp_path / "jwks.json")


@pytest.mark.parametrize("key", [RSA, EC], ids=["RS256", "ES256"])
def test_a_token_of_the_issuer_is_believed(room: TokenRoom, key: RSAKey | ECKey) -> None:
    content = claims(scope="orders/read orders/write")
    assert room.claims(sign(key, content)) == content


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_bearer_in_any_case(room: TokenRoom, scheme: str) -> None:
    assert room.checker().claims(f"{scheme} {sign(RSA)}")["sub"] == CUSTOMER


def test_a_token_without_kid_is_checked_by_the_only_key_of_its_kind(room: TokenRoom) -> None:
    assert room.claims(raw_jws(RSA, {"alg": "RS256"}))["sub"] == CUSTOMER


def test_an_audience_may_be_one_of_a_list(room: TokenRoom) -> None:
    assert room.claims(sign(RSA, claims(aud=["others", AUDIENCE])))["sub"] == CUSTOMER


GOOD_TIMES = [
    {"exp": NOW - LEEWAY + 10},
    {"exp": NOW + 600.5},
    {"nbf": NOW + LEEWAY - 10},
    {"iat": NOW + LEEWAY - 10},
    {"iat": None},
    {"nbf": 0},
]


@pytest.mark.parametrize("changes", GOOD_TIMES, ids=str)
def test_clocks_may_differ_by_the_leeway(room: TokenRoom, changes: dict[str, Any]) -> None:
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
def test_claims_that_are_not_for_us_or_not_for_now_are_not_believed(room: TokenRoom, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        at_now(room, claims_at_now(**changes))


@pytest.mark.parametrize("exp", ["1e400", "null", "9" * 5_000])
def test_a_time_that_json_can_write_and_no_clock_can_show_is_not_believed(room: TokenRoom, exp: str) -> None:
    with pytest.raises(InvalidToken):
        at_now(room, claims_at_now(exp=0).replace('"exp": 0', f'"exp": {exp}'))


@pytest.mark.parametrize(
    "content",
    ["", "null", "[]", '"x"', "{", "{}x", "[" * 2_000, '{"a":' * 2_000 + "1" + "}" * 2_000, "\ufeff{}"],
    ids=lambda text: text[:10],
)
def test_claims_that_are_no_json_object_are_not_believed(room: TokenRoom, content: str) -> None:
    with pytest.raises(InvalidToken):
        room.claims(raw_jws(RSA, content=content))


def test_claims_that_are_no_utf_8_are_not_believed(room: TokenRoom) -> None:
    with pytest.raises(InvalidToken):
        room.claims(raw_jws(RSA, content=json.dumps(claims()).encode()[:-1] + b',"x":"\xff"}'))


def bearer_forms() -> dict[str, str]:
    token = sign(RSA)
    header, body, signature = token.split(".")
    return {
        "nothing": "",
        "no token": "Bearer",
        "an empty token": "Bearer ",
        "no scheme": token,
        "another scheme": f"Basic {token}",
        "a token twice": f"Bearer {token} {token}",
        "two tokens": f"Bearer {token},{token}",
        "a line break": f"Bearer {token}\n",
        "two parts": f"Bearer {header}.{body}",
        "four parts": f"Bearer {token}.",
        "five parts, as JWE": f"Bearer {header}.{body}.{signature}.{body}.{signature}",
        "an empty signature": f"Bearer {header}.{body}.",
        "an empty header": f"Bearer .{body}.{signature}",
        "padding": f"Bearer {token}==",
        "standard base64": f"Bearer {header}.{body}.{signature[:-1]}+",
        "a blank inside": f"Bearer {header} .{body}.{signature}",
        "9,000 characters": "Bearer " + "a" * 9_000,
        "9,000 good characters": f"Bearer {raw_jws(RSA, content=json.dumps(claims(x='x' * 7_000)))}",
        "letters that are not ASCII": f"Bearer {header}.{body}.é",
        "a lone surrogate": f"Bearer {header}.{body}.\ud800",
    }


@pytest.mark.parametrize("form", bearer_forms())
def test_what_is_no_bearer_token_is_refused(room: TokenRoom, form: str) -> None:
    with pytest.raises(InvalidToken):
        room.checker().claims(bearer_forms()[form])


# --- the issuer's keys -----------------------------------------------------------------------------------------------


def test_a_new_key_is_looked_for_once_a_minute(room: TokenRoom) -> None:
    checker = room.checker()
    checker.claims(f"Bearer {sign(RSA)}")
    new = RSAKey.generate_key(2048, {"kid": "new"})
    room.publish(new)
    with pytest.raises(InvalidToken):
        checker.claims(f"Bearer {sign(new)}")  # the keys were read a moment ago
    checker.keys._read_at -= 61
    assert checker.claims(f"Bearer {sign(new)}")["sub"] == CUSTOMER


def test_a_key_that_is_withdrawn_is_good_for_nothing_after_the_next_look(room: TokenRoom) -> None:
    checker = room.checker()
    old = sign(RSA)
    checker.claims(f"Bearer {old}")
    room.publish(EC)
    checker.keys._read_at -= 61
    with pytest.raises(InvalidToken):
        checker.claims(f"Bearer {sign(RSA, kid='unknown')}")
    with pytest.raises(InvalidToken):
        checker.claims(f"Bearer {old}")


def test_keys_are_looked_for_no_oftener_however_many_unknown_keys_are_named(room: TokenRoom) -> None:
    checker = room.checker()
    checker.claims(f"Bearer {sign(RSA)}")
    room.path.unlink()  # a second look would raise OSError
    for number in range(20):
        with pytest.raises(InvalidToken):
            checker.claims(f"Bearer {sign(RSA, kid=f'unknown-{number}')}")


def test_two_keys_without_a_name_leave_open_which_is_meant(tmp_path: Path) -> None:
    keys = []
    for key in (RSA, RSAKey.generate_key(2048)):
        public = key.as_dict(private=False)
        public.pop("kid", None)
        keys.append(public)
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": keys}))
    with pytest.raises(InvalidToken):
        TokenChecker(KeySet(str(path)), issuer=ISSUER, audience=AUDIENCE).claims(
            f"Bearer {raw_jws(RSA, {'alg': 'RS256'})}"
        )


def test_the_clock_is_the_checkers(room: TokenRoom) -> None:
    token = sign(RSA, claims(exp=2_000_000_000))
    assert room.checker(clock=lambda: 2_000_000_000 + LEEWAY - 1).claims(f"Bearer {token}")
    with pytest.raises(InvalidToken, match="expired"):
        room.checker(clock=lambda: 2_000_000_000 + LEEWAY).claims(f"Bearer {token}")
