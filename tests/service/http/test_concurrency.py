"""Two callers change one order at once: one wins, the other gets a conflict, and no change is lost."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from ordersctl.shared.engine_client import client_options
from testkit.api_client import Answer
from testkit.builders import new_order
from tests.service.http.callers import SERVICE, Caller, Service

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient

RACES = 50
History = Callable[[], Iterator[dict[str, Any]]]


@pytest.fixture
def ann(service: Service) -> Caller:
    return service.caller(f"ann-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def shop(service: Service) -> Caller:
    return service.caller("shop", SERVICE)


@pytest.fixture
def history(engine_url: str, stack: dict[str, str]) -> History:
    """The new images of the records that the table's stream gets from here on."""
    options: Any = client_options(engine_url)
    streams: DynamoDBStreamsClient = boto3.client("dynamodbstreams", **options)
    arn = stack["OrderStreamArn"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="LATEST")

    def read() -> Iterator[dict[str, Any]]:
        position = iterator["ShardIterator"]
        while records := (answer := streams.get_records(ShardIterator=position))["Records"]:
            yield from (dict(record["dynamodb"]["NewImage"]) for record in records)
            position = answer["NextShardIterator"]

    return read


def at_once(*calls: Callable[[], Answer]) -> list[Answer]:
    start = Barrier(len(calls))

    def one(call: Callable[[], Answer]) -> Answer:
        start.wait(5)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


def test_of_a_concurrent_cancel_and_ship_exactly_one_wins(
    quiet: Service, ann: Caller, shop: Caller, history: History
) -> None:
    won: dict[str, str] = {}
    for number in range(RACES):
        order_id = quiet.place(ann, new_order())
        path = f"/orders/{order_id}"
        seen = shop.patch(path, {"status": "confirmed"}, If_Match="*").headers["ETag"]
        if_match = "*" if number % 2 else seen
        answers = at_once(
            lambda: ann.patch(path, {"status": "cancelled"}, If_Match=if_match),  # noqa: B023 - called within the turn
            lambda: shop.patch(path, {"status": "shipped"}, If_Match=if_match),  # noqa: B023
        )
        (winner,) = (answer for answer in answers if answer.status == 200)
        (loser,) = (answer for answer in answers if answer.status != 200)
        assert (loser.status, loser.problem) in {(412, "precondition-failed"), (409, "conflict")}
        stands = ann.get(path)
        assert stands.json == winner.json
        assert stands.headers["ETag"] == winner.headers["ETag"] == '"3"'
        won[order_id] = winner.json["status"]

    streamed: dict[str, list[tuple[str, str]]] = {order_id: [] for order_id in won}
    for image in history():
        streamed[image["order_id"]["S"]].append((image["version"]["N"], image["status"]["S"]))
    assert streamed == {
        order_id: [("1", "placed"), ("2", "confirmed"), ("3", status)] for order_id, status in won.items()
    }


def test_of_two_concurrent_changes_of_one_version_none_is_lost(quiet: Service, ann: Caller, shop: Caller) -> None:
    order_id = quiet.place(ann, new_order())
    path = f"/orders/{order_id}"
    for number in range(25):
        seen = ann.get(path).headers["ETag"]
        answers = at_once(
            lambda: ann.patch(path, {"note": f"ann {number}"}, If_Match=seen),  # noqa: B023 - called within the turn
            lambda: shop.patch(path, {"note": f"shop {number}"}, If_Match=seen),  # noqa: B023
        )
        assert sorted(answer.status for answer in answers) == [200, 412]
        (winner,) = (answer for answer in answers if answer.status == 200)
        assert ann.get(path).json == winner.json
    assert ann.get(path).headers["ETag"] == '"26"'


def test_every_concurrent_change_of_any_version_is_applied_or_refused(
    quiet: Service, ann: Caller, shop: Caller
) -> None:
    order_id = quiet.place(ann, new_order())
    path, wins = f"/orders/{order_id}", 0
    for number in range(25):
        answers = at_once(
            lambda: ann.patch(path, {"note": f"ann {number}"}, If_Match="*"),  # noqa: B023 - called within the turn
            lambda: shop.patch(path, {"note": f"shop {number}"}, If_Match="*"),  # noqa: B023
        )
        assert {answer.status for answer in answers} <= {200, 412}
        wins += [answer.status for answer in answers].count(200)
    assert wins >= 25
    assert ann.get(path).json["version"] == 1 + wins
