"""The issuer's keys: how long they are trusted, when they are fetched again, and which of them are used."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from chalicelib.http.auth.key_set import MAX_AGE, MIN_INTERVAL, STALE_IF_ERROR, KeysUnavailable
from testkit.tokens import claims, sign
from tests.unit.http.auth.keys import EC, RSA, Issuer, base64url, jwks, raw_jws

NEW = RSAKey.generate_key(2048, {"kid": "rsa-1"})  # under the old one's name
NAMED = RSAKey.generate_key(2048, {"kid": "rsa-2"})
NAMELESS: dict[str, Any] = {"alg": "RS256"}  # the header of a token that names no key


@pytest.fixture
def issuer() -> Issuer:
    return Issuer(RSA, EC)


def is_unavailable(issuer: Issuer, signed: str) -> bool:
    with pytest.raises(KeysUnavailable):
        issuer.admits(signed)
    return True


# --- how long they are trusted ----------------------------------------------------------------------------------------


def test_keys_are_fetched_once_for_all_tokens_that_they_verify(issuer: Issuer) -> None:
    for _ in range(20):
        assert issuer.admits(sign(RSA))
        assert issuer.admits(sign(EC))
    assert issuer.fetches == 1


def test_a_withdrawn_key_is_trusted_for_ten_minutes_at_most(issuer: Issuer) -> None:
    old = sign(RSA)
    assert issuer.admits(old)
    issuer.content = jwks(EC)
    issuer.clock.now += MAX_AGE - 1
    assert issuer.admits(old)
    issuer.clock.now += 1
    assert not issuer.admits(old)
    assert MAX_AGE == 600


def test_a_withdrawn_key_is_gone_after_the_next_fetch(issuer: Issuer) -> None:
    old = sign(RSA)
    assert issuer.admits(old)
    issuer.content = jwks(NAMED)
    issuer.clock.now += MIN_INTERVAL
    assert issuer.admits(sign(NAMED))
    assert not issuer.admits(old)


def test_a_clock_that_is_set_back_makes_keys_no_younger(issuer: Issuer) -> None:
    old = sign(RSA)
    assert issuer.admits(old)
    issuer.content = jwks(EC)
    issuer.clock.now -= 3_600
    assert not issuer.admits(old)


# --- when they are fetched again -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("published", "header"),
    [
        ((NAMED,), {"alg": "RS256", "kid": "rsa-2"}),
        ((NEW,), {"alg": "RS256", "kid": "rsa-1"}),
        ((NEW,), NAMELESS),
        ((NEW, RSA), NAMELESS),
        ((RSA, NEW), {"alg": "RS256", "kid": "rsa-1"}),
    ],
    ids=["a new name", "the old name", "no name", "no name, beside the old one", "the old name, beside the old one"],
)
def test_a_new_key_is_used_at_once(published: tuple[RSAKey, ...], header: dict[str, Any]) -> None:
    issuer = Issuer(RSA)
    assert issuer.admits(sign(RSA))
    issuer.content = jwks(*published)
    issuer.clock.now += MIN_INTERVAL
    signer = NAMED if NAMED in published else NEW
    assert issuer.admits(raw_jws(signer, header))
    assert issuer.fetches == 2


@pytest.mark.parametrize("header", [NAMELESS, {"alg": "RS256", "kid": "anything"}], ids=str)
def test_keys_without_a_kid_verify_tokens_without_one(header: dict[str, Any]) -> None:
    issuer = Issuer()
    issuer.content = jwks(RSA, NEW, kid=None)
    assert issuer.admits(raw_jws(NEW, header)) == (header == NAMELESS)


def test_an_unsigned_token_delays_a_new_key_for_no_more_than_some_seconds(issuer: Issuer) -> None:
    assert issuer.admits(sign(RSA))
    issuer.clock.now += MIN_INTERVAL
    assert not issuer.admits(sign(NAMED))  # an unsigned token, a moment before the issuer rotates its keys
    issuer.content = jwks(NAMED)
    issuer.clock.now += MIN_INTERVAL - 1
    assert not issuer.admits(sign(NAMED))
    issuer.clock.now += 1
    assert issuer.admits(sign(NAMED))
    assert MIN_INTERVAL <= 5


def test_many_unsigned_tokens_cause_a_handful_of_fetches(issuer: Issuer) -> None:
    assert issuer.admits(sign(RSA))
    issuer.clock.now += MIN_INTERVAL
    junk = sign(NAMED)
    for _ in range(500):  # within ten seconds
        issuer.clock.now += 0.02
        assert not issuer.admits(junk)
    assert issuer.fetches <= 1 + 10 / MIN_INTERVAL + 1


def test_a_changed_signature_causes_one_fetch(issuer: Issuer) -> None:
    assert issuer.admits(sign(RSA))
    issuer.clock.now += MIN_INTERVAL
    head, content, _ = sign(RSA).split(".")
    for _ in range(20):
        assert not issuer.admits(f"{head}.{content}.{base64url(bytes(256))}")
    assert issuer.fetches == 2


@pytest.mark.parametrize("changes", [{"iss": "https://evil.example"}, {"aud": "others"}, {"exp": 0}], ids=str)
def test_a_token_that_any_key_would_refuse_causes_no_fetch(changes: dict[str, Any]) -> None:
    issuer = Issuer(RSA)
    assert not issuer.admits(sign(NAMED, claims(**changes)))
    assert issuer.fetches == 0


# --- while the address fails -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [OSError("no route"), TimeoutError(), ValueError("not a JWK set")], ids=repr)
def test_without_keys_no_token_can_be_judged(issuer: Issuer, failure: Exception) -> None:
    issuer.failure = failure
    assert is_unavailable(issuer, sign(RSA))
    assert is_unavailable(issuer, sign(NAMED))


def test_a_failure_is_remembered_for_some_seconds(issuer: Issuer) -> None:
    issuer.failure = OSError("no route")
    for _ in range(100):
        assert is_unavailable(issuer, sign(RSA))
    assert issuer.fetches == 1
    issuer.failure = None
    issuer.clock.now += MIN_INTERVAL
    assert issuer.admits(sign(RSA))


def test_stale_keys_serve_while_the_address_fails_but_for_an_hour_at_most(issuer: Issuer) -> None:
    good = sign(RSA, claims(exp=int(issuer.clock.now) + 100_000))
    assert issuer.admits(good)
    issuer.failure = OSError("no route")
    issuer.clock.now += MAX_AGE
    assert issuer.admits(good)
    issuer.clock.now += STALE_IF_ERROR - 1
    assert issuer.admits(good)
    issuer.clock.now += 1
    assert is_unavailable(issuer, good)
    assert STALE_IF_ERROR == 3_600


def test_stale_keys_serve_no_longer_once_the_address_answers(issuer: Issuer) -> None:
    old = sign(RSA)
    assert issuer.admits(old)
    issuer.failure = OSError("no route")
    issuer.clock.now += MAX_AGE
    assert issuer.admits(old)
    issuer.failure, issuer.content = None, jwks(EC)
    issuer.clock.now += MIN_INTERVAL
    assert not issuer.admits(old)


def test_a_token_that_a_new_key_may_have_signed_is_not_refused_while_the_address_fails(issuer: Issuer) -> None:
    assert issuer.admits(sign(RSA))
    issuer.failure = OSError("no route")
    issuer.clock.now += MIN_INTERVAL
    assert is_unavailable(issuer, sign(NAMED))
    assert is_unavailable(issuer, sign(NAMED))
    assert issuer.fetches == 2
    assert issuer.admits(sign(RSA))  # a token that needs no fetch is admitted as before


UNREADABLE = [
    "",
    "null",
    "[]",
    "{}",
    '{"keys": null}',
    '{"keys": {}}',
    '{"error": "busy"}',
    "<html>",
    "[" * 9_999,
    "\x80",
]


@pytest.mark.parametrize("content", UNREADABLE, ids=lambda text: text[:16])
def test_a_document_that_is_not_a_key_set_is_a_failure_of_the_address(issuer: Issuer, content: str) -> None:
    good = sign(RSA)
    assert issuer.admits(good)
    issuer.content = content.encode("latin-1")
    issuer.clock.now += MAX_AGE
    assert issuer.admits(good)  # by the stale keys
    issuer.clock.now += MIN_INTERVAL
    assert is_unavailable(issuer, sign(NAMED))


# --- who waits -------------------------------------------------------------------------------------------------------


class SlowIssuer(Issuer):
    """An address that answers when the test lets it."""

    def __init__(self, *keys: RSAKey | ECKey) -> None:
        super().__init__(*keys)
        self.is_slow = False
        self.asked, self.answers = threading.Event(), threading.Event()

    def read(self, location: str) -> bytes:
        if self.is_slow:
            self.asked.set()
            assert self.answers.wait(20)
        return super().read(location)


def during_a_fetch(issuer: SlowIssuer, fetched_for: str, then: Callable[[], Any]) -> Any:
    """Run `action` while the fetch for a token lasts; returns whether that token was admitted, or why not."""
    issuer.is_slow = True
    with ThreadPoolExecutor(2) as pool:
        fetching = pool.submit(issuer.admits, fetched_for)
        assert issuer.asked.wait(20)
        try:
            pool.submit(then).result(20)
        finally:
            issuer.answers.set()
        return fetching.exception(20) or fetching.result()


def test_a_token_that_needs_no_fetch_does_not_wait_for_one() -> None:
    issuer = SlowIssuer(RSA)
    assert issuer.admits(sign(RSA))
    issuer.clock.now += MIN_INTERVAL
    admitted: list[bool] = []
    assert not during_a_fetch(issuer, sign(NAMED), lambda: admitted.append(issuer.admits(sign(RSA))))
    assert admitted == [True]


def test_a_token_that_stale_keys_verify_does_not_wait_for_a_fetch() -> None:
    issuer = SlowIssuer(RSA)
    assert issuer.admits(sign(RSA))
    issuer.failure = OSError("no route")
    issuer.clock.now += MAX_AGE
    assert issuer.admits(sign(RSA))
    issuer.clock.now += MIN_INTERVAL
    admitted: list[bool] = []
    assert during_a_fetch(issuer, sign(RSA), lambda: admitted.append(issuer.admits(sign(RSA)))) is True
    assert admitted == [True]


def test_keys_past_their_age_are_not_used_while_their_first_fetch_lasts() -> None:
    issuer = SlowIssuer(RSA)
    assert issuer.admits(sign(RSA))
    issuer.content, issuer.is_slow = jwks(EC), True
    issuer.clock.now += MAX_AGE
    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(issuer.admits, sign(RSA)) for _ in range(2)]
        assert issuer.asked.wait(20)
        wait(asking, timeout=0.1)  # neither can be done before the address answers
        issuer.answers.set()
        assert [each.result(20) for each in asking] == [False, False]


def test_simultaneous_tokens_cause_one_fetch() -> None:
    issuer = SlowIssuer(RSA)
    issuer.is_slow = True
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(issuer.admits, sign(RSA)) for _ in range(8)]
        assert issuer.asked.wait(20)
        issuer.answers.set()
        assert all(each.result(20) for each in waiting)
    assert issuer.fetches == 1
