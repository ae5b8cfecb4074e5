"""The whole pipeline: HTTP, queue, processor, table, stream, publisher, topic, subscribers' queues."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from ordersctl.local.tokens import mint
from ordersctl.shared import project
from ordersctl.shared.project import PROJECT_DIR
from testkit.servers.local_run import LocalRun
from testkit.waiting import eventually

SMALL_FILE = PROJECT_DIR / "tests" / "data" / "online-retail-cut.csv"
PLACEABLE = 7  # five, and two that name no customer
ACCOUNT_URL = "http://localhost:4566/000000000000"


@pytest.fixture
def own_run(tmp_path: Path) -> Iterator[LocalRun]:
    """A local run of one test's own, with an empty engine."""
    run = LocalRun.start(tmp_path)
    try:
        yield run.ready()
    finally:
        run.stop()


def client(run: LocalRun, service: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=run.engine_url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def load(run: LocalRun, file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "ordersctl", "load", str(file), "--url", run.url, *options],
        env={**os.environ, "AWS_ENDPOINT_URL": run.engine_url, "COLUMNS": "120"},
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def stored_orders(run: LocalRun) -> list[dict[str, Any]]:
    pages = client(run, "dynamodb").get_paginator("scan").paginate(TableName="orders-local")
    return [item for page in pages for item in page["Items"]]


def take_events(run: LocalRun, subscriber: str) -> list[dict[str, Any]]:
    """Receive and delete all events of a subscriber's queue."""
    sqs, url = client(run, "sqs"), f"{ACCOUNT_URL}/orders-local-{subscriber}"
    events = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages"):
        for message in messages:
            events.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return events


def events_at(run: LocalRun, subscriber: str, count: int) -> list[dict[str, Any]]:
    """Wait until a subscriber got `count` different events; returns all that it got, with repeats."""
    seen: list[dict[str, Any]] = []

    def look() -> bool:
        seen.extend(take_events(run, subscriber))
        return len({event["id"] for event in seen}) >= count

    eventually(look, within=60)
    return seen


def invoices_file(path: Path, count: int) -> Path:
    """A file of `count` invoices of two lines each."""
    lines = ["InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"]
    lines += [
        f"{600000 + invoice},SKU{line},THING,{line + 1},2010-12-01 08:26:00,2.55,{17000 + invoice % 7}.0,UK"
        for invoice in range(count)
        for line in range(2)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_every_order_of_a_file_is_stored_once_and_published_once_to_each_subscriber(own_run: LocalRun) -> None:
    first = load(own_run, SMALL_FILE, "--guest", "guest")
    assert first.returncode == 0, first.stdout + first.stderr
    eventually(lambda: len(stored_orders(own_run)) == PLACEABLE)

    orders = {item["order_id"]["S"] for item in stored_orders(own_run)}
    invoicing, inventory = (events_at(own_run, name, PLACEABLE) for name in ("invoicing", "inventory"))
    assert Counter(event["id"] for event in invoicing) == Counter({f"{order_id}.1": 1 for order_id in orders})
    assert {event["id"] for event in inventory} == {event["id"] for event in invoicing}
    assert take_events(own_run, "fulfilment") == [], "fulfilment asked for confirmed and cancelled orders only"

    again = load(own_run, SMALL_FILE, "--guest", "guest")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "already there" in again.stdout
    assert "accepted" not in again.stdout.split("all")[0]
    assert {item["order_id"]["S"] for item in stored_orders(own_run)} == orders
    assert take_events(own_run, "invoicing") == []


@pytest.mark.full  # waits for visibility timeouts
def test_killing_the_event_sources_in_the_middle_loses_and_duplicates_nothing(
    own_run: LocalRun, tmp_path: Path
) -> None:
    # Messages that the killed process held are visible again after 4 s.
    client(own_run, "sqs").set_queue_attributes(
        QueueUrl=f"{ACCOUNT_URL}/orders-local-queue", Attributes={"VisibilityTimeout": "4"}
    )
    file, count = invoices_file(tmp_path / "invoices.csv", 150), 150
    outcome: list[subprocess.CompletedProcess[str]] = []
    loading = threading.Thread(target=lambda: outcome.append(load(own_run, file)))
    loading.start()

    killed = 0
    for mark in (20, 60, 100):
        eventually(lambda mark=mark: len(stored_orders(own_run)) >= mark)  # type: ignore[misc]
        os.kill(event_sources_pid(own_run), signal.SIGKILL)
        killed += 1
        eventually(lambda killed=killed: own_run.said().count("started again") == killed)  # type: ignore[misc]
    loading.join()
    assert outcome[0].returncode == 0, outcome[0].stdout + outcome[0].stderr

    eventually(lambda: len(stored_orders(own_run)) == count, within=60)
    seen = events_at(own_run, "invoicing", count)
    assert {event["id"] for event in seen} == {f"{item['order_id']['S']}.1" for item in stored_orders(own_run)}
    assert {item["version"]["N"] for item in stored_orders(own_run)} == {"1"}
    # A batch that was published and not checkpointed before the kill is published again, under the same ids.
    assert len(seen) - count <= killed * 100
    dead = client(own_run, "sqs").get_queue_attributes(
        QueueUrl=f"{ACCOUNT_URL}/orders-local-queue-dlq", AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert dead["Attributes"]["ApproximateNumberOfMessages"] == "0"


def event_sources_pid(run: LocalRun) -> int:
    return run.pids()["event sources"]


def test_eight_clients_at_once_each_get_their_own_answers(
    local_run: LocalRun, capsys: pytest.CaptureFixture[str]
) -> None:
    def one_client(number: int) -> list[float]:
        customer, times = f"client-{number}", []
        token = mint(
            project.default_state_dir(),
            subject=customer,
            scope="orders/read orders/write",
            issuer="https://issuer.orders.local",
            audience="orders",
        )
        with httpx.Client(base_url=local_run.url, headers={"Authorization": f"Bearer {token}"}) as api:
            for order in range(25):
                body = {
                    "currency": "GBP",
                    "reference": f"{customer}/{order}",
                    "items": [{"sku": f"{customer}-{order}", "quantity": number + 1, "unit_price": order}],
                }
                started = time.perf_counter()
                accepted = api.post("/orders", json=body, headers={"Idempotency-Key": f"{order}"})
                times.append(time.perf_counter() - started)
                assert accepted.status_code == 202, accepted.text
                assert accepted.headers["location"] == f"/orders/{accepted.json()['order_id']}"
                stored = eventually(lambda accepted=accepted: stored_as(api, accepted.headers["location"]))  # type: ignore[misc]
                assert (stored["customer_id"], stored["reference"]) == (customer, body["reference"])
                assert (stored["items"], stored["total"]) == (body["items"], (number + 1) * order)
        return times

    with ThreadPoolExecutor(8) as clients:
        times = sorted(time for each in clients.map(one_client, range(8)) for time in each)
    with capsys.disabled():
        print(f"\n8 clients, {len(times)} orders: accept p50 {times[100] * 1e3:.0f} ms, p99 {times[197] * 1e3:.0f} ms")


def stored_as(api: httpx.Client, location: str) -> dict[str, Any] | None:
    answer = api.get(location)
    assert answer.status_code == 200, answer.text
    order: dict[str, Any] = answer.json()
    return None if order["status"] == "accepted" else order
