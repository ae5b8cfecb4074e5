"""Commands: decoding gives what was encoded, and any other message is poison."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain import commands, orders
from chalicelib.domain.errors import Fault, Poison
from chalicelib.domain.orders import NewOrder
from chalicelib.domain.request_context import PlacedBy, RequestContext
from testkit.builders import ADDRESS, CUSTOMER, NOW, ORDER_ID, command, line, new_order
from tests.unit.strategies import new_orders

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@given(new=new_orders())
def test_a_command_comes_back_as_it_was_sent(new: NewOrder) -> None:
    body = commands.encode(new, order_id=ORDER_ID, customer_id=CUSTOMER, context=RequestContext(NOW, "request-1"))
    read = commands.decode(body)
    assert (read.order_id, read.customer_id, read.placed_at) == (ORDER_ID, CUSTOMER, NOW)
    assert (read.type, read.version, read.correlation_id) == ("PlaceOrder", 1, "request-1")
    again = orders.parse(NewOrder, read.order)
    assert again == new
    assert orders.fingerprint(again) == orders.fingerprint(new)


def test_the_envelope_on_the_queue_is_the_published_one() -> None:
    new = orders.parse(NewOrder, new_order())
    body = commands.encode(new, order_id=ORDER_ID, customer_id=CUSTOMER, context=RequestContext(NOW, "request-1"))
    assert json.loads(body) == command()


def test_an_envelope_may_hold_any_order_as_it_is_validated_later() -> None:
    assert commands.decode(json.dumps(command(order={"nonsense": [1]}))).order == {"nonsense": [1]}


POISON: list[Any] = [
    "",
    " ",
    "no JSON",
    "null",
    "[]",
    '"PlaceOrder"',
    "{}",
    '{"a":',
    "\ufeff{}",
    "[" * 100_000,
    json.dumps(command())[:-1],
    json.dumps(command()) + "x",
    json.dumps(command(order=float("nan"))),
    '{"order": ' + "9" * 5_000 + "}",
    '{"order": "\\ud800"}',
    command(type="CancelOrder"),
    command(type="placeOrder"),
    command(version=0),
    command(version=2.5),
    command(version="1"),
    command(order_id="ord_1"),
    command(order_id=ORDER_ID + "\n"),
    command(order_id=None),
    command(customer_id=""),
    command(customer_id="a" * 129),
    command(customer_id="a b"),
    command(customer_id=17850),
    command(placed_at="2026-01-31"),
    command(placed_at="2026-01-31T12:00:00Z"),
    command(placed_at="2026-01-31T12:00:00.000+00:00"),
    command(placed_at=1769860800),
    command(correlation_id=""),
    command(correlation_id="a b"),
    command(correlation_id="a" * 129),
    command(surplus=1),
    *(
        {name: value for name, value in command().items() if name != missing}
        for missing in ("order_id", "customer_id", "placed_at", "correlation_id", "order")
    ),
]


@pytest.mark.parametrize("body", POISON, ids=lambda body: str(body)[:40])
def test_any_other_message_is_poison(body: Any) -> None:
    with pytest.raises(Poison):
        commands.decode(body if isinstance(body, str) else json.dumps(body))


@pytest.mark.parametrize(
    "body", [command(version=2), command(revision=commands.REVISION + 1), {"version": 2}, command(version=10**30)]
)
def test_an_envelope_of_a_newer_release_is_not_poison(body: Any) -> None:
    with pytest.raises(Fault, match="newer release"):
        commands.decode(json.dumps(body))


def test_an_order_gets_the_lowest_revision_that_can_carry_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The release before then reads every order that uses nothing new. Revision 1 is not named: 0.1.0 refuses it."""
    needs = {2: lambda order, _: order.note is not None, 3: lambda order, _: order.reference is not None}
    monkeypatch.setattr(commands, "NEEDS", needs)

    def revision_of(**sent: Any) -> int | None:
        new = orders.parse(NewOrder, new_order(**sent))
        body = commands.encode(new, order_id=ORDER_ID, customer_id=CUSTOMER, context=RequestContext(NOW, "request-1"))
        revision: int | None = json.loads(body).get("revision")
        return revision

    assert revision_of() is None
    assert revision_of(note="n") == 2
    assert revision_of(note="n", reference="r") == revision_of(reference="r") == 3


def encoded(*, customer_id: str = CUSTOMER, by: PlacedBy | None = None, trace: str | None = None, **sent: Any) -> str:
    new, context = orders.parse(NewOrder, new_order(**sent)), RequestContext(NOW, "request-1", trace)
    return commands.encode(new, order_id=ORDER_ID, customer_id=customer_id, context=context, placed_by=by)


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"note": "X" * 1_000},
        {"items": [line(name="X" * 200)]},
        {"shipping_address": ADDRESS},
        {"customer_id": "A" * 64},
        {"trace": TRACE},
    ],
    ids=str,
)
def test_what_revision_1_reads_is_sent_as_revision_1(sent: dict[str, Any]) -> None:
    assert "revision" not in json.loads(encoded(**sent))


@pytest.mark.parametrize(
    "sent",
    [
        {"metadata": {"gift": "yes"}},
        {"billing_address": ADDRESS},
        {"contact": {"email": "ann@example.com"}},
        {"ordered_at": NOW},
        {"adjustments": [{"type": "shipping", "amount": 500}]},
        {"shipping_address": ADDRESS | {"company": "Lee Ltd"}},
        {"shipping_address": ADDRESS | {"phone": "+441130000000"}},
        {"shipping_address": ADDRESS | {"country": "XK"}},
        {"note": "n" * 1_001},
        {"note": "two\nlines"},
        {"note": "a\ttab"},
        {"items": [line(), line(name="n" * 201)]},
        {"customer_id": "auth0|17850"},
        {"customer_id": "a" * 65},
        {"by": "customer"},
        {"by": "service"},
    ],
    ids=str,
)
def test_what_revision_1_refuses_is_sent_as_revision_2(sent: dict[str, Any]) -> None:
    assert json.loads(encoded(**sent))["revision"] == 2


def test_a_command_says_who_placed_the_order_and_in_which_trace() -> None:
    read = commands.decode(encoded(by="service", trace=TRACE))
    assert (read.placed_by, read.traceparent) == ("service", TRACE)
    neither = commands.decode(encoded())
    assert (neither.placed_by, neither.traceparent) == (None, None)


@pytest.mark.parametrize("placed_at", ["\N{FULLWIDTH DIGIT TWO}026-01-31T12:00:00.000Z", "2026-13-31T12:00:00.000Z"])
def test_a_time_that_does_not_exist_is_poison(placed_at: str) -> None:
    """Its order would be sorted and filtered wrongly."""
    with pytest.raises(Poison):
        commands.decode(json.dumps(command(placed_at=placed_at)))


def test_the_reason_names_the_error_and_never_repeats_the_content() -> None:
    with pytest.raises(Poison) as caught:
        commands.decode(json.dumps(command(customer_id="Ann Lee, 1 High Street")))
    assert str(caught.value) == "not a command envelope: customer_id: string_pattern_mismatch"


def test_the_reason_names_five_members_at_most_and_none_that_a_sender_made_up() -> None:
    with pytest.raises(Poison) as caught:
        commands.decode(json.dumps({"Ann Lee": 1, "order": {}}))
    expected = ["order_id: missing", "customer_id: missing", "placed_at: missing", "correlation_id: missing"]
    assert str(caught.value) == f"not a command envelope: {'; '.join(expected)}; ?: extra_forbidden"
    with pytest.raises(Poison) as caught:
        commands.decode(json.dumps(dict.fromkeys(["Ann", "Lee"], 1)))
    assert str(caught.value) == f"not a command envelope: {'; '.join(expected)}; order: missing"
    with pytest.raises(Poison, match=r"^not JSON$"):
        commands.decode("Ann Lee")


@given(text=st.text(max_size=200))
def test_random_text_is_poison(text: str) -> None:
    with pytest.raises(Poison):
        commands.decode(text)
