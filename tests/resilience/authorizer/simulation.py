"""A simulation run of the authorizer: containers with the real key set, an issuer, and API Gateway in front of them."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from chalicelib.http.auth.key_set import KeySet
from chalicelib.http.auth.tokens import TokenChecker
from ordersctl.deploy.overlay.gateway_responses import gateway_responses
from testkit.fake_aws.faults import FaultInjection
from testkit.fake_aws.lambda_ import Container, FakeAws
from testkit.lambda_events import http_event
from testkit.tokens import AUDIENCE, ISSUER
from tests.resilience.authorizer.issuer import MODES, WORKS, Issuer, SigningKey, claims_of

CONTAINERS = 3
POLICY_SECONDS = 300  # how long API Gateway keeps a policy for a token (app.py, ttl_seconds)
_ARN = "arn:aws:execute-api:us-east-1:000000000000:api/api/GET/orders"
_CLOCK_SKEW = 20  # seconds at most, less than the leeway of a token's times


@dataclass
class Fetch:
    """A download of the key set by one container: when it began, and the numbers of the keys; None when it failed."""

    container: int
    begin: float
    keys: list[int] | None = None


@dataclass
class Token:
    text: str
    key: int | None  # None: the issuer did not sign this
    expires: float


@dataclass
class Exchange:
    """One request with a token: times in seconds, and what the client got."""

    token: Token
    begin: float
    end: float = 0.0
    container: int | None = None  # None: by a policy that API Gateway had kept
    policy_made: float = 0.0
    status: int = 0
    retry_after: str | None = None


@dataclass(eq=False)
class Authorizer:
    """A container of the authorizer: its key set, which downloads from the issuer, dies with it."""

    number: int
    lambda_container: Container
    is_busy: bool = False


@dataclass
class AuthorizerRun:
    seed: int
    random: Random = field(init=False)
    issuer: Issuer = field(init=False)
    aws: FakeAws = field(init=False)
    exchanges: list[Exchange] = field(default_factory=list)
    fetches: list[Fetch] = field(default_factory=list)
    _api: Container = field(init=False)
    _refusals: dict[str, Any] = field(default_factory=lambda: gateway_responses({}))
    _authorizers: list[Authorizer] = field(default_factory=list)
    _policies: dict[str, tuple[float, Any]] = field(default_factory=dict)  # token -> when it was made, and its context
    _tokens: list[Token] = field(default_factory=list)
    _made: int = 0
    _depth: int = 0

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.aws = FakeAws(FaultInjection(self.random))
        self.issuer = Issuer(self.random, lambda: self.aws.now, self._wait)
        self.issuer.rotate()
        self._api = Container(self.aws)

    def run(self, turns: int) -> None:
        for _ in range(turns):
            self._turn()

    def _turn(self) -> None:
        turns: list[tuple[float, Callable[[], Any]]] = [
            (60, self._any_request),
            (14, self._let_time_pass),
            (6, self.issuer.rotate),
            (2, self.issuer.withdraw),
            (5, self._change_mode),
            (1, self._lose_container),
        ]
        (turn,) = self.random.choices([turn for _, turn in turns], [weight for weight, _ in turns])
        turn()

    def _let_time_pass(self) -> None:
        self.aws.now += self.random.choice([0.5, 3, 6, 30, 120, 290, 599, 700, 3_000])

    def _change_mode(self) -> None:
        self.issuer.mode = WORKS if self.issuer.mode != WORKS else self.random.choice(MODES)

    def _lose_container(self) -> None:
        idle = [each for each in self._authorizers if not each.is_busy]
        if idle:
            self._authorizers.remove(self.random.choice(idle))

    def _wait(self, seconds: float) -> None:
        """Seconds that a download takes: other containers go on, and the issuer, too."""
        until = self.aws.now + seconds
        if self._depth == 0 and self.random.random() < 0.4:
            self._depth = 1
            self.random.choice([self._any_request, self.issuer.rotate, self._change_mode])()
            self._depth = 0
        self.aws.now = max(self.aws.now, until)

    # --- clients

    def _any_request(self) -> None:
        self.request(self.random.choices([self._forged, self._expired, self._some_token], [2, 1, 8])[0]())

    def _some_token(self) -> Token:
        """A token that a client has, which may be signed with a key that was withdrawn since; or a new one."""
        if self._tokens and self.random.random() < 0.6:
            return self.random.choice(self._tokens[-12:])
        key, lives = self.random.choice(self.issuer.published), self.random.choice([200, 900, 30_000, 30_000])
        self._tokens.append(self._genuine(key, lives))
        return self._tokens[-1]

    def _genuine(self, key: SigningKey, lives: float = 3_600) -> Token:
        expires = self.aws.now + lives
        return Token(key.sign(claims_of("anna", expires)), key.number, expires)

    def _expired(self) -> Token:
        return self._genuine(self.random.choice(self.issuer.published), lives=-100)

    def _forged(self) -> Token:
        """A token that the issuer did not sign: by an attacker's key, changed afterwards, or not signed at all."""
        key, expires = self.random.choice(self.issuer.published), self.aws.now + 3_600
        header, content, signature = self._genuine(key).text.split(".")
        claims = _part(claims_of("ben", expires))
        text = self.random.choice(
            [
                key.of_an_attacker(key.kid).sign(claims_of("ben", expires)),
                key.of_an_attacker(None).sign(claims_of("ben", expires)),
                f"{header}.{claims}.{signature}",
                f"{header}.{content}.{signature[:-8]}AAAAAAAA",
                f"{_part({'alg': 'none'})}.{claims}.",
            ]
        )
        return Token(text, None, expires)

    # --- API Gateway

    def request(self, token: Token) -> None:
        """A read of an order that does not exist: 404 for a token that is admitted."""
        self.aws.now += 0.001  # no two requests at the same moment
        exchange = Exchange(token, begin=self.aws.now)
        self.exchanges.append(exchange)
        made, context = self._policies.get(token.text, (0.0, None))
        if context is None or self.aws.now - made >= POLICY_SECONDS:
            made, context = self.aws.now, self._authorized(exchange)
        exchange.policy_made = made
        if context is not None:
            path = "/orders/ord_" + "0" * 32
            event = http_event("GET", path, resource="/orders/{order_id}", authorizer=context)
            answer = self._api.invoke("app", event, seconds=29)
            exchange.status, exchange.retry_after = answer["statusCode"], answer["headers"].get("Retry-After")
        exchange.end = self.aws.now

    def _authorized(self, exchange: Exchange) -> Any:
        """The context of a policy; None when the authorizer failed, as API Gateway then answers by itself."""
        authorizer = self._idle_authorizer()
        exchange.container, authorizer.is_busy = authorizer.number, True
        event = {"type": "TOKEN", "authorizationToken": f"Bearer {exchange.token.text}", "methodArn": _ARN}
        try:
            answer = authorizer.lambda_container.invoke("authorizer", event, seconds=10)
        except Exception as error:  # noqa: BLE001 - whatever it is, API Gateway answers
            self._refuse(exchange, "UNAUTHORIZED" if str(error) == "Unauthorized" else "AUTHORIZER_CONFIGURATION_ERROR")
            return None
        finally:
            authorizer.is_busy = False
        self._policies[exchange.token.text] = (self.aws.now, answer["context"])
        return answer["context"]

    def _refuse(self, exchange: Exchange, kind: str) -> None:
        answer = self._refusals[kind]
        exchange.status = int(answer["statusCode"])
        exchange.retry_after = answer["responseParameters"].get("gatewayresponse.header.Retry-After")

    def _idle_authorizer(self) -> Authorizer:
        idle = [each for each in self._authorizers if not each.is_busy]
        if idle and (len(self._authorizers) >= CONTAINERS or self.random.random() < 0.8):
            return self.random.choice(idle)
        self._authorizers.append(self._cold())
        return self._authorizers[-1]

    def _cold(self) -> Authorizer:
        self._made += 1
        number, skew = self._made, self.random.uniform(-_CLOCK_SKEW, _CLOCK_SKEW)
        container = Container(self.aws, clock_skew=skew)

        def clock() -> float:
            return self.aws.now + skew

        keys = KeySet("https://issuer.example/jwks.json", clock=clock, read=lambda _: self._download(number))
        checker = TokenChecker(keys, issuer=ISSUER, audience=AUDIENCE, clock=clock)
        setattr(container.app.wiring, "token_checker", lambda: checker)  # noqa: B010 - mypy knows no such attribute
        return Authorizer(number, container)

    def _download(self, container: int) -> bytes:
        fetch = Fetch(container, begin=self.aws.now)
        self.fetches.append(fetch)
        keys, document = self.issuer.download()
        fetch.keys = [key.number for key in keys] if keys else None
        return document


def _part(content: dict[str, Any]) -> str:
    """A part of a token (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
