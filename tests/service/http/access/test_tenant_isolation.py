"""More than a thousand attempts at another customer's orders: nothing is disclosed, nothing is written."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from testkit.api_client import Answer
from testkit.builders import line, new_order
from tests.service.http.callers import ADMIN, CUSTOMER, READER, SERVICE, Caller, Service

ABSENT = "ord_" + "z" * 32
KEYS = [f"key-{number}" for number in range(20)]


@dataclass(frozen=True)
class Victim:
    """A customer with orders in every state that an order can be in."""

    subject: str
    caller: Caller
    order_ids: list[str]
    cursors: list[str]


@pytest.fixture
def victim(quiet: Service) -> Victim:
    subject = f"ann-{uuid.uuid4().hex[:8]}"
    ann, shop, root = quiet.caller(subject), quiet.caller("shop", SERVICE), quiet.caller("root", ADMIN)
    ids = [quiet.place(ann, new_order(note="secret"), Idempotency_Key=key) for key in KEYS]
    for number, status in ((1, "confirmed"), (2, "cancelled")):
        assert shop.patch(f"/orders/{ids[number]}", {"status": status}, If_Match="*").status == 200
    assert root.delete(f"/orders/{ids[3]}?customer_id={subject}").status == 204
    ids.append(ann.post(new_order()).json["order_id"])  # accepted, not stored yet
    path = f"/customers/{subject}/orders?limit=3"
    cursors = [ann.get(path).json["next_cursor"], shop.get(path).json["next_cursor"]]
    return Victim(subject, ann, ids, cursors)


def essence(answer: Answer) -> tuple[Any, ...]:
    """An answer without the parts that differ from request to request."""
    headers = {name: value for name, value in answer.headers.items() if name != "X-Request-Id"}
    document = answer.json if answer.body else {}
    return answer.status, headers, [(name, value) for name, value in document.items() if name != "instance"]


def near(order_id: str) -> list[str]:
    """Ids that look like this one: only the exact id may find the order."""
    spoilt = order_id[:-1] + ("1" if order_id[-1] == "0" else "0")
    return [spoilt, order_id.upper(), order_id + "%20", order_id + "%00", order_id.removeprefix("ord_"), order_id + "0"]


def order_attempts(order_id: str, subject: str) -> Iterator[tuple[str, str, Any, dict[str, str]]]:
    """Every request for one order: method, path, body, headers."""
    path, any_version = f"/orders/{order_id}", {"If_Match": "*"}
    for query in ("", "?customer_id=mallory", f"?customer_id={subject}"):
        yield "GET", path + query, None, {}
        yield "GET", path + query, None, {"If_None_Match": '"1"'}
        yield "GET", path + query, None, {"If_None_Match": "*"}
        yield "PATCH", path + query, {"note": "mine"}, any_version
        yield "PATCH", path + query, {"note": "secret"}, any_version  # the note as it is: changes nothing
        yield "PATCH", path + query, {"note": "mine"}, {"If_Match": '"1"'}
        yield "PATCH", path + query, {"status": "cancelled"}, any_version
        yield "PATCH", path + query, {"status": "shipped"}, any_version
        yield "PATCH", path + query, {"items": []}, any_version
        yield "PATCH", path + query, {"items": [line(quantity=1)]}, {}
        yield "DELETE", path + query, None, {}


def test_every_attempt_at_another_customers_order_is_answered_like_one_at_a_missing_order(
    quiet: Service, victim: Victim
) -> None:
    mallory = quiet.caller("mallory", CUSTOMER)
    missing = [
        essence(mallory.call(method, path, value, **headers))
        for method, path, value, headers in order_attempts(ABSENT, victim.subject)
    ]
    waiting = {message["Body"] for message in quiet.take_messages()}
    before, tries = quiet.items(), 0
    for order_id in victim.order_ids:
        for as_missing, (method, path, value, headers) in zip(
            missing, order_attempts(order_id, victim.subject), strict=True
        ):
            answer = mallory.call(method, path, value, **headers)
            assert essence(answer) == as_missing, (method, path, answer)
            assert answer.status in {403, 404, 422, 428}
            tries += 1
        for spoilt in near(order_id):
            for caller in (mallory, victim.caller):
                assert essence(caller.get(f"/orders/{spoilt}")) == essence(mallory.get(f"/orders/{ABSENT}"))
                tries += 1

    assert tries > 900
    assert quiet.items() == before
    assert quiet.take_messages() == []
    quiet.process(*waiting)


def test_no_customer_lists_another_customers_orders(quiet: Service, victim: Victim) -> None:
    name = f"mallory-{uuid.uuid4().hex[:8]}"
    mallory, reader = quiet.caller(name, CUSTOMER), quiet.caller(name, READER)
    queries = ["", "?limit=100", "?status=placed", "?status=nonsense", "?placed_after=2000-01-01T00:00:00Z"]
    queries += [f"?cursor={cursor}" for cursor in victim.cursors]
    before = quiet.items()
    for caller in (mallory, reader):
        for query in queries:
            theirs = caller.get(f"/customers/{victim.subject}/orders{query}")
            nobodys = caller.get(f"/customers/{uuid.uuid4().hex[:12]}/orders{query}")
            assert (theirs.status, theirs.problem) == (403, "forbidden")
            assert essence(theirs) == essence(nobodys)
        for like in (victim.subject.upper(), f"{victim.subject}%00", f"{victim.subject}%2F..%2Fx", "..", "*"):
            assert caller.get(f"/customers/{like}/orders").status in {400, 403}
        assert caller.get(f"/customers/{name}/orders").json["orders"] == []
    assert quiet.items() == before


def test_a_cursor_serves_no_other_caller_and_no_other_query(quiet: Service, victim: Victim) -> None:
    mallory, bystander = quiet.caller("mallory", CUSTOMER), quiet.caller("other-shop", SERVICE)
    for cursor in victim.cursors:
        for caller, path in (
            (mallory, "/customers/mallory/orders"),
            (bystander, f"/customers/{victim.subject}/orders"),
            (bystander, "/customers/mallory/orders"),
        ):
            answer = caller.get(f"{path}?cursor={cursor}")
            assert (answer.status, answer.problem) == (400, "invalid-cursor")
    own, path = victim.cursors[0], f"/customers/{victim.subject}/orders"
    assert victim.caller.get(f"{path}?cursor={own}").status == 200
    for change in ("status=placed", "placed_after=2000-01-01T00:00:00Z", "placed_before=2100-01-01T00:00:00Z"):
        assert victim.caller.get(f"{path}?cursor={own}&{change}").problem == "invalid-cursor"
    for place in range(len(own)):
        changed = own[:place] + ("A" if own[place] != "A" else "B") + own[place + 1 :]
        assert victim.caller.get(f"{path}?cursor={changed}").problem == "invalid-cursor"


def test_another_customers_idempotency_key_names_an_order_of_the_callers_own(quiet: Service, victim: Victim) -> None:
    quiet.process_all()
    mallory = quiet.caller("mallory", CUSTOMER)
    before = quiet.items()
    for key in KEYS:
        for body in (new_order(note="secret"), new_order(note="another")):
            answer = mallory.post(body, Idempotency_Key=key)
            assert answer.status == 202
            assert "Idempotency-Replayed" not in answer.headers
            assert answer.json["order_id"] not in victim.order_ids
        named = mallory.post(new_order(), f"/orders?customer_id={victim.subject}", Idempotency_Key=key)
        nobody = mallory.post(new_order(), "/orders?customer_id=nobody", Idempotency_Key=key)
        assert (named.status, named.problem) == (403, "forbidden")
        assert essence(named) == essence(nobody)
    commands = [message["Body"] for message in quiet.take_messages()]
    assert len(commands) == 2 * len(KEYS)
    assert all('"customer_id": "mallory"' in command for command in commands)
    assert quiet.items() == before
