"""Fault injection between the service and AWS: what goes wrong with a call, drawn from a seeded source or set for one.

With the same seed and the same calls the same faults happen.
"""

import random
from collections import Counter
from dataclasses import dataclass, field

from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from testkit.fake_aws.services import refused

THROTTLED, SERVER_ERROR = "ThrottlingException", "InternalServerError"
NO_ANSWER = "no answer"
_ENDPOINT = "https://aws.invalid"


class Killed(BaseException):
    """The process died: none of the service's handlers may catch it."""


@dataclass(frozen=True)
class Odds:
    """How likely each fault is, per attempt of a call."""

    throttled: float = 0.0
    server_error: float = 0.0  # a 5xx
    unreachable: float = 0.0  # the connection breaks before the request arrives
    timeout: float = 0.0  # no answer in time, and no effect
    answer_lost: float = 0.0  # the effect is there, the answer is not
    entry_failed: float = 0.0  # per entry of a batch call, which is answered 200
    killed: float = 0.0  # before the effect, and again after it
    interleaved: float = 0.0  # something else runs between a request and its effect
    overtaken: float = 0.0  # others change the order between a put whose answer is lost and its retry
    duplicated: float = 0.0  # a message is delivered twice or three times
    abandoned: float = 0.0  # the stream's mapping waits no longer for an invocation that runs


NO_FAULTS = Odds()
ALL_FAULTS = Odds(
    throttled=0.12,
    server_error=0.06,
    unreachable=0.05,
    timeout=0.04,
    answer_lost=0.08,
    entry_failed=0.12,
    killed=0.012,
    interleaved=0.25,
    overtaken=0.5,
    duplicated=0.25,
    abandoned=0.5,
)


@dataclass
class CrashPoint:
    """Where to kill: at the n-th call from now (0 is the next one), before or after its effect."""

    call: int
    after_effect: bool


@dataclass
class FaultInjection:
    """Decides what happens to each call, and counts what happened."""

    random: random.Random
    odds: Odds = NO_FAULTS
    outages: dict[str, tuple[float, str]] = field(default_factory=dict)  # service -> until when (seconds), and how
    crash_point: CrashPoint | None = None
    happened: Counter[str] = field(default_factory=Counter)

    def happens(self, fault: str) -> bool:
        """Draw whether a fault of `Odds` happens now."""
        likelihood: float = getattr(self.odds, fault)
        happens = likelihood > 0 and self.random.random() < likelihood
        self.happened[fault] += happens
        return happens

    def before_effect(self, service: str, operation: str, now: float) -> Exception | None:
        """A fault that keeps the request from having an effect."""
        until, how = self.outages.get(service, (0.0, ""))
        if until > now:
            self.happened["outage"] += 1
            return ReadTimeoutError(endpoint_url=_ENDPOINT) if how == NO_ANSWER else _refused(operation, how)
        if self.happens("throttled"):
            return _refused(operation, THROTTLED)
        if self.happens("server_error"):
            return _refused(operation, SERVER_ERROR)
        if self.happens("unreachable"):
            return EndpointConnectionError(endpoint_url=_ENDPOINT)
        return ReadTimeoutError(endpoint_url=_ENDPOINT) if self.happens("timeout") else None

    def after_effect(self) -> Exception | None:
        """A fault that loses the answer of a request that had its effect."""
        if not self.happens("answer_lost"):
            return None
        if self.random.random() < 0.5:
            return ConnectionClosedError(endpoint_url=_ENDPOINT)
        return ReadTimeoutError(endpoint_url=_ENDPOINT)

    def entry_error(self) -> str | None:
        """The code that one entry of a batch call fails with; None when it succeeds."""
        return self.random.choice(["InternalError", "Throttled"]) if self.happens("entry_failed") else None

    def deliveries(self) -> int:
        """How many times a message is delivered."""
        return self.random.choice([2, 3]) if self.happens("duplicated") else 1

    def kills(self, *, after_effect: bool) -> bool:
        point = self.crash_point
        if point is not None and point.after_effect is after_effect and point.call == 0:
            self.crash_point = None
            return True
        return self.happens("killed")

    def call_ended(self) -> None:
        if self.crash_point is not None:
            self.crash_point.call -= 1


def _refused(operation: str, code: str) -> ClientError:
    return refused(operation, code, status=500 if code == SERVER_ERROR else 400)
