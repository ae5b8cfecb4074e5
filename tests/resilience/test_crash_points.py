"""Every AWS call of every door, killed before its effect and after it; then life goes on."""

import ast
import random
from collections.abc import Iterator

import pytest

from testkit.fake_aws.lambda_ import ROOT, repeatable
from tests.resilience.checker import check
from tests.resilience.evidence import Evidence, impossible_command
from tests.resilience.faults import CALM, THROTTLED, Point
from tests.resilience.scenarios import ADMIN, SERVICE, Ask, Story, new_order
from tests.resilience.simulation import Life, Teller

MODES = {
    "the default": {},
    "reporting": {"REPORT_BATCH_ITEM_FAILURES": "1"},
    "event bus": {"EVENT_BUS_NAME": "orders"},
}


def whole_story(name: str, key: str) -> Story:
    """An order's whole life, through every route; without a clear answer, each step again."""
    posted = new_order(random.Random(name), name)
    order_id = ""
    for ask in (
        Ask("POST", "/orders", "anna", body=posted, headers={"Idempotency-Key": key}),
        Ask("GET", "/orders/{}", "anna"),
        Ask("PATCH", "/orders/{}", "anna", body={"note": f"note {name}"}, headers={"If-Match": '"1"'}),
        Ask("PATCH", "/orders/{}", "warehouse", SERVICE, {"status": "confirmed"}, {"If-Match": "*"}),
        Ask("GET", "/customers/anna/orders?status=confirmed", "anna"),
        Ask("POST", "/orders", "anna", body=posted, headers={"Idempotency-Key": key}),
        Ask("DELETE", "/orders/{}", "admin", ADMIN),
        Ask("GET", "/orders/{}", "anna"),
    ):
        while True:
            answer = yield Ask(**{**vars(ask), "path": ask.path.format(order_id)})
            is_pending = ask.method == "GET" and (answer.body or {}).get("status") == "accepted"
            if not (answer.is_unclear or answer.status == 409 or is_pending):
                break
        if ask.path == "/orders" and answer.status == 202:
            order_id = answer.body["order_id"]
        elif answer.status == 422:
            return


def placed_only(name: str, key: str) -> Story:
    """Place an order, under a key that another one may have, and ask again while the answer is unclear."""
    while True:
        body = new_order(random.Random(name), name)
        answer = yield Ask("POST", "/orders", "ben", body=body, headers={"Idempotency-Key": key})
        if not answer.is_unclear:
            return


def live(mode: str, point: Point | None) -> tuple[Life, Evidence]:
    """The same life each time, but for where it is killed."""
    with repeatable(1, **MODES[mode]):
        life = Life(1, reporting=mode == "reporting", odds=CALM, always_cold=True)
        life.cloud.weather.point = point
        stories = [
            whole_story("one", "k1"),
            placed_only("two", "k2"),
            placed_only("not two", "k2"),
            placed_only("3", "k3"),
        ]
        life.tellers = [Teller(story) for story in stories]
        life.intrude("garbage")
        life.intrude(impossible_command("ord_" + "0" * 32, "cleo"))
        life.intrude_item("ord_" + "1" * 32)
        for teller in life.tellers:
            life.tell(teller)
        # Some messages of the first batch fail, so that the others are taken off the queue one by one.
        life.cloud.weather.down["dynamodb"] = (life.cloud.now + 0.1, THROTTLED)
        life.queue_turn(10)
        return life, life.rest()


def calls_in(mode: str) -> list[tuple[str, str]]:
    life, evidence = live(mode, None)
    assert not check(evidence)
    return life.cloud.calls


@pytest.mark.parametrize("mode", MODES)
def test_an_order_survives_a_kill_at_any_call(mode: str) -> None:
    points = [(number, after) for number in range(len(calls_in(mode))) for after in (False, True)]
    for number, after in points:
        point = Point(number, after_effect=after)
        life, evidence = live(mode, point)
        assert life.cloud.weather.point is None, f"call {number} was never made"
        assert not check(evidence), (number, after, life.cloud.calls[number], [*map(str, check(evidence))])
    print(f"{mode}: {len(points)} crash points")


def test_every_call_that_the_code_can_make_is_a_crash_point() -> None:
    covered = {operation for mode in MODES for _, operation in calls_in(mode)}
    written = set(client_calls())
    assert written == covered


@pytest.mark.parametrize("mode", MODES)
def test_every_call_that_a_door_makes_under_faults_is_a_crash_point(mode: str) -> None:
    covered = set(calls_in(mode))
    with repeatable(5, **MODES[mode]):
        life = Life(5, reporting=mode == "reporting")
        life.plan(30)
        life.run(600)
    assert set(life.cloud.calls) <= covered


def client_calls() -> Iterator[str]:
    """The operations that chalicelib asks of clients, by its text: `….client.put_item(…)`, `_client(…).put_item(…)`."""
    for path in sorted((ROOT / "chalicelib").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            asked = node.func.value.func if isinstance(node.func.value, ast.Call) else node.func.value
            name = asked.attr if isinstance(asked, ast.Attribute) else getattr(asked, "id", "")
            if name.endswith("client"):
                yield node.func.attr
