"""Checks a history of the authorizer against docs/operate/deploy.md, "The issuer's keys". It shares no code with it."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.resilience.authorizer.simulation import AuthorizerRun, Exchange, Fetch

TRUSTED = 600  # seconds from the beginning of a download
STALE = 3_600  # seconds more, while the address fails
INTERVAL = 5  # seconds between two downloads
CACHED = 300  # seconds that API Gateway keeps a policy
ADMITTED, REFUSED, UNAVAILABLE = 404, 401, 503  # 404: the caller may ask, and there is no such order
LEEWAY = 60  # seconds that an expired token may still be admitted: clocks differ
_ROUNDING = 1e-6


@dataclass
class History:
    run: AuthorizerRun

    def fetches(self, exchange: Exchange, *, until: float) -> list[Fetch]:
        """The downloads of an exchange's container, oldest first."""
        return [each for each in self.run.fetches if each.container == exchange.container and each.begin <= until]

    def last(self, exchange: Exchange) -> Fetch | None:
        """The last download, of a whole set or failed, when the container answered."""
        return max(self.fetches(exchange, until=exchange.end), key=lambda each: each.begin, default=None)

    def known(self, exchange: Exchange, *, until: float) -> Fetch | None:
        """The last whole key set that the container had downloaded."""
        whole = [each for each in self.fetches(exchange, until=until) if each.keys is not None]
        return max(whole, key=lambda each: each.begin, default=None)

    def address_fails(self, exchange: Exchange) -> bool:
        """Whether the container's last download failed, and was not long ago."""
        last = self.last(exchange)
        return last is not None and last.keys is None and last.begin > exchange.begin - INTERVAL - _ROUNDING


def check(run: AuthorizerRun) -> list[str]:
    """Every promise that a history breaks."""
    history = History(run)
    findings = list(_downloads(run))
    for exchange in run.exchanges:
        findings += [f"{what}: {_told(exchange)}" for what in _one(history, exchange)]
    return findings


def _downloads(run: AuthorizerRun) -> Iterator[str]:
    last: dict[int, float] = {}
    for fetch in sorted(run.fetches, key=lambda each: each.begin):
        if fetch.begin - last.get(fetch.container, -INTERVAL) < INTERVAL - _ROUNDING:
            yield f"container {fetch.container} downloaded the keys again after {fetch.begin - last[fetch.container]} s"
        last[fetch.container] = fetch.begin


def _one(history: History, exchange: Exchange) -> Iterator[str]:
    if exchange.status not in (ADMITTED, REFUSED, UNAVAILABLE):
        yield "neither admitted nor refused nor unavailable"
    if exchange.status == UNAVAILABLE:
        yield from _unavailable(history, exchange)
    if exchange.token.key is None:
        if exchange.status == ADMITTED:
            yield "a forged token was admitted"
    elif exchange.token.expires + LEEWAY < exchange.begin:
        if exchange.status != REFUSED:
            yield "an expired token was not refused"
    elif exchange.token.expires < exchange.end:
        pass  # by some clocks it has expired
    elif exchange.status == ADMITTED:
        yield from _admitted(history, exchange)
    elif exchange.status == REFUSED:
        yield from _refused(history, exchange)


def _unavailable(history: History, exchange: Exchange) -> Iterator[str]:
    if not exchange.retry_after:
        yield "503 without Retry-After"
    if not history.address_fails(exchange):
        yield "503 while the address works"
    known = history.known(exchange, until=exchange.begin)
    if known is not None and exchange.token.key in (known.keys or []) and exchange.end - known.begin < TRUSTED + STALE:
        yield "503 for a token that the container's keys verify"


def _admitted(history: History, exchange: Exchange) -> Iterator[str]:
    """A withdrawn key is good for ten minutes, for an hour more while the address fails, and for a policy's time."""
    withdrawn = history.run.issuer.until.get(exchange.token.key or 0, exchange.end)
    if exchange.end - withdrawn > TRUSTED + STALE + CACHED + _ROUNDING:
        yield "a key that was withdrawn long ago"
    if exchange.container is None:
        if exchange.begin - exchange.policy_made >= CACHED:
            yield "a policy that was kept for too long"
        return
    known = history.known(exchange, until=exchange.end)
    if known is None or exchange.token.key not in (known.keys or []):
        yield "a key that is not in the last set"
        return
    limit = TRUSTED + (STALE if history.address_fails(exchange) else 0)
    if exchange.policy_made - known.begin >= limit + _ROUNDING:
        yield "a key set that is too old"


def _refused(history: History, exchange: Exchange) -> Iterator[str]:
    """Only a container that looked for the issuer's key within the last seconds and did not find it refuses it."""
    key, issuer = exchange.token.key or 0, history.run.issuer
    if key in issuer.until and issuer.until[key] <= exchange.end:
        return
    known = history.known(exchange, until=exchange.end)
    if history.address_fails(exchange):
        yield "refused while the address fails"
    elif known is None or key in (known.keys or []):
        yield "refused a token that the container's keys verify"
    elif known.begin < exchange.begin - INTERVAL - _ROUNDING or known.begin > issuer.since[key]:
        yield "refused a new key for too long"


def _told(exchange: Exchange) -> str:
    token = exchange.token
    return (
        f"{exchange.status} from {exchange.begin:.3f} to {exchange.end:.3f} by container {exchange.container}, "
        f"key {token.key}, expires {token.expires:.0f}"
    )
