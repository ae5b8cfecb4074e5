"""Two releases at once, on one stage: through a deployment, its rollback, and every mixture of their functions.

Beside this release stand each stored release, whose code is kept in tests/data/releases, and a made-up next one:
next_release.patch has a new field of an order, a new status, and a new attribute of an item.
"""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ordersctl.shared.project import PROJECT_DIR
from testkit.api_client import Answer
from testkit.builders import ADDRESS, line, new_order
from tests.releases.side_by_side import TODAY, Release, Stage, change, patched_tree, stored_releases, stored_tree
from tests.releases.test_golden import missing

NEXT = "the next release"
NEXT_PATCH = Path(__file__).with_name("next_release.patch")
SERVICE = {"subject": "shop", "scope": "orders/service"}
ADMIN = {"subject": "ann", "scope": "orders/admin orders/service"}
OLD, NEW = 0, 1
# Publisher, processor, API: a deployment updates consumers of a format before its producers, a rollback the other way
# round. The last ones are what a deployment in any other order passes through.
PHASES = [
    (OLD, OLD, OLD),
    (NEW, OLD, OLD),
    (NEW, NEW, OLD),
    (NEW, NEW, NEW),
    (NEW, NEW, OLD),
    (NEW, OLD, OLD),
    (OLD, OLD, OLD),
    (OLD, OLD, NEW),
    (OLD, NEW, NEW),
    (OLD, NEW, OLD),
    (NEW, OLD, NEW),
]
# Fields that every release since 0.1.0 knows.
BODIES = [
    new_order(),
    new_order(items=[line(), line(sku="b", name="Tee 茶")], shipping_address=ADDRESS, note="n", reference="r-1"),
    new_order(currency="JPY", note="to be changed"),
    new_order(note="to be erased"),
    new_order(note="to be shipped"),
]
CHANGED, ERASED, SHIPPED = 2, 3, 4


@dataclass
class Orders:
    """The orders that were placed on a stage, phase by phase, and what was read of them."""

    customer: str
    placed: list[list[str]] = field(default_factory=list)
    cursors: list[str] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)

    def key(self, phase: int, number: int) -> str:
        return f"{self.customer}-{phase}-{number}"


def stage_and_releases(engine_url: str, name: str, trees: dict[str, Path], logs: Path) -> Iterator[Any]:
    stage = Stage.create(engine_url, name, secret="a secret of the tests")
    (old, old_tree), (new, new_tree) = trees.items()
    with (
        stage.release(old, old_tree, logs / "old.log") as first,
        stage.release(new, new_tree, logs / "new.log") as last,
    ):
        yield stage, (first, last)


PAIRS = [*stored_releases(), NEXT]


@pytest.fixture(scope="module", params=PAIRS)
def pair(
    request: pytest.FixtureRequest, engine_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stage, tuple[Release, Release]]]:
    """A stage, and the older and the newer of two releases on it, of which one is today's."""
    directory = tmp_path_factory.mktemp("releases")
    if request.param == NEXT:
        trees = {TODAY: PROJECT_DIR, NEXT: patched_tree(NEXT_PATCH, directory)}
    else:
        trees = {request.param: stored_tree(request.param, directory), TODAY: PROJECT_DIR}
    yield from stage_and_releases(engine_url, f"pair-{PAIRS.index(request.param)}", trees, directory)


@pytest.mark.full  # twenty seconds; test_formats.py finds a changed format, the more likely mistake
def test_nothing_is_lost_or_refused_while_a_release_is_deployed_and_rolled_back(
    pair: tuple[Stage, tuple[Release, Release]],
) -> None:
    stage, releases = pair
    orders = Orders(customer=f"customer-of-{stage.name}")
    for phase in PHASES:
        publisher, processor, api = (releases[which] for which in phase)
        use(stage, orders, api, processor, publisher)
    for order_id in itertools.chain(*orders.placed):
        item = stage.item(order_id)
        assert item is not None, f"{order_id} is lost"
        assert item["status"]["S"] != "rejected", item
        versions = range(1, int(item["version"]["N"]) + 1)
        assert [version for version in versions if f"{order_id}.{version}" not in stage.events] == []
    assert len(stage.events) == sum(orders.versions.values())
    assert stage.take("queue-dlq") == stage.take("events-dlq") == stage.waiting() == []


def use(stage: Stage, orders: Orders, api: Release, processor: Release, publisher: Release) -> None:
    """Everything that clients do, in one phase: with its own orders, and with those of every phase before."""
    phase = len(orders.placed)
    placed = [place(api, orders, phase, number).json["order_id"] for number in range(len(BODIES))]
    owner, service = api.api(subject=orders.customer), api.api(**SERVICE)
    assert all(owner.get(f"/orders/{order_id}").json["status"] == "accepted" for order_id in placed)
    assert stage.process(processor) == 0
    for order_id, body in zip(placed, BODIES, strict=True):
        assert missing(owner.get(f"/orders/{order_id}").json, body | {"status": "placed"}) == []
    orders.placed.append(placed)
    orders.versions |= dict.fromkeys(placed, 1)
    add_unknown_attributes(stage, placed[CHANGED])
    for earlier, order_ids in enumerate(orders.placed):
        for number, order_id in enumerate(order_ids):
            if not (number == ERASED and earlier < phase - 1):
                again = place(api, orders, earlier, number)
                assert (again.json["order_id"], again.headers.get("Idempotency-Replayed")) == (order_id, "true")
        expect(orders, order_ids[CHANGED], change(owner, order_ids[CHANGED], {"note": f"phase {phase}"}))
        if api.name == TODAY or earlier == phase:
            keeps_unknown_attributes(stage, order_ids[CHANGED], api)
        add_unknown_attributes(stage, order_ids[CHANGED])
    move(orders, service, phase)
    if phase > 0:
        erased = orders.placed[phase - 1][ERASED]
        assert api.api(**ADMIN).call("DELETE", f"/orders/{erased}?customer_id={orders.customer}").status == 204
        orders.versions[erased] += 1
        assert owner.get(f"/orders/{erased}").status == 410
    follow_cursors(owner, orders)
    stage.publish(publisher)


def place(api: Release, orders: Orders, phase: int, number: int) -> Answer:
    answer = api.api(subject=orders.customer).post("/orders", BODIES[number], Idempotency_Key=orders.key(phase, number))
    assert answer.status == 202, answer
    return answer


def expect(orders: Orders, order_id: str, answer: Answer) -> None:
    orders.versions[order_id] += 1
    assert (answer.status, answer.json["version"]) == (200, orders.versions[order_id])


def move(orders: Orders, service: Any, phase: int) -> None:
    """One step of an order in each phase: confirmed in the first, shipped and delivered in the next ones."""
    for steps, status in enumerate(("confirmed", "shipped", "delivered")):
        if phase >= steps:
            order_id = orders.placed[phase - steps][SHIPPED]
            expect(orders, order_id, change(service, order_id, {"status": status}))


def follow_cursors(owner: Any, orders: Orders) -> None:
    """Make a cursor, and continue every list that an earlier phase began."""
    path = f"/customers/{orders.customer}/orders?limit=2"
    orders.cursors.append(owner.get(path).json["next_cursor"])
    for cursor in orders.cursors:
        answer = owner.get(f"{path}&cursor={cursor}")
        assert answer.status == 200, answer
        assert answer.json["orders"]


def add_unknown_attributes(stage: Stage, order_id: str) -> None:
    """Attributes that neither release knows, as a release after both would write them."""
    item = stage.item(order_id)
    assert item is not None
    stage.put(item | {"unknown": {"S": "kept"}})


def keeps_unknown_attributes(stage: Stage, order_id: str, api: Release) -> None:
    item = stage.item(order_id)
    assert item is not None
    assert api.name not in {TODAY, NEXT} or item.get("unknown") == {"S": "kept"}


# --- what only the next release knows --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def next_pair(
    engine_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stage, tuple[Release, Release]]]:
    directory = tmp_path_factory.mktemp("next")
    trees = {TODAY: PROJECT_DIR, NEXT: patched_tree(NEXT_PATCH, directory)}
    yield from stage_and_releases(engine_url, "next", trees, directory)


def place_gift(release: Release, key: str) -> Answer:
    answer = release.api().post("/orders", new_order(gift_note="for Ann"), Idempotency_Key=key)
    assert answer.status == 202, answer
    return answer


def test_an_order_with_a_new_field_waits_for_a_processor_that_knows_it(
    next_pair: tuple[Stage, tuple[Release, Release]],
) -> None:
    stage, (today, following) = next_pair
    order_id = place_gift(following, "waits").json["order_id"]
    plain = following.api().post("/orders", new_order()).json["order_id"]
    assert stage.process(today) == 1
    assert stage.item(order_id) is None
    assert stage.item(plain) is not None
    assert following.api().get(f"/orders/{order_id}").json["status"] == "accepted"
    assert place_gift(following, "waits").json["order_id"] == order_id  # sent once more
    assert stage.process(today) == 2
    assert stage.process(following) == 0
    assert following.api().get(f"/orders/{order_id}").json["gift_note"] == "for Ann"
    assert place_gift(following, "waits").headers["Idempotency-Replayed"] == "true"
    assert stage.take("queue-dlq") == []


def test_a_change_by_this_release_keeps_what_the_next_one_wrote(
    next_pair: tuple[Stage, tuple[Release, Release]],
) -> None:
    stage, (today, following) = next_pair
    order_id = place_gift(following, "kept").json["order_id"]
    assert stage.process(following) == 0
    answer = change(today.api(), order_id, {"note": "changed after the rollback"})
    assert (answer.status, "gift_note" in answer.json) == (200, False)
    item = stage.item(order_id)
    assert item is not None
    assert (item["gift_note"], item["handled_as"]) == ({"S": "for Ann"}, {"S": "gift"})
    assert following.api().get(f"/orders/{order_id}").json["gift_note"] == "for Ann"


def test_a_status_of_the_next_release_is_shown_and_published_but_changed_only_by_that_release(
    next_pair: tuple[Stage, tuple[Release, Release]],
) -> None:
    stage, (today, following) = next_pair
    order_id = following.api().post("/orders", new_order(), Idempotency_Key="held").json["order_id"]
    assert stage.process(following) == 0
    assert change(following.api(**SERVICE), order_id, {"status": "on_hold"}).status == 200
    assert today.api().get(f"/orders/{order_id}").json["status"] == "on_hold"
    refused = change(today.api(**SERVICE), order_id, {"status": "confirmed"})
    assert (refused.status, refused.json["allowed_statuses"]) == (409, [])
    again = today.api().post("/orders", new_order(), Idempotency_Key="held")
    assert (again.status, again.json["order_id"]) == (202, order_id)
    records = stage.publish(today)
    event = stage.events[f"{order_id}.2"]
    assert (event["type"], event["data"]["previous_status"]) == ("order.on_hold", "placed")
    assert following.call("publish_events", {"Records": records}) == {"batchItemFailures": []}
    theirs = {each["id"]: each for each in map(json.loads, stage.take("invoicing"))}
    assert theirs[f"{order_id}.2"] == event
    assert change(following.api(**SERVICE), order_id, {"status": "placed"}).status == 200
    assert change(today.api(**SERVICE), order_id, {"status": "confirmed"}).status == 200
