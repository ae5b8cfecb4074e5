"""`migrate write-back`: what changed here is written into the shop's tables, once and in order."""

import pytest

from ordersctl.local import tokens
from testkit.waiting import eventually
from tests.tools.migrate.moving import LEDGER, WRITE_BACK, Moving
from tests.tools.migrate.shop import Shop

pytestmark = pytest.mark.full  # a whole local run, and half a minute


def test_nothing_is_written_back_while_a_follow_runs_that_does_not_know_the_ledger(shop: Shop) -> None:
    shop.json("snapshot")
    following = shop.start("follow")
    shop.sql(LEDGER, "UPDATE orders SET comments = 'followed' WHERE orderNumber = 10100")
    eventually(lambda: shop.order(10100).note == "followed")
    shop.mapping.write_text(shop.mapping.read_text() + WRITE_BACK)
    shop.stage.environment |= {f"ORDERS_WRITE_BACK_{name}": "root" for name in ("HOST", "USER", "PASSWORD")}
    options = ("write-back", "--queue-url", shop.stage.sqs.create_queue(QueueName="none")["QueueUrl"], "--until-empty")
    assert "follow was started before the mapping had this [reverse]" in shop.run(*options).stderr
    shop.stage.killed(following, 0)
    assert shop.run(*options).exit_code == 0


def test_an_event_that_comes_twice_or_late_is_written_once(moving: Moving) -> None:
    shop = moving.shop
    shop.json("verify")
    for status in ("confirmed", "shipped"):
        moving.patch(shop.order_id(10102), "103", status=status)
    events: list[str] = []

    def both_came() -> bool:
        events.extend(shop.stage.bodies(moving.queue_url))
        return len(events) >= 2

    eventually(both_came)
    for body in (events[1], events[0], events[1]):
        shop.stage.sqs.send_message(QueueUrl=moving.queue_url, MessageBody=body)
    counts = shop.json("write-back", "--queue-url", moving.queue_url, "--until-empty")
    assert counts == {"written": 1, "late or repeated": 2}
    assert shop.server.rows("SELECT status FROM orders WHERE orderNumber = 10102", shop.database) == [("Shipped",)]


def test_a_message_that_is_no_event_is_left_in_the_queue_and_those_after_it_are_written(moving: Moving) -> None:
    shop = moving.shop
    hostile = ["[" * 100_000, "no JSON", "[]", "null", '{"subject": 1, "sequence": "1"}', '{"subject": "a"}']
    hostile.append('{"subject": "a", "sequence": "1", "data": {}}')
    sent = [shop.stage.sqs.send_message(QueueUrl=moving.queue_url, MessageBody=body)["MessageId"] for body in hostile]
    moving.patch(shop.order_id(10102), "103", status="confirmed")
    eventually(lambda: shop.stage.depth_of(moving.queue_url) == len(hostile) + 1)
    result = shop.run("write-back", "--queue-url", moving.queue_url, "--until-empty")
    assert result.exit_code == 0, result.output
    assert all(f"Message {each} is no event: it is left in the queue." in result.stderr for each in sent)
    assert shop.server.rows("SELECT status FROM orders WHERE orderNumber = 10102", shop.database) == [("In Process",)]
    assert shop.stage.depth_of(moving.queue_url) == len(hostile)


def test_an_order_that_is_erased_here_is_emptied_in_the_shop(moving: Moving) -> None:
    shop = moving.shop
    moving.patch(shop.order_id(10101), "112", note="personal")
    token = tokens.local_token(subject="admin", scope=tokens.ADMIN_SCOPE)
    answer = moving.api.delete(
        f"/orders/{shop.order_id(10101)}",
        params={"customer_id": "112"},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 204
    eventually(lambda: shop.stage.depth_of(moving.queue_url) == 2)
    shop.json("write-back", "--queue-url", moving.queue_url, "--until-empty")
    rows = shop.server.rows("SELECT status, comments FROM orders WHERE orderNumber = 10101", shop.database)
    assert rows == [("Cancelled", None)]
    assert shop.server.rows("SELECT COUNT(*) FROM orders", shop.database) == [(24,)]
