"""The steps of `ordersctl smoke`, in the order in which an order travels."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from ordersctl.client.api import json_object, problem_text
from ordersctl.shared.output import number_of
from ordersctl.shared.project import SAMPLE_ORDER
from ordersctl.shared.queues.dead_letters import at, depth
from ordersctl.shared.queues.message_json import parsed_or_none
from ordersctl.shared.runs.current import as_typed
from ordersctl.shared.stage import Stage

_PAUSE_SECONDS = 0.2
_OK, _NOT_FOUND, _GONE = 200, 404, 410


class Outcome(NamedTuple):
    """The outcome of a step; `result` is ok, FAILED, or "left out" with its reason."""

    step: str
    result: str
    detail: str
    seconds: float


class StepError(Exception):
    """A step that was not as it should be; the message says what was."""


class LeftOut(Exception):
    """A step that does not apply to this stage; the message says why."""


@dataclass
class Smoke:
    """One order, and what is known of it so far."""

    stage: Stage
    http: httpx.Client  # sends the customer's token
    admin_token: str | None
    queue_url: str  # of a queue that is subscribed to the topic
    timeout_seconds: float
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    path: str = ""
    order: dict[str, Any] = field(default_factory=dict)
    etag: str = ""

    # --- steps, each returns what it saw ------------------------------------------------------------------------------

    def answers(self) -> str:
        """GET /health."""
        response = self.http.get("/health")
        return _expected(response, _OK)

    def refuses_without_a_token(self) -> str:
        """A request without a token."""
        headers = {name: value for name, value in self.http.headers.items() if name.lower() != "authorization"}
        response = httpx.post(f"{_base(self.http)}/orders", json=SAMPLE_ORDER, headers=headers, timeout=30)
        return _expected(response, 401)

    def accepts(self) -> str:
        """POST /orders, twice with one key."""
        first, second = (self._post() for _ in range(2))
        _expected(first, 202)
        _expected(second, 202)
        order_id = json_object(first).get("order_id")
        if json_object(second).get("order_id") != order_id:
            raise StepError(f"one Idempotency-Key made two orders: {order_id}, {json_object(second).get('order_id')}")
        self.path = f"/orders/{order_id}"
        return f"202, {order_id}; the same again for the same key"

    def stores(self) -> str:
        """GET /orders/{order_id}, until the order is stored."""

        def stored() -> bool:
            response = self.http.get(self.path)
            if response.status_code == _NOT_FOUND and "Retry-After" in response.headers:  # direct acceptance
                return False
            _expected(response, _OK)
            self.order, self.etag = json_object(response), response.headers.get("ETag", "")
            return self.order.get("status") != "accepted"

        self._until(stored, "the order is still not stored")
        if self.order["status"] != "placed":
            raise StepError(f"the order is {self.order['status']}")
        return f"placed, ETag {self.etag}"

    def lists(self) -> str:
        """GET /customers/{customer_id}/orders, until the order is in it."""

        def listed() -> bool:
            response = self.http.get(f"/customers/{self.order['customer_id']}/orders", params={"limit": "10"})
            _expected(response, _OK)
            return any(each["order_id"] == self.order["order_id"] for each in json_object(response)["orders"])

        self._until(listed, "the order is not among the customer's newest ten")
        return "the order is in its customer's list"

    def changes(self) -> str:
        """PATCH with the ETag, and again with the old one."""
        first, second = (self._patch({"note": "A smoke test."}) for _ in range(2))
        _expected(first, _OK)
        _expected(second, 412)
        self.etag = first.headers.get("ETag", "")
        return f"200, ETag {self.etag}; 412 for the old one"

    def publishes(self) -> str:
        """The events of placing and changing, in a queue of its own."""
        wanted = {"order.placed", "order.changed"}
        seen: set[str] = set()

        def published() -> bool:
            seen.update(self._received())
            return wanted <= seen

        self._until(published, "no event came of some changes", lambda: f"seen: {', '.join(sorted(seen)) or 'none'}")
        return ", ".join(sorted(wanted))

    def ends(self) -> str:
        """DELETE by an admin; without one the order is cancelled."""
        if self.admin_token is None:
            return _expected(self._patch({"status": "cancelled"}), _OK) + "; cancelled, since there is no --admin-token"
        response = self.http.delete(
            self.path,
            params={"customer_id": self.order["customer_id"]},
            headers={"Authorization": f"Bearer {self.admin_token}"},
        )
        _expected(response, 204)
        after = self.http.get(self.path)
        if after.status_code not in {_NOT_FOUND, _GONE}:
            raise StepError(f"erased, and then read with {after.status_code}")
        return f"204; then {after.status_code}"

    def leaves_no_dead_letters(self) -> str:
        """The dead-letter queues of orders and of events."""
        queues = "OrderDeadLetterQueue", "EventDeadLetterQueue"
        full = [name for name in queues if depth(self.stage, self.stage.output(f"{name}Url"))]
        if full:
            raise StepError(f"not empty: {', '.join(full)}; {as_typed('dlq', 'list', *self.stage.option)} shows them")
        return "both queues are empty"

    def raises_no_alarm(self) -> str:
        """The stage's alarms."""
        if self.stage.is_local:
            raise LeftOut("a local run has no alarms")
        alarms = self.stage.alarms()
        if not alarms:
            raise StepError("the stage has no alarms")
        if ringing := [each["AlarmName"] for each in alarms if each["StateValue"] == "ALARM"]:
            raise StepError(f"in alarm: {', '.join(ringing)}")
        return f"{number_of(len(alarms), 'alarm')}, none raised"

    # --- parts of steps -----------------------------------------------------------------------------------------------

    def _post(self) -> httpx.Response:
        return self.http.post("/orders", json=SAMPLE_ORDER, headers={"Idempotency-Key": self.key})

    def _patch(self, change: dict[str, str]) -> httpx.Response:
        headers = {"If-Match": self.etag, "Content-Type": "application/merge-patch+json"}
        return self.http.patch(self.path, content=json.dumps(change), headers=headers)

    def _received(self) -> Iterator[str]:
        """Receive events, and yield the types of this order's."""
        sqs = self.stage.client("sqs")
        answer = sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            if at(event := parsed_or_none(message["Body"]), "subject") == self.order["order_id"]:
                yield str(at(event, "type"))
            sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])

    def _until(self, look: Callable[[], bool], complaint: str, seen: Callable[[], str] = lambda: "") -> None:
        deadline = time.monotonic() + self.timeout_seconds
        while not look():
            if time.monotonic() > deadline:
                raise StepError(f"{complaint} after {self.timeout_seconds:g} s {seen()}".rstrip())
            time.sleep(_PAUSE_SECONDS)  # nothing reports that an order was stored, to a client


def outcomes(smoke: Smoke) -> Iterator[Outcome]:
    """Take the steps in turn; after one that failed, only those that do not build on it."""
    steps: list[tuple[str, Callable[[], str], bool]] = [
        ("the API answers", smoke.answers, False),
        ("a request without a token is refused", smoke.refuses_without_a_token, False),
        ("an order is accepted", smoke.accepts, False),
        ("it is stored", smoke.stores, True),
        ("it is listed", smoke.lists, True),
        ("it is changed", smoke.changes, True),
        ("its events are published", smoke.publishes, True),
        ("it is taken back", smoke.ends, True),
        ("no dead letters", smoke.leaves_no_dead_letters, False),
        ("no alarm", smoke.raises_no_alarm, False),
    ]
    broken = ""
    for name, take, builds_on in steps:
        if builds_on and broken:
            yield Outcome(name, "left out", f"because not: {broken}", 0.0)
            continue
        outcome = _taken(name, take)
        if outcome.result == "FAILED" and (builds_on or take == smoke.accepts):
            broken = name
        yield outcome


def _taken(name: str, take: Callable[[], str]) -> Outcome:
    started = time.monotonic()
    try:
        result, detail = "ok", take()
    except LeftOut as reason:
        result, detail = "left out", str(reason)
    except (StepError, httpx.HTTPError, BotoCoreError, ClientError, ValueError, KeyError) as error:
        result, detail = "FAILED", str(error) if isinstance(error, StepError) else f"{type(error).__name__}: {error}"
    return Outcome(name, result, detail, round(time.monotonic() - started, 3))


def _expected(response: httpx.Response, status: int) -> str:
    """Return the status; StepError with the problem's own words when it is another one."""
    if response.status_code != status:
        raise StepError(f"{problem_text(response.status_code, json_object(response))}, in place of {status}")
    return str(status)


def _base(client: httpx.Client) -> str:
    return str(client.base_url).rstrip("/")
