"""More than AWS serves: bounded calls, bounded time, nothing lost; and a noisy customer does not starve a quiet one."""

import random

import pytest

from testkit.fake_aws.lambda_ import Container, repeatable
from testkit.fake_aws.services import Message, Queue
from tests.resilience.checker import check
from tests.resilience.evidence import Evidence
from tests.resilience.faults import CALM, SILENT, THROTTLED
from tests.resilience.scenarios import Ask, Story, new_order
from tests.resilience.simulation import Life, Teller

FOREVER = 1e12


def posting(customer: str, name: str, tries: int = 1) -> Story:
    """Post an order under a key, again after a 503, `tries` times at most."""
    for _ in range(tries):
        body = new_order(random.Random(name), name)
        answer = yield Ask("POST", "/orders", customer, body=body, headers={"Idempotency-Key": name})
        if not answer.is_unclear:
            return


def burst(down: dict[str, tuple[float, str]], orders: int = 100) -> tuple[Life, Evidence]:
    """Many orders while services are down, a batch of each mapping, then calm and clients that try again."""
    with repeatable(1):
        life = Life(1, odds=CALM)
        Container(life.cloud)
        life.tellers = [Teller(posting("anna", f"before-{number}")) for number in range(40)]
        for teller in life.tellers:
            life.tell(teller)
        life.cloud.calls.clear()
        life.cloud.attempts = 0
        life.cloud.weather.down = down
        life.tellers = [Teller(posting("anna", f"order-{number}", tries=400)) for number in range(orders)]
        for teller in life.tellers:
            life.tell(teller)
        for _ in range(4):
            life.queue_turn(10)
        life.stormy_attempts = life.cloud.attempts
        return life, life.rest()


@pytest.mark.parametrize("how", [THROTTLED, SILENT])
def test_accepts_are_answered_503_and_go_through_later_when_the_queue_is_down(how: str) -> None:
    _, evidence = burst({"sqs": (FOREVER, how)})
    assert {(each["status"], each["retry_after"]) for each in evidence.history[40:140]} == {(503, "1")}
    assert not check(evidence)
    assert len(evidence.table) == 140


def test_accepts_go_on_when_the_table_is_throttled() -> None:
    _, evidence = burst({"dynamodb": (FOREVER, THROTTLED)})
    assert {each["status"] for each in evidence.history[:140]} == {202}
    assert not check(evidence)
    assert len(evidence.table) == 140


def test_calls_under_full_throttling_are_at_most_three_times_those_of_calm() -> None:
    calm, _ = burst({})
    for down in (["dynamodb"], ["sqs"], ["dynamodb", "sqs", "sns"]):
        storm, _ = burst(dict.fromkeys(down, (FOREVER, THROTTLED)))
        assert storm.stormy_attempts <= 3 * calm.stormy_attempts, down


@pytest.mark.parametrize("service", ["sqs", "sns", "secretsmanager"])
def test_handlers_return_before_their_deadline_when_a_service_does_not_answer(service: str) -> None:
    """A silent service costs 2 s per attempt, and nothing is killed for that.

    A silent table is in tests/unit/test_lambda_batches.py: the processor waits for its threads by the real clock.
    """
    life, evidence = burst({service: (FOREVER, SILENT)}, orders=5)
    assert life.cloud.weather.happened["deadline"] == 0
    assert None not in {each["status"] for each in evidence.history}
    assert not check(evidence)


# --- fairness --------------------------------------------------------------------------------------------------------

BATCHES_PER_SECOND, PER_BATCH = 2, 10


def seconds_to_placed(life: Life, customer: str, crowd: int) -> float:
    """How long the last of a customer's 10 orders waits behind `crowd` orders of another (virtual seconds)."""
    crowding = [posting("noisy", f"noisy-{number}") for number in range(crowd)]
    for story in crowding + [posting(customer, f"quiet-{number}") for number in range(10)]:
        life.tell(Teller(story))
    queue, begun = life.cloud.order_queue, life.cloud.now
    waiting = sum(customer in message.body for message in queue.messages)
    assert (waiting, len(queue.messages)) == (10, crowd + 10)
    while waiting:
        batch = [message for _ in range(BATCHES_PER_SECOND) for message in queue.receive(life.cloud.now, PER_BATCH)]
        assert batch
        life.cloud.now += 1
        for message in batch:
            queue.delete(message.handle)
            waiting -= customer in message.body
    return life.cloud.now - begun


def test_a_noisy_customer_does_not_starve_a_quiet_one() -> None:
    """SQS's fair queues are modelled here after its guide; the engine takes the group, and pays it no heed."""
    with repeatable(1):
        alone = seconds_to_placed(Life(1, odds=CALM), "quiet", crowd=0)
        crowded = seconds_to_placed(Life(1, odds=CALM), "quiet", crowd=1000)
    print(f"10 orders placed in {alone:.0f} s alone, in {crowded:.0f} s behind 1,000 of another customer")
    assert crowded <= 2 * alone


def test_without_groups_it_would() -> None:
    queue = Queue("no groups")
    for number in range(1010):
        queue.send("quiet" if number >= 1000 else "noisy", {})
    first: list[Message] = [message for _ in range(4) for message in queue.receive(0, 10)]
    assert {message.body for message in first} == {"noisy"}


def test_every_command_goes_out_with_its_customer_as_group() -> None:
    with repeatable(1):
        life = Life(1, odds=CALM)
        life.tell(Teller(posting("anna", "one")))
        life.tell(Teller(posting("ben", "two")))
    groups = [arguments["MessageGroupId"] for name, arguments in life.cloud.requests if name == "send_message"]
    assert groups == ["anna", "ben"]
