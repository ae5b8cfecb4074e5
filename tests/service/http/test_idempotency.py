"""Idempotency keys over HTTP: a key names one order, however many clients post it at once."""

import json
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest

from ordersctl.shared import project
from ordersctl.shared.engine_client import client_options
from testkit.api_client import Answer
from testkit.builders import new_order
from testkit.servers.local_run import LocalRun
from testkit.waiting import eventually
from tests.service.http.callers import Caller, over_http, token
from tests.service.http.conftest import HttpCallers

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

THREADS, KEYS = 8, 60


@pytest.fixture
def customer() -> str:
    return f"ann-{uuid.uuid4().hex[:8]}"


def at_once(run: LocalRun, customer: str, turns: int, call: Callable[[Caller, int, int], Answer]) -> list[list[Answer]]:
    """Have THREADS clients call at the same time, turn by turn; returns their answers of each turn."""
    authorization, start = f"Bearer {token(customer)}", Barrier(THREADS)

    def one(thread: int) -> list[Answer]:
        with httpx.Client(base_url=run.url, timeout=20, trust_env=False) as client:
            caller, answers = Caller(over_http(client), authorization), []
            for turn in range(turns):
                start.wait(30)
                answers.append(call(caller, thread, turn))
            return answers

    with ThreadPoolExecutor(THREADS) as pool:
        return [list(turn) for turn in zip(*pool.map(one, range(THREADS)), strict=True)]


def all_listed(caller: Caller, customer: str) -> list[dict[str, Any]]:
    path, found, query = f"/customers/{customer}/orders", [], "?limit=100"
    while True:
        page = caller.get(path + query).json
        found += page["orders"]
        if page["next_cursor"] is None:
            return found
        query = f"?limit=100&cursor={page['next_cursor']}"


def quarantined(run: LocalRun, order_ids: set[str]) -> list[tuple[str, str]]:
    """The ids of messages in the order queue's dead-letter queue, with their reasons; they stay there."""
    options: Any = client_options(run.engine_url)
    sqs: SQSClient = boto3.client("sqs", **options)
    url, found = project.setting("ORDER_DEAD_LETTER_QUEUE_URL"), []
    seen: set[str] = set()
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0, VisibilityTimeout=2, MessageAttributeNames=["All"]
    ).get("Messages"):
        for message in messages:
            order_id = json.loads(message["Body"]).get("order_id")
            if message["MessageId"] not in seen and order_id in order_ids:
                found.append((order_id, message["MessageAttributes"]["reason"]["StringValue"]))
            seen.add(message["MessageId"])
    return found


def test_one_key_posted_by_many_clients_at_once_names_one_order(
    local_run: LocalRun, over_the_wire: HttpCallers, customer: str
) -> None:
    ann = over_the_wire(customer)
    turns = at_once(
        local_run,
        customer,
        KEYS,
        lambda caller, _thread, turn: caller.post(new_order(reference=f"PO {turn}"), Idempotency_Key=f"key-{turn}"),
    )
    ids = []
    for answers in turns:
        assert {answer.status for answer in answers} == {202}
        (order_id,) = {answer.json["order_id"] for answer in answers}
        assert {answer.headers["Location"] for answer in answers} == {f"/orders/{order_id}"}
        ids.append(order_id)
    assert len(set(ids)) == KEYS

    eventually(lambda: len(all_listed(ann, customer)) == KEYS, within=60)
    by_id = {order["order_id"]: order for order in all_listed(ann, customer)}
    assert [by_id[order_id]["reference"] for order_id in ids] == [f"PO {turn}" for turn in range(KEYS)]
    assert {order["version"] for order in by_id.values()} == {1}
    for turn in (0, 17, KEYS - 1):
        again = ann.post(new_order(reference=f"PO {turn}"), Idempotency_Key=f"key-{turn}")
        assert (again.status, again.json["order_id"], again.headers["Idempotency-Replayed"]) == (202, ids[turn], "true")
        other = ann.post(new_order(reference="PO x"), Idempotency_Key=f"key-{turn}")
        assert (other.status, other.problem) == (422, "idempotency-key-reused")
    assert quarantined(local_run, set(ids)) == []


def test_of_different_orders_racing_under_one_key_one_is_stored_and_the_others_are_quarantined(
    local_run: LocalRun, over_the_wire: HttpCallers, customer: str
) -> None:
    ann = over_the_wire(customer)
    turns = at_once(
        local_run,
        customer,
        10,
        lambda caller, thread, turn: caller.post(new_order(note=f"from {thread}"), Idempotency_Key=f"key-{turn}"),
    )
    accepted: Counter[str] = Counter()
    for answers in turns:
        # A post after the first order is stored is refused at once; an earlier one races to the table.
        assert {answer.status for answer in answers} <= {202, 422}
        accepted.update(answer.json["order_id"] for answer in answers if answer.status == 202)
        assert all(answer.problem == "idempotency-key-reused" for answer in answers if answer.status == 422)
    assert len(accepted) == 10
    lost = Counter({order_id: count - 1 for order_id, count in accepted.items() if count > 1})

    eventually(lambda: len(all_listed(ann, customer)) == 10)
    kept: list[tuple[str, str]] = []

    def all_kept() -> bool:
        kept[:] = quarantined(local_run, set(accepted))
        return Counter(order_id for order_id, _ in kept) == lost

    eventually(all_kept)
    assert {reason.split(":")[0] for _, reason in kept} <= {"idempotency-key-reused"}
    for order_id in accepted:
        assert ann.get(f"/orders/{order_id}").json["note"].startswith("from ")
