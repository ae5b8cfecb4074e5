"""What commands print in a terminal of 80 columns and into a pipe, exactly: times and ids are written as 0."""

import json
import re

import pytest
from click.testing import CliRunner

from ordersctl.cli import main
from testkit import builders
from tests.tools.operate.stage import OperatedStage

pytestmark = pytest.mark.full  # the form of the output only

# rich takes the output for a terminal without colours.
TERMINAL = {"TTY_COMPATIBLE": "1", "TERM": "dumb", "COLUMNS": "80", "LINES": "50"}
REASON = "not a command envelope: the message has no field `order_id`, which names the order that it places"

QUEUES = """\
Queues of stage local

queue        holds          waiting   in flight   oldest   state
─────────────────────────────────────────────────────────────────
orders       commands       1         0           0 s
fulfilment   events         0         0           -
inventory    events         0         0           -
invoicing    events         0         0           -        paused
orders       dead letters   1         0           0 s
events       dead letters   0         0           -
fulfilment   dead letters   0         0           -
inventory    dead letters   0         0           -
invoicing    dead letters   0         0           -
"""
QUEUES_PIPED = """\
queue|holds|waiting|in_flight|oldest|state
orders|commands|1|0|0.0|
fulfilment|events|0|0||
inventory|events|0|0||
invoicing|events|0|0||paused
orders|dead letters|1|0|0.0|
"""
LETTERS = """\
Dead letters

queue    id         age   order id        reason
──────────────────────────────────────────────────────────────────────────────
orders   00000000   0 s   ord_00000000…   not a command envelope: the message
                                           has no field `order_id`, which names
                                           the order that it places
"""
LETTERS_PIPED = f"""\
queue|id|age|order_id|reason
orders|00000000-0000-0000-0000-000000000000|0|ord_{"0" * 32}|{REASON}
"""
TRACE = f"""\
ord_{"0" * 32}
correlation id request-1

0000-00-00 (UTC)
00:00:00.000        +0 ms  table         placed_at
                           customer 17850
00:00:00.000        +0 ms  table         now: placed
                           version 1
00:00:00.000       +95 ms  handlers      order.placed
                           placed_after_ms 41
"""
TRACE_PIPED = """\
time|after_ms|where|what|details
0000-00-00T00:00:00.000Z|0|table|placed_at|customer 17850
0000-00-00T00:00:00.000Z|0|table|now: placed|version 1
0000-00-00T00:00:00.000Z|95|handlers|order.placed|placed_after_ms 41
"""
PRICES = """\
Prices, in minor units

sku      currency   unit price
──────────────────────────────
85123A   GBP        255
"""
PRICES_PIPED = "sku|currency|unit_price\n85123A|GBP|255\n"


def printed(stage: OperatedStage, *arguments: str, **environment: str) -> str:
    done = CliRunner().invoke(main, arguments, env={**stage.environment, **environment})
    assert done.exit_code == 0, done.output
    return without_times(done.stdout)


def without_times(text: str) -> str:
    """Write what differs from run to run as zeros of the same length, tabs as |, and leave out spaces at the ends."""
    text = re.sub(r"(?<=ord_)[0-9a-z]+", lambda found: "0" * len(found[0]), text)
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "00000000-0000-0000-0000-000000000000", text)
    text = re.sub(r"(?<=   )[0-9a-f]{8}(?=   )", "0" * 8, text)
    text = re.sub(r"\d{4}-\d\d-\d\d", "0000-00-00", text)
    text = re.sub(r"\d\d:\d\d:\d\d\.\d{3}", "00:00:00.000", text)
    text = re.sub(r"(?<=\t)\d\.\d(?=\t|$)", "0.0", re.sub(r"\b\d s\b", "0 s", text))
    text = re.sub(r"\t\d+(\.\d)?(?=\tord_)", "\t0", text)
    return "\n".join(re.sub("^ (?! )", "", line).rstrip(" ").replace("\t", "|") for line in text.splitlines()) + "\n"


@pytest.fixture
def order_id(stage: OperatedStage) -> str:
    """A placed order with a log line, a message on the order queue, a dead letter, and a paused consumer."""
    order = builders.an_order(order_id=builders.fresh_order_id())
    stage.store(order)
    logs = stage.state_dir / "logs"
    logs.mkdir()
    line = {"event": "order.placed", "order_id": order.order_id, "placed_after_ms": 41}
    seconds = f"{order.placed_at[:20]}{int(order.placed_at[20:23]) + 95:03}Z"
    (logs / "handlers.log").write_text(json.dumps(line | {"time": seconds, "correlation_id": order.correlation_id}))
    stage.publisher_catches_up()
    (stage.state_dir / "run.json").write_text("{}")
    stage.run("pause", "invoicing")
    return order.order_id


def test_queues(stage: OperatedStage, order_id: str) -> None:
    stage.send("queue", builders.command(order_id=order_id))
    stage.send("queue-dlq", "{}", reason=REASON)
    assert QUEUES in printed(stage, "queues", **TERMINAL)
    assert printed(stage, "queues").startswith(QUEUES_PIPED)


def test_dlq_list(stage: OperatedStage, order_id: str) -> None:
    stage.send("queue-dlq", builders.command(order_id=order_id), reason=REASON)
    assert LETTERS in printed(stage, "dlq", "list", **TERMINAL)
    assert printed(stage, "dlq", "list") == LETTERS_PIPED


def test_trace(stage: OperatedStage, order_id: str) -> None:
    assert printed(stage, "trace", order_id, **TERMINAL) == TRACE
    assert printed(stage, "trace", order_id) == TRACE_PIPED


def test_prices(stage: OperatedStage) -> None:
    item = {"sku": {"S": "85123A"}, "currency": {"S": "GBP"}, "unit_price": {"N": "255"}}
    stage.dynamodb.put_item(TableName="orders-local-prices", Item=item)
    assert PRICES in printed(stage, "prices", "show", "85123A", **TERMINAL)
    assert printed(stage, "prices", "show", "85123A") == PRICES_PIPED


@pytest.mark.parametrize(
    "arguments",
    [
        ("cost", "--orders-per-month", "1000000"),
        ("simulate", "--peak", "50", "--seconds", "20"),
        ("queues",),
        ("dlq", "list"),
    ],
    ids=" ".join,
)
def test_no_line_is_longer_than_the_terminal(stage: OperatedStage, arguments: tuple[str, ...]) -> None:
    stage.send("queue-dlq", "{}", reason=REASON * 3)
    assert [line for line in printed(stage, *arguments, **TERMINAL).splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("name", ["prod", "production", "dev"])
@pytest.mark.parametrize("colours", [True, False])
def test_a_question_names_stage_and_account_and_is_red_for_production(
    stage: OperatedStage, monkeypatch: pytest.MonkeyPatch, *, name: str, colours: bool
) -> None:
    for key in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(key, "made-up")
    environment = {**stage.environment, **({} if colours else {"NO_COLOR": "1"})}
    asked = CliRunner().invoke(
        main, ["pause", "processor", "--stage", name, "--region", "us-east-1"], env=environment, color=True
    )
    assert f"Stage {name} of account 000000000000" in asked.output
    assert ("\x1b[31m" in asked.output) == (colours and name != "dev")
