"""Data of a newer release that this one reads: during a deployment and after a rollback."""

import json
from typing import Any

import pytest

from chalicelib.domain import commands
from testkit.api_client import Answer
from testkit.builders import ADDRESS, CUSTOMER, an_order, command, fresh_order_id, line, new_order
from testkit.lambda_events import stream_event
from tests.service.harness import ServiceHarness

SERVICE = {"subject": "shop", "scope": "orders/service"}
ADMIN = {"subject": "ann", "scope": "orders/admin orders/service"}
TABLE = "orders-tests"
NEW_STATUS = "on_hold"  # which this release does not know

# --- messages --------------------------------------------------------------------------------------------------------

NEWER = {
    "a revision": {"revision": commands.REVISION + 1, "order": new_order(gift_note="for Ann")},
    "a revision with a new part of the envelope": {"revision": 99, "channel": "web"},
    "a version": {"version": 2, "lines": []},
    "a version of another kind of command": {"version": 2, "type": "PlaceOrders"},
}


@pytest.mark.parametrize("what", NEWER)
def test_a_newer_envelope_stays_on_the_queue_and_the_rest_of_its_batch_is_stored(
    harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    newer, known = fresh_order_id(), fresh_order_id()
    bodies = [json.dumps(command(order_id=newer) | NEWER[what]), json.dumps(command(order_id=known))]
    harness.report_failures(monkeypatch)
    assert harness.process(*bodies) == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert harness.stored(newer) is None
    assert harness.stored(known) is not None
    assert harness.quarantined() == []


@pytest.mark.parametrize("revision", [0, -1, "2", 1.5, True, None])
def test_a_revision_that_no_release_writes_is_quarantined(harness: ServiceHarness, revision: Any) -> None:
    harness.process(json.dumps(command(order_id=fresh_order_id(), revision=revision)))
    ((_, reason),) = harness.quarantined()
    assert reason.startswith("not a command envelope: revision")


# --- attributes ------------------------------------------------------------------------------------------------------


def stored_by_a_newer_release(harness: ServiceHarness, **attributes: Any) -> tuple[str, dict[str, Any]]:
    """An order with attributes that this release does not know, at every level of its item. Returns its id and item."""
    order_id = fresh_order_id()
    harness.put(an_order(order_id=order_id, new=new_order(shipping_address=ADDRESS, items=[line(), line(sku="b")])))
    item = item_at(harness, order_id) | {"gift_note": {"S": "for Ann"}, "tags": {"SS": ["a", "b"]}} | attributes
    item["shipping_address"]["M"]["door_code"] = {"S": "1234"}
    item["items"]["L"][1]["M"]["w"] = {"N": "250"}
    harness.dynamodb.put_item(TableName=TABLE, Item=item)
    return order_id, item


def item_at(harness: ServiceHarness, order_id: str) -> dict[str, Any]:
    answer = harness.dynamodb.get_item(TableName=TABLE, Key={"order_id": {"S": order_id}}, ConsistentRead=True)
    return dict(answer["Item"])


def patch(harness: ServiceHarness, order_id: str, value: Any, **who: str) -> Answer:
    headers = {"Content_Type": "application/merge-patch+json", "If_Match": "*"}
    return harness.api(**who).call("PATCH", f"/orders/{order_id}", json.dumps(value), **headers)


CHANGES: dict[str, tuple[Any, dict[str, Any]]] = {
    "a note": ({"note": "new"}, {}),
    "a status": ({"status": "confirmed"}, SERVICE),
    "a part of the address": ({"shipping_address": {"city": "York", "line2": "Flat 2"}}, {}),
    "a status and its reason": ({"status": "cancelled", "status_reason": "ordered twice"}, {}),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_keeps_the_attributes_that_this_release_does_not_know(harness: ServiceHarness, what: str) -> None:
    order_id, before = stored_by_a_newer_release(harness)
    value, who = CHANGES[what]
    assert patch(harness, order_id, value, **who).status == 200
    after = item_at(harness, order_id)
    assert after["version"] == {"N": "2"}
    assert after["gift_note"] == before["gift_note"]
    assert sorted(after["tags"]["SS"]) == ["a", "b"]
    assert after["shipping_address"]["M"]["door_code"] == {"S": "1234"}
    assert after["items"] == before["items"]


def test_a_change_that_replaces_the_items_or_the_address_keeps_nothing_of_what_it_replaces(
    harness: ServiceHarness,
) -> None:
    order_id, _ = stored_by_a_newer_release(harness)
    assert patch(harness, order_id, {"items": [line(), line(sku="b")], "shipping_address": None}).status == 200
    assert patch(harness, order_id, {"items": [line(sku="c"), line(sku="b")]}).status == 200
    after = item_at(harness, order_id)
    assert "shipping_address" not in after
    assert "w" not in after["items"]["L"][1]["M"]
    assert after["gift_note"] == {"S": "for Ann"}


def test_an_erased_order_keeps_no_attribute_that_this_release_does_not_know(harness: ServiceHarness) -> None:
    order_id, _ = stored_by_a_newer_release(harness)
    assert harness.api(**ADMIN).call("DELETE", f"/orders/{order_id}?customer_id={CUSTOMER}").status == 204
    known = {"order_id", "version", "updated_at", "correlation_id", "status", "change_id"}
    assert item_at(harness, order_id).keys() == known


def test_attributes_that_this_release_does_not_know_are_neither_shown_nor_published(harness: ServiceHarness) -> None:
    order_id, item = stored_by_a_newer_release(harness)
    shown = [
        harness.api().get(f"/orders/{order_id}").body,
        patch(harness, order_id, {"note": "new"}).body,
        json.dumps(published(harness, None, item)),
    ]
    for text in shown:
        assert "gift" not in text
        assert "1234" not in text
        assert "250" not in text


# --- statuses --------------------------------------------------------------------------------------------------------


def on_hold(harness: ServiceHarness, customer: str = CUSTOMER) -> str:
    return stored_by_a_newer_release(harness, status={"S": NEW_STATUS}, customer_id={"S": customer})[0]


def published(harness: ServiceHarness, before: Any, after: Any) -> dict[str, Any]:
    """The event of a stream record with these images."""
    event = stream_event((None, an_order()))
    images = {"OldImage": before, "NewImage": after}
    event["Records"][0]["dynamodb"] |= {name: image for name, image in images.items() if image is not None}
    assert harness.publish(event) is None
    (found,) = harness.received("invoicing", 1)
    return found


def test_a_status_that_this_release_does_not_know_is_shown_unchanged(harness: ServiceHarness) -> None:
    customer = fresh_order_id()  # other tests place more orders of the usual one than a page shows
    order_id, api = on_hold(harness, customer), harness.api(subject=customer)
    answer = api.get(f"/orders/{order_id}")
    assert (answer.status, answer.json["status"]) == (200, NEW_STATUS)
    (listed,) = api.get(f"/customers/{customer}/orders").json["orders"]
    assert (listed["order_id"], listed["status"]) == (order_id, NEW_STATUS)


def test_a_list_can_be_filtered_only_by_known_statuses(harness: ServiceHarness) -> None:
    on_hold(harness)
    answer = harness.api().get(f"/customers/{CUSTOMER}/orders?status={NEW_STATUS}")
    assert (answer.status, answer.problem) == (400, "invalid-parameter")


def test_an_order_of_an_unknown_status_refuses_every_transition_and_names_no_other(harness: ServiceHarness) -> None:
    for value, who in (({"status": "cancelled"}, {}), ({"status": "confirmed"}, SERVICE)):
        answer = patch(harness, on_hold(harness), value, **who)
        assert (answer.status, answer.problem) == (409, "conflict")
        assert (answer.json["current_status"], answer.json["allowed_statuses"]) == (NEW_STATUS, [])


@pytest.mark.parametrize("value", [{"note": "new"}, {"items": [line()]}, {"shipping_address": None}])
def test_an_order_of_an_unknown_status_refuses_new_content(harness: ServiceHarness, value: Any) -> None:
    order_id = on_hold(harness)
    answer = patch(harness, order_id, value)
    assert (answer.status, answer.problem) == (409, "conflict")
    assert item_at(harness, order_id)["version"] == {"N": "1"}


def test_an_order_of_an_unknown_status_can_be_erased(harness: ServiceHarness) -> None:
    order_id = on_hold(harness)
    assert harness.api(**ADMIN).call("DELETE", f"/orders/{order_id}?customer_id={CUSTOMER}").status == 204
    assert harness.api(**SERVICE).get(f"/orders/{order_id}").status == 410


def test_a_repeated_post_of_an_order_with_an_unknown_status_is_a_replay(harness: ServiceHarness) -> None:
    key = fresh_order_id()
    accepted = harness.api().post("/orders", new_order(), Idempotency_Key=key)
    bodies = harness.process_queue()
    order_id = accepted.json["order_id"]
    harness.dynamodb.put_item(TableName=TABLE, Item=item_at(harness, order_id) | {"status": {"S": NEW_STATUS}})
    answer = harness.api().post("/orders", new_order(), Idempotency_Key=key)
    assert (answer.status, answer.headers["Idempotency-Replayed"]) == (202, "true")
    harness.process(*bodies)  # a late duplicate of the message
    assert item_at(harness, order_id)["status"] == {"S": NEW_STATUS}
    assert harness.quarantined() == []


def test_an_unknown_status_is_published_by_its_name(harness: ServiceHarness) -> None:
    _, item = stored_by_a_newer_release(harness)
    held = item | {"version": {"N": "2"}, "status": {"S": NEW_STATUS}}
    event = published(harness, item, held)
    assert (event["type"], event["data"]["previous_status"]) == (f"order.{NEW_STATUS}", "placed")
    assert published(harness, None, held)["type"] == f"order.{NEW_STATUS}"
    event = published(harness, held, held | {"version": {"N": "3"}, "note": {"S": "new"}})
    assert (event["type"], event["data"]["status"]) == ("order.changed", NEW_STATUS)
    event = published(harness, held, held | {"version": {"N": "3"}, "status": {"S": "cancelled"}})
    assert (event["type"], event["data"]["previous_status"]) == ("order.cancelled", NEW_STATUS)
