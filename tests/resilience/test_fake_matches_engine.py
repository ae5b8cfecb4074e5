"""The fake AWS and the embedded engine: the same script gets the same answers."""

import random
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from chalicelib.adapters import order_items
from chalicelib.domain.parts import Address
from ordersctl.local.engine import deploy
from ordersctl.shared.engine_client import client_options
from testkit.builders import ADDRESS, an_order
from testkit.fake_aws.clients import FakeClient
from testkit.fake_aws.faults import FaultInjection
from testkit.fake_aws.lambda_ import FakeAws
from testkit.waiting import eventually

Clients = dict[str, Any]
Names = dict[str, str]


def outcome(call: Callable[..., Any], *kept: str, **arguments: Any) -> Any:
    """The named parts of a call's answer, or its error's code and the old item."""
    try:
        answer = call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"].rsplit(".", 1)[-1], error.response.get("Item")
    return {name: answer.get(name) for name in kept}


def puts(clients: Clients, names: Names) -> list[Any]:
    """The conditions of the service's writes, met and not met."""
    placed = an_order(order_id="ord_" + "a" * 32, new={"note": "ü"})
    noted = placed.model_copy(update={"version": 2, "note": "other"})
    shared = {"TableName": names["OrderTable"], "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    absent = {**shared, "ConditionExpression": "attribute_not_exists(order_id)"}
    seen_1 = {**shared, "ConditionExpression": "version = :seen", "ExpressionAttributeValues": {":seen": {"N": "1"}}}
    put = clients["dynamodb"].put_item
    read = {"TableName": names["OrderTable"], "Key": order_items.key(placed.order_id), "ConsistentRead": True}
    return [
        outcome(put, Item=order_items.to_item(noted), **seen_1),
        outcome(put, Item=order_items.to_item(placed), **absent),
        outcome(put, Item=order_items.to_item(noted), **absent),
        outcome(put, Item=order_items.to_item(placed), **{**absent, "ReturnValuesOnConditionCheckFailure": "NONE"}),
        outcome(put, Item=order_items.to_item(noted), **seen_1),
        outcome(put, Item=order_items.to_item(noted), **seen_1),
        outcome(
            put, Item=order_items.to_item(noted), TableName=names["OrderTable"]
        ),  # the same item again: no stream record
        outcome(clients["dynamodb"].get_item, "Item", **read),
        outcome(clients["dynamodb"].get_item, "Item", **{**read, "Key": order_items.key("none")}),
        *[
            outcome(clients["dynamodb"].query, "Items", "ScannedCount", **one_of(names, order_id, customer_id))
            for order_id in (placed.order_id, "none")
            for customer_id in (placed.customer_id, "another")
        ],
    ]


def batches(clients: Clients, names: Names) -> list[Any]:
    """Items by their keys, of which one is not there."""
    table = names["OrderTable"]
    ids = ["ord_" + letter * 32 for letter in "cde"]
    for order_id in ids:
        clients["dynamodb"].put_item(TableName=table, Item=order_items.to_item(an_order(order_id=order_id)))
    keys = [order_items.key(order_id) for order_id in (*ids, "none")]
    answer = clients["dynamodb"].batch_get_item(RequestItems={table: {"Keys": keys, "ConsistentRead": True}})
    found = sorted(answer["Responses"][table], key=lambda item: str(item["order_id"]))
    return [found, answer["UnprocessedKeys"]]


def one_of(names: Names, order_id: str, customer_id: str) -> dict[str, Any]:
    """A query for an order, if it is this customer's."""
    return {
        "TableName": names["OrderTable"],
        "KeyConditionExpression": "#order = :order",
        "FilterExpression": (
            "#customer = :customer OR begins_with(#customer, :further) OR attribute_not_exists(#customer)"
        ),
        "ExpressionAttributeNames": {"#order": order_items.ORDER_ID, "#customer": order_items.CUSTOMER_ID},
        "ExpressionAttributeValues": {
            ":order": {"S": order_id},
            ":customer": {"S": customer_id},
            ":further": {"S": order_items.first_of_further_keys(customer_id)},
        },
        "ConsistentRead": True,
    }


def updates(clients: Clients, names: Names) -> list[Any]:
    """A change of an order, of attributes at two depths; refused; and with unknown attributes beside."""
    placed = an_order(order_id="ord_" + "u" * 32, new={"note": "ü", "shipping_address": ADDRESS})
    city = ADDRESS | {"city": "York", "line2": "Flat 2", "postal_code": None}
    address = Address.model_validate(city)
    moved = placed.model_copy(update={"version": 2, "note": None, "shipping_address": address})
    change = order_items.update(placed, moved, {"change_id": {"S": "a"}})
    change["ExpressionAttributeValues"][":seen"] = {"N": "1"}
    shared = {"TableName": names["OrderTable"], "Key": order_items.key(placed.order_id), **change}
    if_unchanged = {"ConditionExpression": "version = :seen", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    item = order_items.to_item(placed) | {"unknown": {"S": "kept"}}
    item["shipping_address"]["M"]["door_code"] = {"S": "1234"}
    update = clients["dynamodb"].update_item
    clients["dynamodb"].put_item(TableName=names["OrderTable"], Item=item)
    read = {"TableName": names["OrderTable"], "Key": order_items.key(placed.order_id), "ConsistentRead": True}
    return [
        outcome(update, **shared, **if_unchanged),
        outcome(clients["dynamodb"].get_item, "Item", **read),
        outcome(update, **shared, **if_unchanged),
        outcome(update, **{**shared, "Key": order_items.key("none")}, **if_unchanged),
    ]


def lists(clients: Clients, names: Names) -> list[Any]:
    """Pages of one customer's orders, with a range and a filter."""
    for number in range(5):
        order = an_order(
            order_id=f"ord_{number}" + "b" * 31,
            customer_id="lister",
            placed_at=f"2026-01-0{number + 1}T00:00:00.000Z",
            new={"note": "not in the index", "metadata": {"not": "either"}},
        )
        clients["dynamodb"].put_item(TableName=names["OrderTable"], Item=order_items.to_item(order))
    query: dict[str, Any] = {
        "TableName": names["OrderTable"],
        "IndexName": order_items.INDEX,
        "KeyConditionExpression": "#customer = :customer",
        "ExpressionAttributeNames": {"#customer": order_items.CUSTOMER_ID},
        "ExpressionAttributeValues": {":customer": {"S": "lister"}},
        "ScanIndexForward": False,
        "Limit": 2,
    }
    found: list[Any] = []
    for _ in range(3):
        answer = clients["dynamodb"].query(**query)
        found.append({name: answer.get(name) for name in ("Items", "ScannedCount", "LastEvaluatedKey")})
        query["ExclusiveStartKey"] = answer.get("LastEvaluatedKey")
    del query["ExclusiveStartKey"]
    query["ExpressionAttributeNames"]["#placed"] = order_items.PLACED_KEY
    query["KeyConditionExpression"] += " AND #placed BETWEEN :from AND :to"
    query["ExpressionAttributeValues"] |= {":from": {"S": "2026-01-02"}, ":to": {"S": "2026-01-04"}}
    found.append(outcome(clients["dynamodb"].query, "Items", "ScannedCount", **query))
    query["ExpressionAttributeNames"]["#status"] = order_items.STATUS
    query["ExpressionAttributeValues"][":status"] = {"S": "cancelled"}
    found.append(
        outcome(clients["dynamodb"].query, "Items", **{**query, "FilterExpression": "#status = :status", "Limit": 9})
    )
    return found


def topics(clients: Clients, names: Names) -> list[Any]:
    """PublishBatch within its limit of entries, and beyond it."""
    entries = [{"Id": str(number), "Message": f"event {number}"} for number in range(11)]
    publish, topic = clients["sns"].publish_batch, names["EventTopicArn"]
    whole = outcome(publish, "Successful", "Failed", TopicArn=topic, PublishBatchRequestEntries=entries[:10])
    beyond = outcome(publish, TopicArn=topic, PublishBatchRequestEntries=entries)
    return [[each["Id"] for each in whole["Successful"]], whole["Failed"] or [], beyond]


@pytest.fixture(scope="module")
def names(engine_url: str) -> Names:
    return deploy(engine_url, stage="fake")


@pytest.fixture
def engine(engine_url: str) -> Clients:
    client: Any = boto3.client  # its stubs know each service by its literal name only
    services = ("dynamodb", "dynamodbstreams", "sns", "sqs")
    return {service: client(service, **client_options(engine_url)) for service in services}


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws(FaultInjection(random.Random(1)))


@pytest.fixture
def fake(aws: FakeAws) -> Clients:
    def call(_client: FakeClient, operation: str, arguments: dict[str, Any]) -> Any:
        return aws.perform(operation, arguments)

    return {service: FakeClient(service, 1, call) for service in ("dynamodb", "sns", "sqs")}


def test_conditional_writes_get_the_engine_s_answers(engine: Clients, fake: Clients, names: Names) -> None:
    assert puts(fake, names) == puts(engine, names)
    assert batches(fake, names) == batches(engine, names)


def test_updates_get_the_engine_s_answers(engine: Clients, fake: Clients, names: Names) -> None:
    assert updates(fake, names) == updates(engine, names)


def test_lists_get_the_engine_s_answers(engine: Clients, fake: Clients, names: Names) -> None:
    assert lists(fake, names) == lists(engine, names)


def test_publishing_gets_the_engine_s_answers(engine: Clients, fake: Clients, names: Names) -> None:
    assert topics(fake, names) == topics(engine, names)


def test_the_stream_has_the_engine_s_records(engine: Clients, fake: Clients, aws: FakeAws, names: Names) -> None:
    table = {**names, "OrderTable": "orders-fake-stream"}
    deploy_table(engine, table["OrderTable"])
    for clients in (engine, fake):
        puts(clients, table)
        updates(clients, table)
    arn = engine["dynamodb"].describe_table(TableName=table["OrderTable"])["Table"]["LatestStreamArn"]
    (shard,) = engine["dynamodbstreams"].describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    start = engine["dynamodbstreams"].get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = engine["dynamodbstreams"].get_records(ShardIterator=start)["Records"]
    assert [images(record) for record in aws.table.records] == [images(record) for record in records]


def deploy_table(engine: Clients, name: str) -> None:
    engine["dynamodb"].create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": "order_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "order_id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )


def images(record: Any) -> Any:
    return record["eventName"], {name: record["dynamodb"].get(name) for name in ("Keys", "OldImage", "NewImage")}


def test_a_message_becomes_a_dead_letter_after_as_many_receives_as_in_the_engine(engine: Clients, aws: FakeAws) -> None:
    sqs = engine["sqs"]
    dead_letters = sqs.create_queue(QueueName="fake-dead-letters")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead_letters, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": "3"}}'
    attributes = {"VisibilityTimeout": "0", "RedrivePolicy": policy}
    url = sqs.create_queue(QueueName="fake-queue", Attributes=attributes)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="never done", MessageGroupId="anna")
    received = 0
    while sqs.receive_message(QueueUrl=url).get("Messages"):
        received += 1
    eventually(lambda: sqs.receive_message(QueueUrl=dead_letters, VisibilityTimeout=0).get("Messages"))

    aws.order_queue.send("never done", {}, "anna")
    received_from_fake = 0
    while aws.order_queue.receive(1000.0 * received_from_fake, 1):
        received_from_fake += 1
    assert (received_from_fake, [message.body for message in aws.order_dlq.messages]) == (received, ["never done"])


def test_a_deleted_message_is_not_received_as_in_the_engine(engine: Clients, fake: Clients, aws: FakeAws) -> None:
    url = engine["sqs"].create_queue(QueueName="fake-deletes", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    engine["sqs"].send_message(QueueUrl=url, MessageBody="one")
    (message,) = engine["sqs"].receive_message(QueueUrl=url)["Messages"]
    aws.order_queue.send("one", {})
    (other,) = aws.order_queue.receive(0, 1)

    def deleted(client: Any, url: str, handle: str) -> Any:
        answer = client.delete_message_batch(QueueUrl=url, Entries=[{"Id": "0", "ReceiptHandle": handle}])
        return answer.get("Failed") or []

    assert deleted(fake["sqs"], "https://sqs.invalid/orders", other.handle) == []
    assert deleted(engine["sqs"], url, message["ReceiptHandle"]) == []
    assert aws.order_queue.receive(1000, 1) == engine["sqs"].receive_message(QueueUrl=url).get("Messages", []) == []
