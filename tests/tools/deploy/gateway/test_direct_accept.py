"""Direct acceptance without Lambda: the packaged mapping templates are rendered and sent to the engine's SQS."""

import itertools
import json
import re
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx
import pytest

from chalicelib.adapters.order_table import OrderTable
from chalicelib.adapters.queues import DeadLetterQueue
from chalicelib.application import process
from chalicelib.domain import commands, order_ids
from chalicelib.domain.orders import CUSTOMER_ID_PATTERN, NewOrder, Order, parse
from chalicelib.domain.request_context import RequestContext
from chalicelib.http.auth.principal import READ, SERVICE
from ordersctl.client import invoice_file, invoices
from ordersctl.local.engine import deploy
from ordersctl.shared.engine_client import client_options
from ordersctl.shared.project import PROJECT_DIR
from testkit import builders
from testkit.builders import shop_basket
from tests.tools.deploy.gateway.velocity import PLACED_AT, DirectGateway, Reply, queued

KEY = "0F8FAD5B-D9CB-469F-A165-70867728950E"
HOSTILE = [
    '"}, "customer_id": "18000", "x": {"',
    "&Action=PurgeQueue&x=",
    "%22%7D&MessageBody=%7B%7D",
    "$context.authorizer.sub ${key} #set($customer='18000') #end",
    "\\u0022},{",
    "'\"`<>\\/ + %2B",
    "İstanbul 漢字 😀",
    "a+b c%20d=e;f",
]


CUSTOMERS = [
    "auth0|0123", "ann@example.com", "eu-west-1:4f2e", "...", "a.", "x" * 128, "!\"$&'()*+,-.0:;<=>@A[]^_`a{|}~",
    'x"&Action=PurgeQueue', 'x","order_id":"y', "$context.requestId", "${hex}", "$util.urlEncode($key)",
]  # fmt: skip
NO_CUSTOMERS = [".", "..", "x" * 129, "a b", "a/b", "a\\b", "a#b", "a?b", "a%b", "a%2Fb", "ä", "a\n", "a\x00b", "%22"]


@pytest.fixture(scope="module")
def outputs(engine_url: str) -> dict[str, str]:
    return deploy(engine_url, stage="direct")


@pytest.fixture(scope="module")
def sqs(engine_url: str) -> Any:
    return boto3.client("sqs", **client_options(engine_url))


@pytest.fixture(scope="module")
def url(sqs: Any, outputs: dict[str, str]) -> str:
    return str(sqs.get_queue_url(QueueName=outputs["OrderQueueUrl"].rpartition("/")[2])["QueueUrl"])


@pytest.fixture
def gateway(template: dict[str, Any], url: str, sqs: Any) -> Iterator[DirectGateway]:
    with httpx.Client(timeout=30, trust_env=False) as http:
        yield DirectGateway.of(template, url, http)
    sqs.purge_queue(QueueUrl=url)


def order(**changes: Any) -> str:
    return json.dumps(builders.new_order(**changes))


def problem(reply: Reply) -> tuple[int, str]:
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.json["status"] == reply.status
    return reply.status, reply.json["type"].removeprefix("urn:problem:orders:")


def test_an_order_is_queued_as_by_lambda_and_the_client_gets_its_location(gateway: DirectGateway, sqs: Any) -> None:
    reply = gateway.post(order(), KEY)
    order_id = "ord_0f8fad5bd9cb469fa16570867728950e"
    assert (reply.status, reply.json) == (202, {"order_id": order_id, "status": "accepted"})
    assert reply.headers["Location"] == f"/prod/orders/{order_id}"
    assert reply.headers["Retry-After"] == "1"
    (envelope,) = queued(gateway, sqs)
    assert envelope == builders.command(
        order_id=order_id, placed_at=PLACED_AT, order=builders.new_order(), revision=commands.REVISION
    )
    assert commands.decode(json.dumps(envelope)).order_id == order_id
    assert order_ids.is_well_formed(order_id)


@pytest.mark.parametrize(
    ("who", "placed_by"),
    [({"sub": "17850"}, "customer"), ({"sub": "shop", "scope": SERVICE, "query": {"customer_id": "17850"}}, "service")],
)
def test_with_checked_prices_an_order_says_who_placed_it(
    template: dict[str, Any], url: str, sqs: Any, who: dict[str, Any], placed_by: str
) -> None:
    with httpx.Client(timeout=30, trust_env=False) as http:
        gateway = DirectGateway.of(template, url, http, with_checked_prices=True)
        assert gateway.post(order(), KEY, **who).status == 202
        (envelope,) = queued(gateway, sqs)
    assert commands.decode(json.dumps(envelope)).placed_by == placed_by


def test_a_service_places_for_a_customer_and_the_location_names_the_customer(gateway: DirectGateway, sqs: Any) -> None:
    reply = gateway.post(order(), KEY, query={"customer_id": "18000"}, sub="shop", scope=SERVICE)
    assert reply.status == 202
    assert reply.headers["Location"].endswith("?customer_id=18000")
    assert [each["customer_id"] for each in queued(gateway, sqs)] == ["18000"]


@pytest.mark.parametrize("key", ["", "not a uuid", KEY + "0", KEY.replace("-", ""), KEY + "&Action=PurgeQueue"])
def test_a_key_that_is_not_a_uuid_is_refused(key: str, gateway: DirectGateway, sqs: Any) -> None:
    assert problem(gateway.post(order(), key)) == (400, "invalid-parameter")
    assert queued(gateway, sqs) == []


def test_a_missing_key_is_refused(gateway: DirectGateway, sqs: Any) -> None:
    assert problem(gateway.post(order())) == (400, "invalid-parameter")
    assert queued(gateway, sqs) == []


@pytest.mark.parametrize("name", ["idempotency-key", "IDEMPOTENCY-KEY"])
def test_the_key_is_a_header_in_any_case(name: str, gateway: DirectGateway, sqs: Any) -> None:
    reply = gateway.post(order(), headers={name: KEY})
    order_id = "ord_0f8fad5bd9cb469fa16570867728950e"
    assert (reply.status, reply.headers["Location"]) == (202, f"/prod/orders/{order_id}")
    assert [each["order_id"] for each in queued(gateway, sqs)] == [order_id]


def test_a_key_in_the_query_string_is_no_key(gateway: DirectGateway, sqs: Any) -> None:
    other = str(uuid.UUID(int=1))
    assert problem(gateway.post(order(), query={"Idempotency-Key": other})) == (400, "invalid-parameter")
    assert gateway.post(order(), KEY, query={"Idempotency-Key": other}).json["order_id"].startswith("ord_0f8fad5b")
    assert len(queued(gateway, sqs)) == 1


def test_a_header_names_no_customer(gateway: DirectGateway, sqs: Any) -> None:
    reply = gateway.post(order(), KEY, headers={"customer_id": "18000"}, sub="shop", scope=SERVICE)
    assert problem(reply) == (400, "customer-required")
    assert queued(gateway, sqs) == []


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "[]", "null", order(items=[]), order(total=1), order(currency="XXX"),
        order(items=[builders.line(quantity=0)]), order(items=[builders.line(quantity="1")]),
        order(adjustments=[{"type": "discount", "amount": 1}]), order(metadata={"": "x"}), order(metadata={"a": 1}),
        order(metadata={"a" * 41: "x"}), order(contact={"email": "ann"}), order(adjustments=[{"type": "tax"}] * 2),
        order(items=[builders.line(unit_price=0.5)]), order(items=[builders.line(sku="")]),
        order(note="x" * 2_001), order() + ', "customer_id": "18000"',
    ],
)  # fmt: skip
def test_a_body_that_is_not_an_order_is_refused_by_the_model(body: str, gateway: DirectGateway, sqs: Any) -> None:
    assert gateway.post(body, KEY).body == "BAD_REQUEST_BODY"
    assert queued(gateway, sqs) == []


@pytest.mark.parametrize("sub", ["null", "None", "TRUE", "false", "1.0", "-1.5", "1.0E7", "[]", "{}", "<nil>", ""])
def test_a_cognito_claim_that_is_not_a_valid_customer_id_names_no_customer(
    sub: str, template: dict[str, Any], url: str, sqs: Any
) -> None:
    with httpx.Client(timeout=30, trust_env=False) as http:
        gateway = DirectGateway.of(template, url, http, with_cognito=True)
        assert problem(gateway.post(order(), KEY, sub=sub)) == (403, "forbidden")
        assert queued(gateway, sqs) == []
        assert gateway.post(order(), KEY, sub="17850").status == 202
        assert [each["customer_id"] for each in queued(gateway, sqs)] == ["17850"]


def test_the_built_in_authorizer_decides_which_texts_are_customer_ids(gateway: DirectGateway, sqs: Any) -> None:
    assert problem(gateway.post(order(), KEY, sub="")) == (403, "forbidden")
    assert gateway.post(order(), KEY, sub="null").status == 202  # a text in the token
    assert [each["customer_id"] for each in queued(gateway, sqs)] == ["null"]


@pytest.mark.parametrize(
    ("claims", "named", "expected"),
    [
        ({"scope": READ}, {}, (403, "forbidden")),
        ({"scope": ""}, {}, (403, "forbidden")),
        ({}, {"customer_id": "18000"}, (403, "forbidden")),
        ({"scope": SERVICE}, {}, (400, "customer-required")),
        *(({"scope": SERVICE}, {"customer_id": each}, (403, "forbidden")) for each in NO_CUSTOMERS),
        *(({"sub": each}, {}, (403, "forbidden")) for each in NO_CUSTOMERS if each),
    ],
)
def test_a_caller_who_may_not_place_orders_is_refused(
    claims: dict[str, Any], named: dict[str, str], expected: tuple[int, str], gateway: DirectGateway, sqs: Any
) -> None:
    assert problem(gateway.post(order(), KEY, query=named, **claims)) == expected
    assert queued(gateway, sqs) == []


@pytest.mark.parametrize("customer", CUSTOMERS)
def test_an_order_is_that_customers_whatever_is_in_the_id(customer: str, gateway: DirectGateway, sqs: Any) -> None:
    named = gateway.post(order(), KEY, query={"customer_id": customer}, sub="shop", scope=SERVICE)
    assert parse_qs(urlsplit(named.headers["Location"]).query)["customer_id"] == [customer]
    gateway.post(order(), KEY, sub=customer)
    envelopes = queued(gateway, sqs)
    assert [each["customer_id"] for each in envelopes] == [customer, customer]
    assert [commands.decode(json.dumps(each)).customer_id for each in envelopes] == [customer, customer]


def test_customer_ids_are_those_of_the_api() -> None:
    assert all(re.fullmatch(CUSTOMER_ID_PATTERN, each) for each in CUSTOMERS)
    assert not any(re.fullmatch(CUSTOMER_ID_PATTERN, each) for each in NO_CUSTOMERS)


def test_a_body_that_is_too_large_is_refused(gateway: DirectGateway, sqs: Any) -> None:
    body = order(items=[builders.line(name="x" * 200)] * 1_000)
    assert problem(gateway.post(body, KEY)) == (413, "content-too-large")
    assert queued(gateway, sqs) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_can_change_another_field(text: str, gateway: DirectGateway, sqs: Any) -> None:
    line = builders.line(sku=text[:64], name=text)
    posted = builders.new_order(
        items=[line], note=text, reference=text[:64], shipping_address=builders.ADDRESS | {"name": text, "line1": text}
    )
    assert gateway.post(json.dumps(posted), KEY).status == 202
    (envelope,) = queued(gateway, sqs)
    assert envelope["order"] == posted
    assert envelope["customer_id"] == builders.CUSTOMER
    assert set(envelope) == {*builders.command(), "revision"}


def test_with_the_queue_down_no_order_is_accepted(gateway: DirectGateway) -> None:
    gateway.queue_url += "-that-is-not-there"
    reply = gateway.post(order(), KEY)
    assert problem(reply) == (503, "unavailable")
    assert reply.headers["Retry-After"] == "1"


def test_the_basket_of_a_shop_is_the_same_order_either_way(gateway: DirectGateway, sqs: Any) -> None:
    assert gateway.post(json.dumps(shop_basket()), KEY).status == 202
    (envelope,) = queued(gateway, sqs)
    new = parse(NewOrder, shop_basket(), now=PLACED_AT)
    context = RequestContext(PLACED_AT, "request-1")
    by_lambda = commands.encode(new, order_id=envelope["order_id"], customer_id=builders.CUSTOMER, context=context)
    direct, other = (process.order_of(commands.decode(each)) for each in (json.dumps(envelope), by_lambda))
    assert (direct, direct.status) == (other, "placed")


@pytest.mark.full  # ten seconds; the other tests here place orders by the same template
def test_five_hundred_real_orders_end_as_they_do_through_lambda(
    gateway: DirectGateway, sqs: Any, engine_url: str, outputs: dict[str, str]
) -> None:
    options = client_options(engine_url)
    table = OrderTable(boto3.client("dynamodb", **options), outputs["OrderTable"])
    dead_letters = DeadLetterQueue(sqs, outputs["OrderDeadLetterQueueUrl"])
    rows = invoice_file.read((PROJECT_DIR / "tests" / "data" / "online-retail-cut.csv").read_bytes()).invoices
    judged = [invoices.judge(name, each, currency="GBP", guest="guest") for name, each in rows.items()]
    real = [each for each in judged if isinstance(each, invoices.Placeable)]
    posted = {}
    for number, each in zip(range(500), itertools.cycle(real), strict=False):
        key = str(uuid.UUID(int=number))
        reply = gateway.post(json.dumps(each.order), key, sub=each.customer_id)
        assert reply.status == 202
        posted[reply.json["order_id"]] = each
    for envelope in queued(gateway, sqs):
        process.process_message(json.dumps(envelope), "m", table=table, prices=None, dead_letters=dead_letters)
    for order_id, each in posted.items():
        through_lambda = commands.encode(
            parse(NewOrder, each.order),
            order_id=order_id,
            customer_id=each.customer_id,
            context=RequestContext(PLACED_AT, "request-1"),
        )
        stored = table.get(order_id)
        assert isinstance(stored, Order)
        assert stored == process.order_of(commands.decode(through_lambda))
    assert len(posted) == 500


def test_persons_who_share_an_id_do_not_wait_for_each_other(
    template: dict[str, Any], url: str, sqs: Any, outputs: dict[str, str]
) -> None:
    """As OrderQueue.send: no message group for guests, the customer's own for everyone else."""
    assert outputs
    customers = ["guest", "gues", "guest2", "market-7", "17850"]
    with httpx.Client(timeout=30, trust_env=False) as http:
        gateway = DirectGateway.of(template, url, http, spread_customers="guest=4:people,market-7=8")
        for customer in customers:
            assert gateway.post(order(), KEY, sub=customer).status == 202
    groups = {}
    for _ in customers:
        (message,) = sqs.receive_message(QueueUrl=url, MessageSystemAttributeNames=["MessageGroupId"])["Messages"]
        customer = json.loads(message["Body"])["customer_id"]
        groups[customer] = message.get("Attributes", {}).get("MessageGroupId")
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert groups == {"guest": None, "gues": "gues", "guest2": "guest2", "market-7": "market-7", "17850": "17850"}
