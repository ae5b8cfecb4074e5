"""This release reads the data of each earlier release: messages, items, stream records, cursors, ids.

A failure names the release, the kind and the order. The files are never changed: tests/releases/write_golden.py.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ordersctl.shared.project import PROJECT_DIR
from tests.releases.side_by_side import STORED, TODAY, Release, Stage, change, stored_releases
from tests.releases.write_golden import ADMIN, SERVICE

GOLDEN: dict[str, dict[str, Any]] = {
    release: {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (STORED / release).glob("*.json")}
    for release in stored_releases()
}
SECRETS = {files["ids"]["secret"] for files in GOLDEN.values()}


def every(kind: str) -> pytest.MarkDecorator:
    """Run a test for each entry of each release's file of a kind."""
    return pytest.mark.parametrize(
        ("release", "name"), [(release, name) for release, files in GOLDEN.items() for name in files[kind]]
    )


@pytest.fixture(scope="module")
def stage(engine_url: str) -> Stage:
    (secret,) = SECRETS
    return Stage.create(engine_url, "golden", secret=secret)


@pytest.fixture(scope="module")
def today(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    with stage.release(TODAY, PROJECT_DIR, tmp_path_factory.mktemp("golden") / "log") as release:
        yield release


def missing(found: Any, golden: Any, place: str = "") -> list[str]:
    """The places where a value differs from the golden file; a later release may add names."""
    if re.fullmatch(r"/violations/L/\d+/M/detail/S", place):
        return []  # words for people, which a release may say better
    if isinstance(golden, dict) and isinstance(found, dict):
        return [each for name, value in golden.items() for each in missing(found.get(name), value, f"{place}/{name}")]
    if isinstance(golden, list) and isinstance(found, list) and len(found) == len(golden):
        pairs = enumerate(zip(found, golden, strict=True))
        return [each for number, pair in pairs for each in missing(*pair, f"{place}/{number}")]
    return [] if found == golden else [f"{place}: {found!r}, and was {golden!r}"[:300]]


def first_version(release: str, name: str) -> Any:
    return GOLDEN[release]["records"][f"{name}, version 1"]["record"]["dynamodb"]["NewImage"]


def nothing_is_quarantined(stage: Stage) -> bool:
    return stage.take("queue-dlq") == stage.take("events-dlq") == []


@every("messages")
def test_a_message_is_stored_as_its_release_stored_it(stage: Stage, today: Release, release: str, name: str) -> None:
    item = first_version(release, name)
    stage.delete(item["order_id"]["S"])
    stage.send(GOLDEN[release]["messages"][name]["body"])
    assert stage.process(today) == 0
    assert missing(stage.item(item["order_id"]["S"]), item) == []
    assert nothing_is_quarantined(stage)


@every("messages")
def test_a_late_duplicate_of_a_message_changes_nothing(stage: Stage, today: Release, release: str, name: str) -> None:
    item = GOLDEN[release]["items"][name]["item"]
    stage.put(item)
    stage.send(GOLDEN[release]["messages"][name]["body"])
    assert stage.process(today) == 0
    assert stage.item(item["order_id"]["S"]) == item
    assert nothing_is_quarantined(stage)


@every("messages")
def test_a_stored_order_is_a_replay_under_its_key_and_keeps_its_id(
    stage: Stage, today: Release, release: str, name: str
) -> None:
    sent, stored = GOLDEN[release]["messages"][name], GOLDEN[release]["items"][name]
    stage.put(stored["item"])
    answer = today.api(subject=sent["customer_id"]).post("/orders", sent["posted"], Idempotency_Key=sent["key"])
    expected = {"erased": 410, "rejected": 422}.get(name, 202)
    # An order whose content was changed is still the answer to what was posted.
    assert answer.status == expected, answer
    if answer.status == 202:
        assert (answer.json["order_id"], answer.headers["Idempotency-Replayed"]) == (
            stored["item"]["order_id"]["S"],
            "true",
        )


@every("items")
def test_an_item_is_shown_as_its_release_showed_it(stage: Stage, today: Release, release: str, name: str) -> None:
    golden = GOLDEN[release]["items"][name]
    stage.put(golden["item"])
    answer = today.api(**SERVICE).get(f"/orders/{golden['item']['order_id']['S']}")
    assert answer.status == golden["status"]
    if answer.status == 200:
        assert missing(answer.json, golden["shown"]) == []


@every("items")
def test_an_item_can_be_changed_and_erased(stage: Stage, today: Release, release: str, name: str) -> None:
    item = GOLDEN[release]["items"][name]["item"]
    order_id, status = item["order_id"]["S"], item["status"]["S"]
    stage.put(item)
    if status in {"placed", "confirmed"}:
        assert change(today.api(**SERVICE), order_id, {"note": "changed by a later release"}).status == 200
        kept = {each: value for each, value in item.items() if each not in CHANGED_BY_A_NOTE}
        assert missing(stage.item(order_id), kept) == []
    customer = GOLDEN[release]["messages"][name]["customer_id"]
    assert today.api(**ADMIN).call("DELETE", f"/orders/{order_id}?customer_id={customer}").status == 204
    assert today.api(**SERVICE).get(f"/orders/{order_id}").status == 410


CHANGED_BY_A_NOTE = {"note", "version", "updated_at", "change_id", "traceparent"}


@every("records")
def test_a_stream_record_is_published_as_its_release_published_it(
    stage: Stage, today: Release, release: str, name: str
) -> None:
    golden = GOLDEN[release]["records"][name]
    stage.take("invoicing")
    assert today.call("publish_events", {"Records": [golden["record"]]}) == {"batchItemFailures": []}
    (event,) = stage.take("invoicing")
    assert missing(json.loads(event), golden["event"]) == []
    assert nothing_is_quarantined(stage)


@pytest.mark.parametrize(
    ("release", "query"), [(release, query) for release, files in GOLDEN.items() for query in files["cursors"]["lists"]]
)
def test_a_cursor_leads_to_the_same_page(stage: Stage, today: Release, release: str, query: str) -> None:
    golden = GOLDEN[release]["cursors"]
    for item in golden["items"]:
        stage.put(item)
    customer, cursor = golden["customer_id"], golden["lists"][query]["cursor"]
    answer = today.api(subject=customer).get(f"/customers/{customer}/orders?{query}&cursor={cursor}")
    assert answer.status == 200, answer
    assert [order["order_id"] for order in answer.json["orders"]] == golden["lists"][query]["next"]


@pytest.mark.parametrize(
    ("release", "number"), [(release, n) for release, files in GOLDEN.items() for n in range(len(files["ids"]["ids"]))]
)
def test_an_id_is_known_as_accepted_before_its_order_is_stored(
    stage: Stage, today: Release, release: str, number: int
) -> None:
    golden = GOLDEN[release]["ids"]["ids"][number]
    stage.delete(golden["order_id"])
    answer = today.api(subject=golden["customer_id"]).get(f"/orders/{golden['order_id']}")
    assert (answer.status, answer.json["status"]) == (200, "accepted")
    assert today.api(subject="another").get(f"/orders/{golden['order_id']}").status == 404
