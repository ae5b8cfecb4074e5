"""An erased order stays erased, whichever message arrives late, and only its owner and services learn of it."""

import json
import uuid

import pytest

from testkit.api_client import Answer
from testkit.builders import ADDRESS, new_order
from tests.service.http.callers import ADMIN, SERVICE, Caller, Service

KEY = "the-key"
ORDER = new_order(note="ring at Ann Lee's", shipping_address=ADDRESS, reference="PO 7")


@pytest.fixture
def ann(service: Service) -> Caller:
    return service.caller(f"ann-{uuid.uuid4().hex[:8]}")


def erase(service: Service, order_id: str, message: str) -> Answer:
    """Erase an order of the customer whom its message names."""
    customer = json.loads(message)["customer_id"]
    return service.caller("root", ADMIN).delete(f"/orders/{order_id}?customer_id={customer}")


def placed_and_erased(service: Service, ann: Caller) -> tuple[str, str]:
    """The id and the message of an order that was stored and then erased."""
    service.take_messages()
    order_id = ann.post(ORDER, Idempotency_Key=KEY).json["order_id"]
    (message,) = service.take_messages()
    service.process(message["Body"])
    assert ann.get(f"/orders/{order_id}").json["status"] == "placed"
    answer = erase(service, order_id, message["Body"])
    assert (answer.status, answer.body) == (204, "")
    return order_id, message["Body"]


def stored(service: Service, order_id: str) -> dict[str, object]:
    key = {"order_id": {"S": order_id}}
    return dict(service.dynamodb.get_item(TableName=service.table, Key=key, ConsistentRead=True)["Item"])


def test_an_erased_order_keeps_no_personal_data(quiet: Service, ann: Caller) -> None:
    order_id, _ = placed_and_erased(quiet, ann)
    tombstone = stored(quiet, order_id)

    assert tombstone.keys() == {"order_id", "status", "version", "updated_at", "correlation_id", "change_id"}
    assert (tombstone["status"], tombstone["version"]) == ({"S": "erased"}, {"N": "2"})


def test_a_late_duplicate_of_the_command_does_not_bring_the_order_back(quiet: Service, ann: Caller) -> None:
    order_id, message = placed_and_erased(quiet, ann)
    tombstone = stored(quiet, order_id)
    quiet.process(message, message)
    quiet.process(message)

    assert stored(quiet, order_id) == tombstone
    assert quiet.take_quarantined() == []
    assert ann.get(f"/orders/{order_id}").status == 410


def test_another_order_under_the_same_id_does_not_bring_an_erased_order_back(quiet: Service, ann: Caller) -> None:
    order_id, message = placed_and_erased(quiet, ann)
    tombstone = stored(quiet, order_id)
    quiet.process(message.replace("ring at", "knock at"))

    assert stored(quiet, order_id) == tombstone


def test_only_its_owner_and_services_learn_that_an_order_was_erased(quiet: Service, ann: Caller) -> None:
    order_id, _ = placed_and_erased(quiet, ann)
    path, shop, bob = f"/orders/{order_id}", quiet.caller("shop", SERVICE), quiet.caller("bob")

    for caller in (ann, shop):
        answer = caller.get(path)
        assert (answer.status, answer.problem) == (410, "gone")
        answer = caller.patch(path, {"note": "x"}, If_Match="*")
        assert (answer.status, answer.problem) == (410, "gone")
    for answer in (bob.get(path), bob.patch(path, {"note": "x"}, If_Match="*"), shop.get(f"{path}?customer_id=bob")):
        assert (answer.status, answer.problem) == (404, "not-found")


def test_the_idempotency_key_of_an_erased_order_makes_no_new_order(quiet: Service, ann: Caller) -> None:
    placed_and_erased(quiet, ann)
    for order in (ORDER, new_order()):
        answer = ann.post(order, Idempotency_Key=KEY)
        assert (answer.status, answer.problem) == (410, "gone")
    assert quiet.take_messages() == []


def test_no_list_shows_an_erased_order(quiet: Service, ann: Caller) -> None:
    order_id, message = placed_and_erased(quiet, ann)
    other = quiet.place(ann, new_order())
    quiet.process(message)
    customer = ann.get(f"/orders/{other}").json["customer_id"]

    for query in ("", "?status=erased", "?status=placed"):
        listed = ann.get(f"/customers/{customer}/orders{query}").json["orders"]
        assert order_id not in {each["order_id"] for each in listed}
    assert quiet.caller("shop", SERVICE).get(f"/customers/{customer}/orders").json["orders"][0]["order_id"] == other


def test_erasing_again_changes_nothing(quiet: Service, ann: Caller) -> None:
    order_id, message = placed_and_erased(quiet, ann)
    assert erase(quiet, order_id, message).status == 204
    assert stored(quiet, order_id)["version"] == {"N": "2"}


def test_an_order_can_be_erased_as_soon_as_it_is_stored(quiet: Service, ann: Caller) -> None:
    order_id = ann.post(ORDER).json["order_id"]
    (message,) = quiet.take_messages()
    answer = erase(quiet, order_id, message["Body"])
    assert (answer.status, answer.problem) == (409, "not-yet-stored")
    assert answer.headers["Retry-After"] == "1"
    quiet.process(message["Body"])
    assert erase(quiet, order_id, message["Body"]).status == 204
