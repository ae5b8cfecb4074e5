"""Overload: bounded calls, bounded time, nothing lost; and a noisy customer does not starve a quiet one."""

import random
from typing import Any

import pytest

from testkit.fake_aws.faults import NO_ANSWER, NO_FAULTS, THROTTLED
from testkit.fake_aws.lambda_ import Container
from testkit.fake_aws.repeatable import repeatable
from testkit.fake_aws.services import Message, Queue
from tests.resilience.history.checker import check
from tests.resilience.history.evidence import Evidence
from tests.resilience.scenarios import ADMIN, Client, Request, Scenario, new_order
from tests.resilience.simulation import SimulationRun
from tests.resilience.stream_mapping import MappingSettings

FOREVER = 1e12


def posting(customer: str, name: str, tries: int = 1) -> Scenario:
    """Post an order under a key; after a 503 or no answer again, `tries` times at most."""
    for _ in range(tries):
        body = new_order(random.Random(name), name)
        answer = yield Request("POST", "/orders", customer, body=body, headers={"Idempotency-Key": name})
        if not answer.is_unclear:
            return


def accepted_before() -> SimulationRun:
    """A run without faults, in which each of 40 clients has sent one request."""
    run = SimulationRun(1, odds=NO_FAULTS)
    Container(run.aws)
    run.clients = [Client(posting("anna", f"before-{number}")) for number in range(40)]
    for client in run.clients:
        run.advance(client)
    return run


def burst(outages: dict[str, tuple[float, str]], orders: int = 100) -> tuple[SimulationRun, Evidence, int]:
    """Clients place orders during outages and again after them; also returns the attempts during the outages."""
    with repeatable(1):
        run = accepted_before()
        run.aws.attempts = 0
        run.aws.faults.outages = outages
        run.clients = [Client(posting("anna", f"order-{number}", tries=400)) for number in range(orders)]
        for client in run.clients:
            run.advance(client)
        for _ in range(4):
            run.queue_turn(10)
        attempts = run.aws.attempts
        return run, run.come_to_rest(), attempts


@pytest.mark.parametrize("how", [THROTTLED, NO_ANSWER])
def test_while_the_queue_is_down_posts_are_answered_503_and_are_accepted_later(how: str) -> None:
    _, evidence, _ = burst({"sqs": (FOREVER, how)})
    assert {(each["status"], each["retry_after"]) for each in evidence.history[40:140]} == {(503, "1")}
    assert not check(evidence)
    assert len(evidence.table) == 140


def test_while_the_table_is_throttled_orders_are_accepted() -> None:
    _, evidence, _ = burst({"dynamodb": (FOREVER, THROTTLED)})
    assert {each["status"] for each in evidence.history[:140]} == {202}
    assert not check(evidence)
    assert len(evidence.table) == 140


def sent(run: SimulationRun, request: Request) -> tuple[int | None, Any]:
    """A request without faults: its status and body."""

    def scenario() -> Scenario:
        yield request

    run.advance(Client(scenario()))
    return run.history[-1].status, run.history[-1].body


def posted_while_the_table_is_slow(run: SimulationRun, request: Request) -> tuple[int | None, Any]:
    """A post, months after the first one, which the table does not answer."""
    run.aws.now += 90 * 86_400
    run.aws.faults.outages, run.aws.attempts = {"dynamodb": (FOREVER, NO_ANSWER)}, 0
    answer = sent(run, request)
    assert run.aws.attempts == 2  # one of the table, for 300 ms at most, and the queue's
    return answer


def test_the_key_of_an_erased_order_places_nothing_though_the_table_is_slow() -> None:
    """202 in place of 410 is what docs/guide/api.md says under "Idempotency"; what follows is the same."""
    post = Request("POST", "/orders", "anna", body=new_order(random.Random(1), "1"), headers={"Idempotency-Key": "1"})
    with repeatable(1):
        run = SimulationRun(1, odds=NO_FAULTS)
        _, accepted = sent(run, post)
        run.come_to_rest()
        read = Request("GET", f"/orders/{accepted['order_id']}", "anna")
        assert sent(run, Request("DELETE", f"{read.path}?customer_id=anna", "admin", ADMIN))[0] == 204
        run.come_to_rest()
        published = list(run.aws.topic.log)
        assert posted_while_the_table_is_slow(run, post) == (202, accepted)
        evidence = run.come_to_rest()
        assert sent(run, read)[0] == 410
        assert run.aws.topic.log == published
        assert not check(evidence)


def test_another_body_under_a_key_is_quarantined_though_the_table_is_slow() -> None:
    """202 in place of 422 is what docs/guide/api.md says under "Idempotency"; the first order stands."""
    first, second = (new_order(random.Random(name), name) for name in ("1", "2"))
    post = Request("POST", "/orders", "anna", body=first, headers={"Idempotency-Key": "1"})
    with repeatable(1):
        run = SimulationRun(1, odds=NO_FAULTS)
        _, accepted = sent(run, post)
        run.come_to_rest()
        again = posted_while_the_table_is_slow(run, Request(**{**vars(post), "body": second}))
        assert again == (202, accepted)
        evidence = run.come_to_rest()
        status, shown = sent(run, Request("GET", f"/orders/{accepted['order_id']}", "anna"))
        assert (status, shown["reference"], shown["version"]) == (200, "1", 1)
        assert ["idempotency-key-reused" in each["reason"] for each in evidence.quarantined] == [True]
        assert not check(evidence)


def test_under_full_throttling_there_are_at_most_three_times_the_calls() -> None:
    _, _, usual = burst({})
    for services in (["dynamodb"], ["sqs"], ["dynamodb", "sqs", "sns"]):
        _, _, attempts = burst(dict.fromkeys(services, (FOREVER, THROTTLED)))
        assert attempts <= 3 * usual, services


@pytest.mark.parametrize("service", ["sqs", "sns", "secretsmanager"])
def test_handlers_return_before_their_deadline_when_a_service_does_not_answer(service: str) -> None:
    """A service that does not answer costs 2 s per attempt, and no handler is killed for that.

    A table that does not answer is in tests/unit/test_lambda_batches.py: the processor waits by the real clock.
    """
    run, evidence, _ = burst({service: (FOREVER, NO_ANSWER)}, orders=5)
    assert run.aws.faults.happened["deadline"] == 0
    assert None not in {each["status"] for each in evidence.history}
    assert not check(evidence)


def test_a_cold_accept_is_answered_before_its_deadline_though_two_services_are_slow() -> None:
    """The secret comes with its third attempt, after 4 s; the queue would take 6 s more, of 10 s that there are."""
    with repeatable(1):
        run = SimulationRun(1, odds=NO_FAULTS)
        run.aws.faults.outages = {"secretsmanager": (run.aws.now + 4, NO_ANSWER), "sqs": (FOREVER, NO_ANSWER)}
        run.clients = [Client(posting("anna", "cold"))]
        run.advance(run.clients[0])
        assert [each.status for each in run.history] == [503]
        assert run.aws.faults.happened["deadline"] == 0
        assert not check(run.come_to_rest())


@pytest.mark.parametrize("setting", ["1", ""], ids=["reporting", "not reporting"])
def test_while_the_topic_is_down_each_poison_record_is_quarantined_once(setting: str) -> None:
    with repeatable(1, REPORT_BATCH_ITEM_FAILURES=setting):
        run = SimulationRun(1, mapping=MappingSettings(reporting=bool(setting)), odds=NO_FAULTS)
        run.aws.faults.outages = {"sns": (FOREVER, THROTTLED)}
        for number in range(18):
            if number % 2 == 0:
                run.inject_item(f"ord_{number:032}")
            run.advance(Client(posting("anna", f"order-{number}")))
            run.queue_turn(10)
        for _ in range(30):
            for lane in run.stream.lanes:
                run.stream.turn(lane)
        evidence = run.come_to_rest()
    assert not check(evidence)
    assert len(evidence.quarantined_records) == len(run.injected_items) == 9


# --- fairness --------------------------------------------------------------------------------------------------------

BATCHES_PER_SECOND, PER_BATCH = 2, 10


def seconds_to_take(customer: str, crowd: int) -> float:
    """How long it takes until a customer's 10 orders are off a queue with `crowd` of another (virtual seconds)."""
    run = SimulationRun(1, odds=NO_FAULTS)
    noisy = [posting("noisy", f"noisy-{number}") for number in range(crowd)]
    for scenario in noisy + [posting(customer, f"quiet-{number}") for number in range(10)]:
        run.advance(Client(scenario))
    queue, begun = run.aws.order_queue, run.aws.now
    waiting = sum(customer in message.body for message in queue.messages)
    assert (waiting, len(queue.messages)) == (10, crowd + 10)
    while waiting:
        batch = [message for _ in range(BATCHES_PER_SECOND) for message in queue.receive(run.aws.now, PER_BATCH)]
        assert batch
        run.aws.now += 1
        for message in batch:
            queue.delete(message.handle)
            waiting -= customer in message.body
    return run.aws.now - begun


def test_a_noisy_customer_does_not_starve_a_quiet_one() -> None:
    """The fake models SQS's fair queues after its guide; the embedded engine takes the group and ignores it."""
    with repeatable(1):
        alone = seconds_to_take("quiet", crowd=0)
        crowded = seconds_to_take("quiet", crowd=1000)
    print(f"10 orders processed in {alone:.0f} s alone, in {crowded:.0f} s behind 1,000 of another customer")
    assert crowded <= 2 * alone


def test_without_message_groups_a_noisy_customer_would_starve_a_quiet_one() -> None:
    queue = Queue("no groups")
    for number in range(1010):
        queue.send("quiet" if number >= 1000 else "noisy", {})
    first: list[Message] = [message for _ in range(4) for message in queue.receive(0, 10)]
    assert {message.body for message in first} == {"noisy"}


def test_a_customer_s_commands_are_sent_as_one_message_group() -> None:
    with repeatable(1):
        run = SimulationRun(1, odds=NO_FAULTS)
        run.advance(Client(posting("anna", "one")))
        run.advance(Client(posting("ben", "two")))
    groups = [arguments["MessageGroupId"] for name, arguments in run.aws.requests if name == "send_message"]
    assert groups == ["anna", "ben"]
