"""The local run with its sample consumers: orders are delivered, one id joins their logs, and no log has a secret."""

import itertools
import json
import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import boto3
import httpx
import pytest
from click.testing import CliRunner

from ordersctl.cli import main
from ordersctl.local.tokens import CUSTOMER_SCOPE, local_token
from ordersctl.shared.engine_client import client_options
from ordersctl.shared.project import PROJECT_DIR
from testkit.builders import ADDRESS, new_order
from testkit.servers.local_run import LocalRun
from testkit.waiting import eventually

pytestmark = pytest.mark.full  # a run and consumers of its own; tests/consumers/ runs the consumers' code

CANARY = "canary-2f8e1c"
SECRET_ADDRESS = ADDRESS | {"name": f"{CANARY} Ann", "line1": f"1 {CANARY} Street"}
SECRET_ORDER = new_order(shipping_address=SECRET_ADDRESS, note=f"the key is under {CANARY}")
ORDERS = 60
Line = dict[str, Any]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRun]:
    run = LocalRun.start(tmp_path_factory.mktemp("consumers"), "--with-consumers")
    try:
        yield run.ready()
    finally:
        run.stop()


@pytest.fixture(scope="module")
def api(run: LocalRun) -> Iterator[httpx.Client]:
    token = local_token(subject="17850", scope=CUSTOMER_SCOPE)
    with httpx.Client(base_url=run.url, headers={"Authorization": f"Bearer {token}"}, timeout=20) as client:
        yield client


def lines(run: LocalRun, *logs: str) -> list[Line]:
    """The lines that the service and the consumers logged so far."""
    texts = ((run.state_dir / "logs" / f"{log}.log").read_text() for log in logs)
    # A line without its end is being written.
    whole = (line for text in texts for line in text.splitlines(keepends=True) if line.endswith("\n"))
    return [json.loads(line) for line in whole if line.startswith("{")]


def delivered(run: LocalRun, count: int) -> bool:
    return [line["type"] for line in lines(run, "invoicing")].count("order.delivered") >= count


def trace(number: int) -> dict[str, str]:
    """The header of every other request, which belongs to a trace of its caller."""
    return {"traceparent": f"00-{number + 1:032x}-00f067aa0ba902b7-01"} if number % 2 else {}


@pytest.fixture(scope="module")
def answers(run: LocalRun, api: httpx.Client) -> list[httpx.Response]:
    """Five hundred requests with secrets in them: sixty valid orders, and every kind of invalid request."""
    accepted: list[httpx.Response] = []

    def place(number: int) -> httpx.Response:
        return api.post("/orders", json=SECRET_ORDER, headers=trace(number))

    with ThreadPoolExecutor(4) as clients:
        accepted = list(clients.map(place, range(ORDERS)))
        eventually(lambda: delivered(run, ORDERS), within=60)
        path = accepted[0].headers["Location"]
        post, patch = partial(api.post, "/orders"), partial(api.patch, path)
        merge = {"Content-Type": "application/merge-patch+json", "If-Match": "*"}
        wrong = [
            partial(post, json=SECRET_ORDER | {"note": f"{CANARY}\n\x00"}),
            partial(post, json=SECRET_ORDER | {"shipping_address": f"{CANARY} Street"}),
            partial(post, json=SECRET_ORDER | {"shipping_address": SECRET_ADDRESS | {"country": CANARY}}),
            partial(post, json=SECRET_ORDER | {"currency": CANARY, "items": CANARY}),
            partial(post, json=SECRET_ORDER | {"note": CANARY * 200}),
            partial(post, content=json.dumps(SECRET_ORDER)[:-1], headers={"Content-Type": "application/json"}),
            partial(post, content=b"\xff" + CANARY.encode(), headers={"Content-Type": "application/json"}),
            partial(post, content=CANARY, headers={"Content-Type": "text/plain"}),
            partial(post, json=SECRET_ORDER, headers={"Authorization": f"Bearer {CANARY}"}),
            partial(post, json=SECRET_ORDER, headers={"Authorization": f"Bearer e30.{CANARY}.e30"}),
            partial(post, json=SECRET_ORDER, headers={"Authorization": f"{CANARY}"}),
            partial(post, json=SECRET_ORDER, headers={"Idempotency-Key": f"{CANARY} {CANARY}"}),
            partial(post, json=SECRET_ORDER, headers={"traceparent": CANARY}),
            partial(patch, json={"note": f"another {CANARY}"}, headers=merge),
            partial(patch, json={"shipping_address": {"city": CANARY}}, headers=merge),
            partial(patch, json={"status": CANARY}, headers=merge),
            partial(patch, json={"status": "placed", "note": CANARY}, headers=merge),
            partial(patch, json={"note": CANARY}, headers=merge | {"If-Match": f'"{CANARY}"'}),
            partial(api.get, path, headers={"Authorization": f"Bearer {CANARY}"}),
        ]
        others = list(clients.map(lambda call: call(), itertools.islice(itertools.cycle(wrong), 500 - ORDERS)))
    refused = sum(answer.status_code >= 400 for answer in others)
    assert refused == sum(answer.status_code != 202 for answer in others) > 400
    return accepted + others


def test_orders_are_delivered_by_the_sample_consumers(api: httpx.Client, answers: list[httpx.Response]) -> None:
    for answer in answers[:ORDERS]:
        order = api.get(answer.headers["Location"]).json()
        assert (order["status"], order["version"]) == ("delivered", 4)


def test_one_correlation_id_joins_all_hops_of_every_order(run: LocalRun, answers: list[httpx.Response]) -> None:
    seen: dict[str, list[Line]] = defaultdict(list)
    for line in lines(run, "api", "handlers", "inventory", "invoicing", "fulfilment"):
        if "order_id" in line:
            seen[line["order_id"]].append(line)
    for number, answer in enumerate(answers[:ORDERS]):
        hops = seen[answer.json()["order_id"]]
        logged = {f"{hop['event']} {hop.get('type', hop.get('status', ''))}".strip() for hop in hops}
        assert logged >= {
            "order.accepted",
            "order.placed",
            *(f"order.updated {status}" for status in ("confirmed", "shipped", "delivered")),
            *(f"event.published order.{status}" for status in ("placed", "confirmed", "shipped", "delivered")),
            *(f"invoicing.handled order.{status}" for status in ("placed", "confirmed", "shipped", "delivered")),
            "inventory.handled order.placed",
            "fulfilment.handled order.confirmed",
        }
        assert {hop["correlation_id"] for hop in hops} == {answer.headers["X-Request-Id"]}
        assert {hop.get("traceparent") for hop in hops} == {trace(number).get("traceparent")}


def test_no_secret_is_in_a_log_or_in_an_error(run: LocalRun, answers: list[httpx.Response], api: httpx.Client) -> None:
    # Poison on the queue, which no client of the API can send.
    sqs = boto3.client("sqs", **client_options(run.engine_url))
    queue = f"{run.engine_url}/000000000000/orders-local-queue"
    poison = [CANARY, json.dumps({"type": CANARY, CANARY: CANARY}), json.dumps({"order": SECRET_ORDER})]
    for body in poison:
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    quarantined = eventually(
        lambda: [line for line in lines(run, "handlers") if line["event"] == "message.quarantined"][len(poison) - 1 :]
    )
    assert quarantined[0]["level"] == "ERROR"

    refused = [answer for answer in answers if answer.status_code >= 400]
    assert len(refused) > 400
    assert [answer.text for answer in refused if CANARY in answer.text] == []
    token = api.headers["Authorization"].split()[1]
    texts = {path.name: path.read_text() for path in (run.state_dir / "logs").iterdir()}
    assert {"api.log", "handlers.log", "inventory.log", "invoicing.log", "fulfilment.log"} <= texts.keys()
    assert "request.refused" in texts["api.log"]
    assert [name for name, text in texts.items() if CANARY in text or token in text] == []


def test_load_sees_its_events_beside_other_consumers(run: LocalRun, answers: list[httpx.Response]) -> None:
    assert answers
    loaded = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "ordersctl", "load", "tests/data/online-retail-cut.csv", "--wait", "--url", run.url],
        env={**os.environ, "AWS_ENDPOINT_URL": run.engine_url, "COLUMNS": "120"},
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "events published\t5; none missing, none twice" in loaded.stdout, loaded.stdout + loaded.stderr
    assert loaded.returncode == 0
    eventually(lambda: delivered(run, ORDERS + 5))


def test_a_consumer_that_is_stopped_neither_slows_nor_fails_the_others_and_catches_up(
    run: LocalRun, api: httpx.Client
) -> None:
    def placed(count: int) -> set[str]:
        return {api.post("/orders", json=new_order()).json()["order_id"] for _ in range(count)}

    def invoiced(ids: set[str]) -> bool:
        return ids <= {line["order_id"] for line in lines(run, "invoicing")}

    sqs = boto3.client("sqs", **client_options(run.engine_url))
    queue = f"{run.engine_url}/000000000000/orders-local-inventory"
    # The last poll of a killed consumer may still get messages, which are hidden until their visibility ends.
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"VisibilityTimeout": "2"})
    first = placed(1)
    eventually(lambda: invoiced(first))
    os.kill(run.pids()["inventory"], signal.SIGKILL)
    eventually(lambda: "inventory ended (SIGKILL)" in run.said())

    ids = placed(10)
    eventually(lambda: invoiced(ids), within=10)
    assert {api.get(f"/orders/{each}").json()["status"] for each in ids} == {"placed"}, (
        "inventory is stopped, which confirms them"
    )
    kept = sqs.get_queue_attributes(
        QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    )["Attributes"]
    assert sum(map(int, kept.values())) >= 10, f"its queue keeps what it missed: {kept}"
    assert run.process.poll() is None

    # Orders may change until it is back, and it gets no event of that.
    changed, cancelled = sorted(ids)[:2]
    other_items = [new_order()["items"][0] | {"sku": "other", "quantity": 3}]
    for order_id, change in ((changed, {"items": other_items}), (cancelled, {"status": "cancelled"})):
        assert api.patch(f"/orders/{order_id}", json=change, headers={"If-Match": '"1"'}).status_code == 200

    def statuses() -> dict[str, str]:
        return {each: api.get(f"/orders/{each}").json()["status"] for each in ids}

    inbox = boto3.resource("dynamodb", **client_options(run.engine_url)).Table("orders-local-inventory-inbox")
    resumed = CliRunner().invoke(main, ["resume", "inventory"], env={"ORDERS_STATE_DIR": str(run.state_dir)})
    assert resumed.exit_code == 0, resumed.output
    eventually(lambda: statuses() == dict.fromkeys(ids, "delivered") | {cancelled: "cancelled"})
    stock: list[Any] = [
        eventually(lambda each=each: inbox.get_item(Key={"order_id": each}).get("Item"))  # type: ignore[misc]
        for each in (changed, cancelled)
    ]
    assert (stock[0]["skus"], stock[1]["stock"]) == ({"other": 3}, "released")
