"""Faults between the service and AWS: what may happen to a call, drawn from a seeded source or set for one call."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from testkit.fake_aws.services import refused

THROTTLED, BROKEN = "ThrottlingException", "InternalServerError"
SILENT = "no answer"
_RETRIED = {THROTTLED, BROKEN}
_NOWHERE = "https://aws.invalid"


class Killed(BaseException):
    """The process died: no handler of ours may catch it."""


@dataclass(frozen=True)
class Odds:
    """How likely each fault is, per attempt of a call."""

    throttled: float = 0.0
    broken: float = 0.0  # a 5xx
    reset: float = 0.0  # the connection breaks before the request arrives
    timeout: float = 0.0  # no answer in time, and no effect
    lost: float = 0.0  # the effect is there, the answer is not
    partial: float = 0.0  # per entry of a batch call
    killed: float = 0.0  # before the effect, and again after it
    meanwhile: float = 0.0  # something else runs between a request and its effect
    copies: float = 0.0  # a message is delivered twice or three times


CALM = Odds()
STORM = Odds(
    throttled=0.12,
    broken=0.06,
    reset=0.05,
    timeout=0.04,
    lost=0.08,
    partial=0.12,
    killed=0.012,
    meanwhile=0.25,
    copies=0.25,
)


@dataclass
class Point:
    """Where to kill: at the n-th call from now (0 is the next one), before or after its effect."""

    call: int
    after_effect: bool


@dataclass
class Weather:
    """Decides what happens to each call. With the same seed and the same calls, it always decides the same."""

    random: random.Random
    odds: Odds = CALM
    down: dict[str, tuple[float, str]] = field(default_factory=dict)  # service -> until when (seconds), and how
    point: Point | None = None
    happened: Counter[str] = field(default_factory=Counter)

    def chance(self, fault: str) -> bool:
        likelihood: float = getattr(self.odds, fault)
        happens = likelihood > 0 and self.random.random() < likelihood
        self.happened[fault] += happens
        return happens

    def before(self, service: str, operation: str, now: float) -> Exception | None:
        """A fault that keeps the request from having an effect."""
        until, how = self.down.get(service, (0.0, ""))
        if until > now:
            self.happened["outage"] += 1
            return ReadTimeoutError(endpoint_url=_NOWHERE) if how == SILENT else refused(operation, how)
        if self.chance("throttled"):
            return refused(operation, THROTTLED)
        if self.chance("broken"):
            return refused(operation, BROKEN)
        if self.chance("reset"):
            return EndpointConnectionError(endpoint_url=_NOWHERE)
        return ReadTimeoutError(endpoint_url=_NOWHERE) if self.chance("timeout") else None

    def after(self) -> Exception | None:
        """A fault that loses the answer of what was done."""
        if not self.chance("lost"):
            return None
        if self.random.random() < 0.5:
            return ConnectionClosedError(endpoint_url=_NOWHERE)
        return ReadTimeoutError(endpoint_url=_NOWHERE)

    def entry(self) -> str | None:
        """The code that one entry of a batch fails with, if it fails."""
        return self.random.choice(["InternalError", "Throttled"]) if self.chance("partial") else None

    def copies(self) -> int:
        return self.random.choice([2, 3]) if self.chance("copies") else 1

    def kills(self, *, after_effect: bool) -> bool:
        if self.point is not None and self.point.after_effect is after_effect and self.point.call == 0:
            self.point = None
            return True
        return self.chance("killed")

    def call_is_over(self) -> None:
        if self.point is not None:
            self.point.call -= 1


def is_retried(error: Exception) -> bool:
    """Whether botocore's standard mode tries again (botocore.retries.standard)."""
    return not isinstance(error, ClientError) or error.response["Error"]["Code"] in _RETRIED


@dataclass
class StandInClient:
    """Stands where a botocore client does; `call` takes a service, an operation and its arguments."""

    service: str
    attempts: int
    call: Callable[["StandInClient", str, dict[str, Any]], Any]

    def __getattr__(self, operation: str) -> Any:
        return lambda **arguments: self.call(self, operation, arguments)
