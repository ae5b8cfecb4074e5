"""A simulation run: clients, event source mappings, outages and injected messages take turns as a seed decides."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from testkit.fake_aws.faults import (
    ALL_FAULTS,
    NO_ANSWER,
    NO_FAULTS,
    SERVER_ERROR,
    THROTTLED,
    FaultInjection,
    Killed,
    Odds,
)
from testkit.fake_aws.lambda_ import Container, FakeAws
from testkit.fake_aws.services import Message
from testkit.lambda_events import http_event
from tests.resilience import scenarios
from tests.resilience.history.evidence import Evidence, impossible_command, reported_failures
from tests.resilience.operators import Operators
from tests.resilience.scenarios import Client, Exchange, Request
from tests.resilience.stream_mapping import MappingSettings, StreamMapping

CUSTOMERS = ["anna", "ben", "cleo", "dora"]
_RESOURCES = {"orders": "/orders/{order_id}", "customers": "/customers/{customer_id}/orders"}
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def _resource(path: str) -> str | None:
    """The route of a path with parameters; None for one without."""
    steps = path.partition("?")[0].split("/")
    return None if len(steps) == 2 else _RESOURCES[steps[1]]


@dataclass
class SimulationRun:
    seed: int
    mapping: MappingSettings = field(default_factory=MappingSettings)  # the queue's has the same `reporting`
    odds: Odds = ALL_FAULTS
    always_cold: bool = False  # a new container for each invocation
    aws: FakeAws = field(init=False)
    history: list[Exchange] = field(default_factory=list)
    injected_messages: list[str] = field(default_factory=list)
    injected_items: list[str] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)
    _containers: dict[int, Container] = field(default_factory=dict)
    _depth: int = 0
    _clock: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.aws = FakeAws(FaultInjection(self.random), interleave=self._interleave, overtake=self._overtake)
        self.stream = StreamMapping(self.aws, self.random, self._invoke, self.mapping)
        self.operators = Operators(self.aws, self.random, CUSTOMERS, self.stream)
        self.aws.seconds_behind = self.stream.seconds_behind

    # --- the course of a run

    def plan(self, orders: int) -> None:
        """Plan a client for each order; some share a key with another order, some have none."""
        for number in range(orders):
            source = random.Random(f"{self.seed}/{number}")
            customer = source.choice(CUSTOMERS)
            others = [each for each in CUSTOMERS if each != customer]
            key = None if source.random() < 0.15 else f"key-{number}"
            self._add(scenarios.customer_orders(source, f"order {number}", customer, key, others))
            if key is not None and source.random() < 0.15:
                self._add(scenarios.customer_orders(source, f"order {number} too", customer, key, others))
            if key is not None and source.random() < 0.1:
                self._add(scenarios.customer_orders(source, f"order {number} namesake", others[0], key, [customer]))
            if source.random() < 0.4:
                self._add(scenarios.service_interferes(source, f"meddler {number}", customer))

    def _add(self, scenario: scenarios.Scenario) -> None:
        self.clients.append(Client(scenario))

    def run(self, turns: int) -> Evidence:
        """Take turns under faults, then without any until the run is at rest."""
        self.aws.faults.odds = self.odds
        for _ in range(turns):
            self._turn()
        return self.come_to_rest()

    def come_to_rest(self) -> Evidence:
        """Go on without faults until all clients are done and nothing is left to process or publish."""
        self.aws.faults.odds, self.aws.faults.outages = NO_FAULTS, {}
        for _ in range(400):
            for client in self.clients:
                self.advance(client)
            self._redrive()
            self.queue_turn()
            for lane in self.stream.lanes:
                self.stream.turn(lane)
            self.aws.now += 30
            if self._at_rest():
                break
        return self._evidence()

    def _at_rest(self) -> bool:
        to_redrive = [message for message in self.aws.order_dlq.messages if "reason" not in message.attributes]
        done = all(client.done for client in self.clients)
        return done and not (self.aws.order_queue.messages or to_redrive or self.stream.is_behind)

    def _turn(self) -> None:
        turns: list[tuple[float, Callable[[], None]]] = [
            (60, self._any_client),
            (10, self.queue_turn),
            (40 if self.stream.is_running else 8, self.stream.any_turn),
            (10, self._let_time_pass),
            (2, self._begin_outage),
            (0.5, self._inject),
            (1, self.stream.lose_checkpoint),
            (2, self.operators.turn),
        ]
        (turn,) = self.random.choices([turn for _, turn in turns], [weight for weight, _ in turns])
        turn()

    def _interleave(self, run: Callable[[], object] | None = None) -> None:
        """Take a turn, or another step, in another container, in the middle of a call."""
        if self._depth == 0:
            self._depth = 1
            try:
                (run or self._turn)()
            finally:
                self._depth = 0

    def _overtake(self, order_id: str) -> None:
        """Change an order several times between a write whose response was lost and its retry."""
        times = range(self.random.choice([1, 1, 2, 5]))
        self._interleave(lambda: [self._send(scenarios.overtaking(order_id, self._clock)) for _ in times])

    def _let_time_pass(self) -> None:
        self.aws.now += self.random.choice([0.1, 1, 10, 60, 150])

    def _begin_outage(self) -> None:
        service = self.random.choice(["dynamodb", "sns", "sqs", "secretsmanager"])
        until = self.aws.now + self.random.choice([1, 10, 100])
        self.aws.faults.outages[service] = (until, self.random.choice([THROTTLED, SERVER_ERROR, NO_ANSWER]))

    def _inject(self) -> None:
        """Put a message on the queue that the API did not send, or an item into the table that is no order."""
        name = "".join(self.random.choice(_ALPHABET) for _ in range(32))
        if self.random.random() < 0.25:
            self.inject_item(f"ord_{name}")
        else:
            impossible = impossible_command(f"ord_{name}", self.random.choice(CUSTOMERS))
            self.inject_message(self.random.choice([f"garbage {name}", impossible, impossible.replace("ord_", "x")]))

    def inject_message(self, body: str) -> None:
        self.injected_messages.append(body)
        copies = self.aws.faults.deliveries()
        self.aws.repeats_allowed[self.aws.order_queue.send(body, {}, None, copies)] += copies - 1

    def inject_item(self, order_id: str) -> None:
        self.injected_items.append(order_id)
        self.aws.table.put({"Item": {"order_id": {"S": order_id}, "note": {"S": "no order"}}}, self.aws.now)

    # --- the functions of app.py

    def container(self) -> Container:
        """The container that serves the next invocation: a new one when the last one died."""
        found = self._containers.get(self._depth)
        if found is None or found.dead or self.always_cold:
            found = self._containers[self._depth] = Container(self.aws, clock_skew=self.random.uniform(-300, 300))
            self.aws.faults.happened["clock"] += 1
        return found

    def _any_client(self) -> None:
        idle = [client for client in self.clients if not client.done and not client.waiting]
        if idle:
            self.advance(self.random.choice(idle))

    def advance(self, client: Client) -> None:
        """Send the next request of a client, unless it is done or waits for an answer."""
        if client.done or client.waiting:
            return
        try:
            request = next(client.scenario) if client.answer is None else client.scenario.send(client.answer)
        except StopIteration:
            client.done = True
            return
        client.waiting = True
        try:
            client.answer = self._send(request)
        finally:
            client.waiting = False

    def _send(self, request: Request) -> Exchange:
        exchange = Exchange(request, begin=self._tick())
        self.history.append(exchange)
        event = http_event(
            request.method,
            request.path,
            resource=_resource(request.path),
            body=None if request.body is None else json.dumps(request.body),
            headers={"content-type": "application/json", **{n.lower(): v for n, v in request.headers.items()}},
            authorizer={"sub": request.subject, "scope": request.scope, "exp": "1e12", "principalId": request.subject},
            request_id=f"request-{exchange.begin}",
        )
        try:
            answer = self.container().invoke("app", event, seconds=10)
        except Killed:
            pass
        else:
            exchange.status, exchange.headers = answer["statusCode"], dict(answer["headers"])
            exchange.body = json.loads(answer["body"]) if answer["body"] else None
        exchange.end = self._tick()
        return exchange

    def _tick(self) -> int:
        self._clock += 1
        return self._clock

    def queue_turn(self, most: int = 0) -> None:
        """One batch of the queue's event source mapping, of up to `most` messages, or of any size."""
        size = most or self.random.randint(1, 10)
        batch = self.aws.order_queue.receive(self.aws.now, size, self.random.shuffle)
        if not batch:
            return
        records = [message.lambda_record() for message in batch]
        report, error = self._invoke("process_orders", {"Records": records}, seconds=15)
        if error:
            self.aws.repeats_allowed.update(message.message_id for message in batch)  # they are not known to be deleted
            return
        failed = (
            reported_failures(report, {message.message_id for message in batch}) if self.mapping.reporting else set()
        )
        for message in batch:
            if failed is not None and message.message_id not in failed:
                self._delete(message)

    def _delete(self, message: Message) -> None:
        if self.aws.faults.happens("answer_lost"):  # the mapping's own calls fail, too
            self.aws.repeats_allowed[message.message_id] += 1
        else:
            self.aws.order_queue.delete(message.handle)

    def _invoke(self, function: str, event: Any, seconds: float) -> tuple[Any, BaseException | None]:
        """What a function returned, and what it raised."""
        try:
            return self.container().invoke(function, event, seconds), None
        except (Exception, Killed) as error:  # noqa: BLE001 - any error at all fails the batch
            return None, error

    def _redrive(self) -> None:
        """Redrive the messages that SQS moved to the dead-letter queue, not the quarantined ones."""
        for message in list(self.aws.order_dlq.messages):
            if "reason" not in message.attributes:
                self.aws.order_dlq.messages.remove(message)
                message.receives, message.visible_at = 0, 0.0
                self.aws.order_queue.messages.append(message)

    def _evidence(self) -> Evidence:
        assert not self.aws.overlapping, "threads called AWS at the same time: the seed does not repeat this run"

        def dead_letters(messages: list[Message]) -> list[dict[str, str]]:
            return [
                {"body": message.body, **{name: message.attributes.get(name, "") for name in ("reason", "source")}}
                for message in messages
            ]

        return Evidence(
            history=[exchange.as_json() for exchange in self.history],
            table=self.aws.table.items,
            published=[json.loads(message) for message in self.aws.topic.log],
            quarantined=dead_letters(self.aws.order_dlq.messages),
            quarantined_records=dead_letters(self.aws.event_dlq.messages),
            dropped=self.operators.dropped(),
            replays=self.operators.replays,
            written=self.operators.written(),
            repeats_allowed=self.aws.repeats_allowed,
            injected_messages=self.injected_messages,
            injected_items=self.injected_items,
            unfinished=sum(not client.done for client in self.clients) + len(self.aws.order_queue.messages),
        )
