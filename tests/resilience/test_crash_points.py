"""The process is killed at every AWS call of every function, before the call's effect and after it."""

import ast
import random
from collections.abc import Iterator

import pytest

from ordersctl.shared.project import PROJECT_DIR
from testkit.fake_aws.faults import NO_FAULTS, THROTTLED, CrashPoint
from testkit.fake_aws.repeatable import repeatable
from tests.resilience.history.checker import check
from tests.resilience.history.evidence import Evidence, impossible_command
from tests.resilience.scenarios import ADMIN, SERVICE, Client, Request, Scenario, new_order
from tests.resilience.simulation import SimulationRun
from tests.resilience.stream_mapping import MappingSettings

MODES = {
    "the default": {},
    "reporting": {"REPORT_BATCH_ITEM_FAILURES": "1"},
    "event bus": {"EVENT_BUS_NAME": "orders"},
}


def every_route(name: str, key: str) -> Scenario:
    """Call each route for an order, each until its answer is clear."""
    posted = new_order(random.Random(name), name)
    order_id = ""
    for request in (
        Request("POST", "/orders", "anna", body=posted, headers={"Idempotency-Key": key}),
        Request("GET", "/orders/{}", "anna"),
        Request("GET", "/orders?order_id={}", "anna"),
        Request("PATCH", "/orders/{}", "ben", body={"note": "mine"}, headers={"If-Match": "*"}),
        Request("PATCH", "/orders/{}", "anna", body={"note": f"note {name}"}, headers={"If-Match": '"1"'}),
        Request("PATCH", "/orders/{}", "warehouse", SERVICE, {"status": "confirmed"}, {"If-Match": "*"}),
        Request("GET", "/customers/anna/orders?status=confirmed", "anna"),
        Request("POST", "/orders", "anna", body=posted, headers={"Idempotency-Key": key}),
        Request("DELETE", "/orders/{}?customer_id=anna", "admin", ADMIN),
        Request("GET", "/orders/{}", "anna"),
    ):
        while True:
            answer = yield Request(**{**vars(request), "path": request.path.format(order_id)})
            is_pending = request.method == "GET" and (answer.body or {}).get("status") == "accepted"
            if not (answer.is_unclear or answer.status == 409 or is_pending):
                break
        if request.path == "/orders" and answer.status == 202:
            order_id = answer.body["order_id"]
        elif answer.status == 422:
            return


def place_only(name: str, key: str) -> Scenario:
    """Place an order, under a key that another one may have: again until the answer is clear."""
    while True:
        body = new_order(random.Random(name), name)
        answer = yield Request("POST", "/orders", "ben", body=body, headers={"Idempotency-Key": key})
        if not answer.is_unclear:
            return


def simulated(mode: str, point: CrashPoint | None) -> tuple[SimulationRun, Evidence]:
    """The same run each time, but for the call at which it is killed."""
    with repeatable(1, **MODES[mode]):
        mapping = MappingSettings(reporting=mode == "reporting")
        run = SimulationRun(1, mapping, odds=NO_FAULTS, always_cold=True)
        run.aws.faults.crash_point = point
        scenarios = [
            every_route("one", "k1"),
            place_only("two", "k2"),
            place_only("not two", "k2"),
            place_only("3", "k3"),
        ]
        run.clients = [Client(scenario) for scenario in scenarios]
        run.inject_message("garbage")
        run.inject_message(impossible_command("ord_" + "0" * 32, "cleo"))
        run.inject_item("ord_" + "1" * 32)
        for client in run.clients:
            run.advance(client)
        # Some messages of the first batch fail, so that the others are deleted by the handler.
        run.aws.faults.outages["dynamodb"] = (run.aws.now + 0.1, THROTTLED)
        run.queue_turn(10)
        return run, run.come_to_rest()


def calls_in(mode: str) -> list[tuple[str, str]]:
    """The (handler, operation) of every AWS call of a run in which nothing is killed."""
    run, evidence = simulated(mode, None)
    assert not check(evidence)
    return run.aws.calls


# The event bus differs in one call of one function.
in_each_mode = pytest.mark.parametrize(
    "mode", ["the default", "reporting", pytest.param("event bus", marks=pytest.mark.full)]
)


@in_each_mode
def test_no_order_is_lost_or_doubled_by_a_kill_at_any_aws_call(mode: str) -> None:
    points = [(number, after) for number in range(len(calls_in(mode))) for after in (False, True)]
    for number, after in points:
        run, evidence = simulated(mode, CrashPoint(number, after_effect=after))
        assert run.aws.faults.crash_point is None, f"call {number} was never made"
        assert not check(evidence), (number, after, run.aws.calls[number], [*map(str, check(evidence))])
    print(f"{mode}: {len(points)} crash points")


def test_every_aws_call_in_the_code_is_a_crash_point() -> None:
    covered = {operation for mode in MODES for _, operation in calls_in(mode)}
    written = set(client_calls())
    assert written == covered


@in_each_mode
def test_every_aws_call_that_a_function_makes_under_faults_is_a_crash_point(mode: str) -> None:
    covered = set(calls_in(mode))
    with repeatable(5, **MODES[mode]):
        run = SimulationRun(5, MappingSettings(reporting=mode == "reporting"))
        run.plan(30)
        run.run(600)
    assert {call for call in run.aws.calls if not call[0].startswith("ordersctl")} <= covered


def client_calls() -> Iterator[str]:
    """The operations that chalicelib's source calls: `….client.put_item(…)`, `_client(…).put_item(…)`."""
    for path in sorted((PROJECT_DIR / "chalicelib").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            asked = node.func.value.func if isinstance(node.func.value, ast.Call) else node.func.value
            name = asked.attr if isinstance(asked, ast.Attribute) else getattr(asked, "id", "")
            if name in {"client", "_client"} and ast.unparse(asked) != "http.client":
                yield node.func.attr
