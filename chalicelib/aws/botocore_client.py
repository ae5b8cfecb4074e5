"""botocore's own clients, with the timeouts and attempts of a CallPolicy, and the deadline of the invocation.

botocore's standard mode has the retry quota. It has no limit on how long a connection may be idle, and pauses five
times as long.
"""

from typing import Any

from botocore.config import Config
from botocore.session import Session

from chalicelib.aws import retries, timeouts
from chalicelib.aws.timeouts import CallPolicy

_LONGEST_PAUSE_SECONDS = 20.0
_CONTEXT_KEY = "orders_ambiguous_attempts"


def make(session: Session, service: str, *, region: str, endpoint_url: str | None, policy: CallPolicy) -> Any:
    """A client of a service; without an address it calls the service's own endpoint in its region."""
    client = session.create_client(service, region_name=region, endpoint_url=endpoint_url, config=config(policy))
    _keep_deadline(client, policy.connect_timeout + policy.read_timeout)
    client.meta.events.register_first("needs-retry", _note_ambiguous)
    return client


def config(policy: CallPolicy) -> Config:
    return Config(
        connect_timeout=policy.connect_timeout,
        read_timeout=policy.read_timeout,
        retries={"total_max_attempts": policy.attempts, "mode": "standard"},
        user_agent="orders",  # botocore's own is put together anew for every call
        parameter_validation=False,
        max_pool_connections=32,  # as many queries as a list of a spread customer makes at once
    )


def longest_call_seconds(policy: CallPolicy) -> float:
    """The longest that one call takes: each attempt until its timeouts, and each pause at its longest."""
    pauses = sum(_longest_pause(attempt) for attempt in range(1, policy.attempts))
    return policy.attempts * (policy.connect_timeout + policy.read_timeout) + pauses


def _longest_pause(attempt: int) -> float:
    return min(2.0 ** (attempt - 1), _LONGEST_PAUSE_SECONDS)  # botocore.retries.standard.ExponentialBackoff


def _keep_deadline(client: Any, attempt_seconds: float) -> None:
    """Let a client make no attempt, and no pause, that could end after the deadline.

    botocore's timeouts cannot be shortened for one call.
    """

    def check(**_event: Any) -> None:
        if timeouts.seconds_left() < attempt_seconds:
            raise retries.DeadlineExceededError(endpoint_url=client.meta.endpoint_url)

    def stop(attempts: int, **_event: Any) -> bool | None:
        # False, unlike None, is an answer: "no retry", whatever the handlers after this one say.
        return None if timeouts.seconds_left() >= attempt_seconds + _longest_pause(attempts) else False

    service_id = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register("before-send", check)
    # a handler with this name runs before botocore's own
    client.meta.events.register_first(f"needs-retry.{service_id}", stop)


def _note_ambiguous(response: Any, caught_exception: Exception | None, request_dict: Any, **_event: Any) -> None:
    """After each attempt: write into its response how many attempts before it may have taken effect."""
    earlier = request_dict["context"].get(_CONTEXT_KEY, 0)
    status = 0
    if response is not None:
        status = response[0].status_code
        response[1].setdefault("ResponseMetadata", {})[retries.AMBIGUOUS_ATTEMPTS] = earlier
    request_dict["context"][_CONTEXT_KEY] = earlier + retries.is_ambiguous(caught_exception, status)
