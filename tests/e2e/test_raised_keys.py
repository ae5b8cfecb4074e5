"""A customer's number of index keys rises while orders arrive: no list misses an order, or has one twice."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from ordersctl.local.child_process import Child, stop
from ordersctl.local.tokens import CUSTOMER_SCOPE, local_token
from ordersctl.shared.engine_client import client_options, get_json
from testkit.builders import new_order
from testkit.servers.local_run import LocalRun
from testkit.waiting import eventually, free_port

pytestmark = pytest.mark.full  # a whole run, and a second API and a second processor beside it

CUSTOMER, TABLE = "guest", "orders-local"
BEFORE, READ_FIRST, AFTER = "guest=2:people", "guest=2..8:people", "guest=8:people"


@dataclass
class Shop:
    """Guests who place orders all the time, and a client who lists all of them again and again."""

    run: LocalRun
    url: str  # of the API; that of the next release from the middle on
    accepted: list[str] = field(default_factory=list)
    walks: int = 0
    mistakes: list[str] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        token = local_token(subject=CUSTOMER, scope=CUSTOMER_SCOPE)
        self.headers = {"Authorization": f"Bearer {token}"}
        self._dynamodb: Any = boto3.client("dynamodb", **client_options(self.run.engine_url))

    def items(self) -> list[dict[str, Any]]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=TABLE, ConsistentRead=True)
        return [item for page in pages for item in page["Items"]]

    def index_keys(self) -> set[str]:
        return {item["customer_id"]["S"] for item in self.items()}

    def place(self) -> None:
        with httpx.Client(timeout=20, trust_env=False, headers=self.headers) as http:
            while not self.closed.wait(0.05):  # without a pause, the lists would soon have hundreds of pages
                answer = http.post(f"{self.url}/orders", json=new_order())
                assert answer.status_code == 202, answer.text
                self.accepted.append(answer.json()["order_id"])

    def list_again_and_again(self) -> None:
        with httpx.Client(timeout=20, trust_env=False, headers=self.headers) as http:
            while not self.closed.is_set():
                self.walk(http)

    def walk(self, http: httpx.Client) -> None:
        """List to the end; the API may change between two pages."""
        stored = {item["order_id"]["S"] for item in self.items()}
        listed: Counter[str] = Counter()
        cursor: str | None = None
        while True:
            query: dict[str, Any] = {"limit": 20} if cursor is None else {"limit": 20, "cursor": cursor}
            answer = http.get(f"{self.url}/customers/{CUSTOMER}/orders", params=query)
            assert answer.status_code == 200, answer.text
            listed.update(order["order_id"] for order in answer.json()["orders"])
            cursor = answer.json()["next_cursor"]
            if cursor is None:
                break
        self.walks += 1
        self.mistakes += [f"missing: {order_id}" for order_id in stored - listed.keys()]
        self.mistakes += [f"twice: {order_id}" for order_id, times in listed.items() if times > 1]

    def goes_on(self, walks: int) -> None:
        """Wait for so many further lists."""
        last = self.walks + walks
        eventually(lambda: self.walks >= last, within=60)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[LocalRun]:
    run = LocalRun.start(tmp_path, SPREAD_CUSTOMERS=BEFORE)
    try:
        yield run.ready()
    finally:
        run.stop()


@pytest.fixture
def children() -> Iterator[list[Child]]:
    started: list[Child] = []
    yield started
    stop(started)


def test_no_list_misses_an_order_while_the_number_of_keys_rises(
    run: LocalRun, children: list[Child], tmp_path: Path
) -> None:
    shop = Shop(run, run.url)
    threads = [threading.Thread(target=work) for work in (shop.place, shop.place, shop.list_again_and_again)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: shop.index_keys() == {CUSTOMER, f"{CUSTOMER}#1"}, within=60)
        shop.goes_on(walks=3)
        shop.url = second_api(run, children, tmp_path)  # the readers first
        shop.goes_on(walks=3)
        second_processor(run, children, tmp_path)  # beside the first one, as while functions are updated
        # More than a few pages, under all keys.
        eventually(lambda: len(shop.accepted) > 60 and len(shop.index_keys()) == 8, within=60)
        shop.goes_on(walks=5)
    finally:
        shop.closed.set()
        for thread in threads:
            thread.join()
    eventually(lambda: len(shop.items()) == len(shop.accepted), within=60)
    with httpx.Client(timeout=20, trust_env=False, headers=shop.headers) as http:
        shop.walk(http)
    assert shop.mistakes == []
    assert {item["order_id"]["S"] for item in shop.items()} == set(shop.accepted)


def second_api(run: LocalRun, children: list[Child], directory: Path) -> str:
    port = free_port()
    arguments = ("local", "--stage", "local", "--no-autoreload", "--port", str(port))
    start(children, run, Child("API", "chalice.cli:main", arguments, spread(READ_FIRST), directory / "api.log"))
    eventually(lambda: get_json(f"http://127.0.0.1:{port}/health"), within=30)
    return f"http://127.0.0.1:{port}"


def second_processor(run: LocalRun, children: list[Child], directory: Path) -> None:
    arguments = ("event-sources", "--state-dir", str(directory / "second"))
    start(children, run, Child("sources", "ordersctl.cli:main", arguments, spread(AFTER), directory / "sources.log"))


def spread(setting: str) -> dict[str, str]:
    return {"SPREAD_CUSTOMERS": setting}


def start(children: list[Child], run: LocalRun, child: Child) -> None:
    child.environment = {**child.environment, "AWS_ENDPOINT_URL": run.engine_url, "PYTHONUNBUFFERED": "1"}
    children.append(child)
    child.start()
