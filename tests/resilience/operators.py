"""What operators do while the service works: look into dead-letter queues, redrive, drop and replay."""

import json
import math
import random
from dataclasses import dataclass, field
from typing import Any

from ordersctl.operate.dlq.command import drop, redrive
from ordersctl.operate.replay.command import replay
from ordersctl.shared import project
from ordersctl.shared.queues.measures import stream_rows
from testkit.fake_aws.lambda_ import ENVIRONMENT, FakeAws
from testkit.fake_aws.stage import run, run_command
from tests.resilience.stream_mapping import StreamMapping

_LONGEST_WAIT = 20  # batches of the stream that an operator waits
_TOLERATED_LAG = 60  # seconds; docs/operate/operations.md: with a longer one, nothing is replayed


@dataclass
class Operators:
    """The operators of a simulation run. At most one of them replays. A failed or killed command is run again later."""

    aws: FakeAws
    random: random.Random
    customers: list[str]
    stream: StreamMapping
    replays: list[tuple[int, int]] = field(default_factory=list)  # as in Evidence
    _replaying: bool = False

    def turn(self) -> None:
        step = self.random.choice([self.redrive, self.redrive, self.drop, self.replay])
        step()

    def redrive(self) -> None:
        run_command(self.aws, redrive, ["--queue", self.random.choice(["orders", "orders", "events"])])

    def drop(self) -> None:
        reason = self.random.choice([["--queue", "events"], ["--reason", "received too often"], ["--reason", "reused"]])
        run_command(self.aws, drop, reason)

    def replay(self) -> None:
        """Replay a customer's orders, or one order. The command refuses while the publisher is behind."""
        if self._replaying:
            return
        self._replaying = True
        if self.random.random() < 0.5:
            self._wait_for_the_publisher()
        self.replays.append((len(self.aws.topic.log), len(self.written(self.aws.now - _TOLERATED_LAG))))
        run_command(self.aws, replay, self._some_orders())
        self._replaying = False

    def _wait_for_the_publisher(self) -> None:
        for _ in range(_LONGEST_WAIT):
            self.stream.any_turn()
            if not self._publisher_is_behind():
                return

    def _some_orders(self) -> list[str]:
        orders = [name for name, item in self.aws.table.items.items() if "status" in item]
        if orders and self.random.random() < 0.5:
            return ["--order", self.random.choice(orders)]
        return ["--customer", self.random.choice(self.customers)]

    def _publisher_is_behind(self) -> bool:
        rows = run(self.aws, "queues", stream_rows)
        return rows is None or any(reader["lag"] for reader in rows)

    def written(self, until: float = math.inf) -> list[str]:
        """The versions of orders in the order of the stream, named as events are."""
        changes = [record["dynamodb"] for record in self.aws.table.records]
        images = [change["NewImage"] for change in changes if change["ApproximateCreationDateTime"] <= until]
        return [f"{item['order_id']['S']}.{item['version']['N']}" for item in images if "version" in item]

    def dropped(self) -> list[dict[str, Any]]:
        """The content of the operators' file of dropped dead letters: {body, queue}."""
        file = project.state_dir() / f"dropped-{ENVIRONMENT['STAGE']}.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [{name: json.loads(line)[name] for name in ("body", "queue")} for line in lines]
