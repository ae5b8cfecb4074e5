"""Calling a handler as Lambda does: JSON in and out, a deadline, failures reported by answer or by exception."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Handler = Callable[[Any, Any], Any]
Report = Callable[[str], None]  # a function that takes one line for a person to read
Ended = Callable[[str, int, float, float], None]  # function, records, when it began (since the epoch), seconds


class InvocationError(Exception):
    """The handler raised, ran out of time, or reported in a way that fails its whole batch."""


class Context:
    """Lambda's context object, as far as handlers use it."""

    def __init__(self, function_name: str, timeout_seconds: float) -> None:
        self.function_name = function_name
        self.function_version = "$LATEST"
        self.invoked_function_arn = f"arn:aws:lambda:us-east-1:000000000000:function:{function_name}"
        self.memory_limit_in_mb = 256
        self.aws_request_id = str(uuid.uuid4())
        self._deadline = time.monotonic() + timeout_seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, round((self._deadline - time.monotonic()) * 1000))


@dataclass(frozen=True)
class Function:
    """A handler with the settings of its Lambda function and event source mapping.

    `reports_failures` is the mapping's ReportBatchItemFailures: without it, what the handler returns is ignored.
    """

    name: str
    handler: Handler
    reports_failures: bool
    timeout_seconds: float = 15
    ended: Ended = lambda _name, _records, _began, _seconds: None  # called as Lambda writes its REPORT line

    def failures(self, records: Sequence[dict[str, Any]], identifiers: Sequence[str]) -> set[int]:
        """Invoke the handler with a batch and return the positions that failed; InvocationError if all did."""
        began = time.time()
        try:
            answer = self._invoke({"Records": records})
        finally:
            self.ended(self.name, len(records), began, time.time() - began)
        if not self.reports_failures:
            return set()
        return _reported(answer, identifiers)

    def _invoke(self, event: dict[str, Any]) -> Any:
        context = Context(self.name, self.timeout_seconds)
        event = json.loads(json.dumps(event))  # as over a network: JSON only, and no shared objects
        outcome: list[Any] = []
        failure: list[BaseException] = []

        def call() -> None:
            try:
                outcome.append(self.handler(event, context))
            except BaseException as error:  # noqa: BLE001 - anything that it raises is its failure
                failure.append(error)

        # Run in its own thread: a handler that hangs fails its batch, as in Lambda, and does not stop this poller.
        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        thread.join(self.timeout_seconds)
        if failure:
            raise InvocationError(f"{type(failure[0]).__name__}: {failure[0]}") from failure[0]
        if not outcome:
            raise InvocationError(f"timed out after {self.timeout_seconds:g} s")
        return outcome[0]


def _reported(answer: Any, identifiers: Sequence[str]) -> set[int]:
    # Lambda guide, "Reporting batch item failures": an empty or missing answer is a success; a malformed one, and
    # an empty or unknown identifier, fail the whole batch.
    try:
        entries = (answer or {}).get("batchItemFailures") or []
        failed = [entry["itemIdentifier"] for entry in entries]
        return {identifiers.index(identifier) for identifier in failed}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvocationError(f"invalid batch item failures: {answer!r}"[:300]) from error
