"""Life under faults: clients, event source mappings, outages and intruders take turns as a seed decides."""

import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from testkit.fake_aws.lambda_ import Cloud, Container, sqs_record
from testkit.fake_aws.services import Message
from testkit.lambda_events import http_event
from tests.resilience.evidence import Evidence, impossible_command
from tests.resilience.faults import BROKEN, CALM, SILENT, STORM, THROTTLED, Killed, Odds, Weather
from tests.resilience.scenarios import Ask, Exchange, Story, meddling, placing

CUSTOMERS = ["anna", "ben", "cleo", "dora"]
_RESOURCES = {"orders": "/orders/{order_id}", "customers": "/customers/{customer_id}/orders"}
_SHARDS = 2
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass
class Teller:
    story: Story
    answer: Exchange | None = None
    busy: bool = False
    done: bool = False


@dataclass
class Life:
    seed: int
    reporting: bool = False
    odds: Odds = STORM
    always_cold: bool = False  # a new container for each invocation
    cloud: Cloud = field(init=False)
    history: list[Exchange] = field(default_factory=list)
    intruded: list[str] = field(default_factory=list)
    intruded_items: list[str] = field(default_factory=list)
    tellers: list[Teller] = field(default_factory=list)
    _containers: dict[int, Container] = field(default_factory=dict)
    _checkpoints: list[int] = field(default_factory=lambda: [0] * _SHARDS)
    _busy_shards: set[int] = field(default_factory=set)
    stormy_attempts: int = 0
    _depth: int = 0
    _clock: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.cloud = Cloud(Weather(self.random), meanwhile=self._meanwhile)

    # --- the course of events

    def plan(self, orders: int) -> None:
        """Plan a client for each order; some share a key with another order, some have none."""
        for number in range(orders):
            source = random.Random(f"{self.seed}/{number}")
            customer = source.choice(CUSTOMERS)
            others = [each for each in CUSTOMERS if each != customer]
            key = None if source.random() < 0.15 else f"key-{number}"
            self.tellers.append(Teller(placing(source, f"order {number}", customer, key, others)))
            if key is not None and source.random() < 0.15:
                self.tellers.append(Teller(placing(source, f"order {number} too", customer, key, others)))
            if key is not None and source.random() < 0.1:
                self.tellers.append(Teller(placing(source, f"order {number} namesake", others[0], key, [customer])))
            if source.random() < 0.4:
                self.tellers.append(Teller(meddling(source, f"meddler {number}", customer)))

    def run(self, steps: int) -> Evidence:
        """Live through `steps` turns of the storm, then in calm until all is at rest."""
        self.cloud.weather.odds = self.odds
        for _ in range(steps):
            self._turn()
        return self.rest()

    def rest(self) -> Evidence:
        self.cloud.weather.odds, self.cloud.weather.down = CALM, {}
        for _ in range(400):
            for teller in self.tellers:
                self.tell(teller)
            self._redrive()
            self.queue_turn()
            for shard in range(_SHARDS):
                self.stream_turn(shard)
            self.cloud.now += 30
            if self._at_rest():
                break
        return self._evidence()

    def _at_rest(self) -> bool:
        letters = [message for message in self.cloud.order_dlq.messages if "reason" not in message.attributes]
        behind = any(self._unread(shard) for shard in range(_SHARDS))
        told = all(teller.done for teller in self.tellers)
        return told and not (self.cloud.order_queue.messages or letters or behind)

    def _turn(self) -> None:
        turns: list[tuple[float, Callable[[], None]]] = [
            (60, self._any_story),
            (10, self.queue_turn),
            (5, lambda: self.stream_turn(self.random.randrange(_SHARDS))),
            (10, self._time_passes),
            (2, self._outage),
            (0.5, self._intrude),
            (1, self._replay),
        ]
        (turn,) = self.random.choices([turn for _, turn in turns], [weight for weight, _ in turns])
        turn()

    def _meanwhile(self) -> None:
        """Let another container do something in the middle of a call."""
        if self._depth == 0:
            self._depth = 1
            try:
                self._turn()
            finally:
                self._depth = 0

    def _time_passes(self) -> None:
        self.cloud.now += self.random.choice([0.1, 1, 10, 60, 150])

    def _outage(self) -> None:
        service = self.random.choice(["dynamodb", "sns", "sqs", "secretsmanager"])
        until = self.cloud.now + self.random.choice([1, 10, 100])
        self.cloud.weather.down[service] = (until, self.random.choice([THROTTLED, BROKEN, SILENT]))

    def _intrude(self) -> None:
        """Something that no door sent arrives on the queue or in the table."""
        name = "".join(self.random.choice(_ALPHABET) for _ in range(32))
        if self.random.random() < 0.25:
            self.intrude_item(f"ord_{name}")
        else:
            impossible = impossible_command(f"ord_{name}", self.random.choice(CUSTOMERS))
            self.intrude(self.random.choice([f"garbage {name}", impossible, impossible.replace("ord_", "x")]))

    def intrude(self, body: str) -> None:
        self.intruded.append(body)
        self.cloud.order_queue.send(body, {}, None, self.cloud.weather.copies())

    def intrude_item(self, order_id: str) -> None:
        self.intruded_items.append(order_id)
        self.cloud.table.put({"Item": {"order_id": {"S": order_id}, "note": {"S": "no order"}}}, self.cloud.now)

    # --- the doors

    def container(self) -> Container:
        """The container whose turn it is; a new one when the last one died."""
        found = self._containers.get(self._depth)
        if found is None or found.dead or self.always_cold:
            found = self._containers[self._depth] = Container(self.cloud, skew=self.random.uniform(-300, 300))
            self.cloud.weather.happened["clock"] += 1
        return found

    def _any_story(self) -> None:
        idle = [teller for teller in self.tellers if not teller.done and not teller.busy]
        if idle:
            self.tell(self.random.choice(idle))

    def tell(self, teller: Teller) -> None:
        if teller.done or teller.busy:
            return
        try:
            ask = next(teller.story) if teller.answer is None else teller.story.send(teller.answer)
        except StopIteration:
            teller.done = True
            return
        teller.busy = True
        try:
            teller.answer = self.ask(ask)
        finally:
            teller.busy = False

    def ask(self, ask: Ask) -> Exchange:
        exchange = Exchange(ask, begin=self._tick())
        self.history.append(exchange)
        event = http_event(
            ask.method,
            ask.path,
            resource=_RESOURCES[ask.path.split("/")[1]] if ask.path != "/orders" else None,
            body=None if ask.body is None else json.dumps(ask.body),
            headers={"content-type": "application/json", **{n.lower(): v for n, v in ask.headers.items()}},
            authorizer={"sub": ask.subject, "scope": ask.scope, "exp": "1e12", "principalId": ask.subject},
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
        batch = self.cloud.order_queue.receive(self.cloud.now, size, self.random.shuffle)
        if not batch:
            return
        records = [sqs_record(message) for message in batch]
        report, raised = self._invoke("process_orders", {"Records": records}, seconds=15)
        if raised:
            return
        failed = _reported(report, {message.message_id for message in batch}) if self.reporting else set()
        for message in batch:
            if failed is not None and message.message_id not in failed:
                self._delete(message)

    def _delete(self, message: Message) -> None:
        if not self.cloud.weather.chance("lost"):  # the mapping's own calls fail, too
            self.cloud.order_queue.delete(message.handle)

    def stream_turn(self, shard: int) -> None:
        """One batch of a shard's event source mapping: in order, and again from where it stopped."""
        records = self._unread(shard)[: self.random.randint(1, 100)]
        if not records or shard in self._busy_shards:
            return
        self._busy_shards.add(shard)
        try:
            report, raised = self._invoke("publish_events", {"Records": [dict(record) for record in records]}, 60)
        finally:
            self._busy_shards.discard(shard)
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        failed = _reported(report, set(numbers)) if self.reporting else set()
        if not raised and failed is not None:
            self._checkpoints[shard] += min((numbers.index(number) for number in failed), default=len(numbers))

    def _unread(self, shard: int) -> list[Any]:
        return self._shard(shard)[self._checkpoints[shard] :]

    def _shard(self, shard: int) -> list[Any]:
        keys = (
            (zlib.crc32(record["dynamodb"]["Keys"]["order_id"]["S"].encode()), record) for record in self._records()
        )
        return [record for key, record in keys if key % _SHARDS == shard]

    def _records(self) -> list[Any]:
        return self.cloud.table.records

    def _invoke(self, door: str, event: Any, seconds: float) -> tuple[Any, bool]:
        try:
            return self.container().invoke(door, event, seconds), False
        except (Exception, Killed):  # noqa: BLE001 - to a mapping, whatever was raised is a failed batch
            return None, True

    def _replay(self) -> None:
        """A shard's checkpoint is lost: what was handled since comes again."""
        shard = self.random.randrange(_SHARDS)
        if shard not in self._busy_shards:
            self._checkpoints[shard] = max(0, self._checkpoints[shard] - self.random.randint(1, 10))

    def _redrive(self) -> None:
        """The operator's part: what SQS moved to the dead-letter queue goes back; what was quarantined stays."""
        for message in list(self.cloud.order_dlq.messages):
            if "reason" not in message.attributes:
                self.cloud.order_dlq.messages.remove(message)
                self.cloud.weather.happened["dead letter"] += 1
                self.cloud.order_queue.messages.append(message)

    def _evidence(self) -> Evidence:
        def letters(messages: list[Message]) -> list[dict[str, str]]:
            return [{"body": message.body, "reason": message.attributes.get("reason", "")} for message in messages]

        return Evidence(
            history=[exchange.as_json() for exchange in self.history],
            table=self.cloud.table.items,
            published=[json.loads(message) for message in self.cloud.topic.log],
            quarantined=letters(self.cloud.order_dlq.messages),
            quarantined_records=letters(self.cloud.event_dlq.messages),
            intruded=self.intruded,
            intruded_items=self.intruded_items,
            unfinished=sum(not teller.done for teller in self.tellers) + len(self.cloud.order_queue.messages),
        )


def _reported(answer: Any, known: set[str]) -> set[str] | None:
    """What a handler reported as failed; None is all of it: Lambda takes a malformed report for that."""
    try:
        failed = {entry["itemIdentifier"] for entry in (answer or {}).get("batchItemFailures") or []}
    except (AttributeError, KeyError, TypeError):
        return None
    return failed if failed <= known else None
