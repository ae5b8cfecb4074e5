"""`ordersctl cost`: the model, and the tables that the command prints."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chalicelib.adapters import event_topic, order_items
from chalicelib.domain import commands, events, orders
from chalicelib.domain.orders import NewOrder
from chalicelib.domain.request_context import RequestContext
from ordersctl.estimate.cost import comparison
from ordersctl.estimate.cost.aws_prices import aws_prices
from ordersctl.estimate.cost.command import cost
from ordersctl.estimate.cost.order_sizes import INDEX_ENTRY, KB, SHOP_BASKET, Sizes, only, real_baskets, sizes
from ordersctl.estimate.cost.per_order import Load, Units, dollars_per_million, units
from ordersctl.estimate.cost.standing import kept_per_month, standing_per_month
from ordersctl.shared import templates
from ordersctl.shared.project import INFRA, PROJECT_DIR
from testkit.builders import CUSTOMER, NOW, ORDER_ID, an_order, shop_basket
from testkit.item_sizes import index_entry, item_size
from tests.unit.adapters.test_order_items import real_lines

PAGE = Path(__file__).parents[3] / "docs" / "explain" / "performance.md"
HTTP_API = INFRA / "http_api.yaml"
QUIET: dict[str, Any] = {"log_lines": False, "lambda_report": "none"}


def total(load: Load) -> float:
    return sum(dollars_per_million(units(load), aws_prices()).values())


# --- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lines", [1, 10, 100, 500])
def test_the_assumed_sizes_are_those_of_real_orders(lines: int) -> None:
    check_sizes(sizes(lines), {"currency": "GBP", "items": real_lines(lines), "reference": "536365"})


def test_the_sizes_of_a_shops_basket_are_its_own() -> None:
    check_sizes(SHOP_BASKET, shop_basket())


def test_a_shops_basket_is_priced_beside_real_orders_and_ten_lines() -> None:
    printed = rows()
    for name, mix in (
        ("as real orders", real_baskets()),
        ("ten lines", only(sizes(10))),
        ("a shop's basket, 20 lines", only(SHOP_BASKET)),
    ):
        loads = comparison.ways(Load(sizes=mix)).values()
        assert [float(each) for each in printed[name][2:]] == pytest.approx([total(each) for each in loads], abs=0.006)
        assert float(printed[name][1]) == pytest.approx(units(Load(sizes=mix)).write_units, abs=0.006)
    assert units(Load(sizes=only(SHOP_BASKET))).write_units == 3


def test_a_mix_costs_the_mean_of_its_orders() -> None:
    small, large = only(sizes(1)), only(sizes(100))
    mix = ((0.75, sizes(1)), (0.25, sizes(100)))
    mean = 0.75 * total(Load(sizes=small)) + 0.25 * total(Load(sizes=large))
    assert total(Load(sizes=mix)) == pytest.approx(mean)
    assert sum(share for share, _ in real_baskets()) == pytest.approx(1)


def check_sizes(size: Sizes, posted: dict[str, Any]) -> None:
    order = an_order(new=posted)
    context = RequestContext(NOW, "c" * 36)
    command = commands.encode(orders.parse(NewOrder, posted), order_id=ORDER_ID, customer_id=CUSTOMER, context=context)
    event = events.between(None, order, source="urn:orders:prod")
    assert event is not None
    attributes = sum(
        len(name) + len(each["DataType"]) + len(each["StringValue"].encode())
        for name, each in event_topic.message_attributes(event).items()
    )
    assert size.item * KB == pytest.approx(item_size(order_items.to_item(order)), rel=0.02)
    assert size.command * KB == pytest.approx(len(command.encode()), rel=0.02)
    assert size.event * KB == pytest.approx(len(event.to_json().encode()) + attributes, rel=0.02)
    assert pytest.approx(item_size(index_entry(order_items.to_item(order))), rel=0.02) == INDEX_ENTRY


# --- units ------------------------------------------------------------------------------------------------------------


def test_direct_acceptance_saves_the_function_and_nothing_else() -> None:
    by_lambda, direct = units(Load()), units(Load(direct=True))
    assert direct.gb_seconds < by_lambda.gb_seconds
    assert direct.rest_requests == by_lambda.rest_requests
    assert direct.sqs_requests == by_lambda.sqs_requests
    assert direct.write_units == by_lambda.write_units


def of_lines(lines: int, **changes: Any) -> Units:
    return units(Load(sizes=only(sizes(lines)), **changes))


def test_a_large_order_is_billed_by_the_kilobyte_stored_and_by_64_kilobytes_sent() -> None:
    ten, many = of_lines(10), of_lines(1_000)
    assert (ten.write_units, many.write_units) == (1 + 1, 47 + 1)  # the index has no lines
    # 80 KB are two requests to send; ten of them are 13 to receive, and one to delete.
    assert ten.sqs_requests == pytest.approx(1 + 2 / 10)
    assert many.sqs_requests == pytest.approx(2 + 14 / 10)
    # Three such events are a batch of 243 KB: four requests.
    assert ten.sns_requests == pytest.approx(1 / 10)
    assert many.sns_requests == pytest.approx(4 / 3)


def test_events_are_published_in_batches_only_as_large_as_their_records_arrive() -> None:
    assert of_lines(10, records=1).sns_requests == 1
    assert of_lines(10, records=4).sns_requests == pytest.approx(1 / 4)
    assert of_lines(10, records=100).sns_requests == pytest.approx(1 / 10)


def test_a_larger_batch_takes_longer_and_costs_less_per_order() -> None:
    ten, hundred = of_lines(10, batch=10, cold=0), of_lines(10, batch=100, cold=0)
    assert 0 < ten.gb_seconds - hundred.gb_seconds < (1 / 10 - 1 / 100) * 0.030 / 2  # of 512 MB


def test_every_subscriber_receives_and_deletes() -> None:
    assert of_lines(10, subscribers=3).sqs_requests == pytest.approx(of_lines(10).sqs_requests + 3 * 2 / 10)
    assert of_lines(100, subscribers=1).sqs_requests == pytest.approx(of_lines(100).sqs_requests + 3 / 10)


def test_lambdas_pollers_receive_ten_messages_at_a_time_at_most() -> None:
    assert of_lines(10, batch=100).sqs_requests == of_lines(10, batch=10).sqs_requests
    assert of_lines(10, batch=1).sqs_requests == pytest.approx(3)


def test_lambdas_own_lines_cost_most_as_json_and_nothing_from_level_warn_on() -> None:
    text, as_json, none = (of_lines(10, lambda_report=each).log_gb for each in ("text", "json", "none"))
    assert none < text < as_json
    assert of_lines(10, **QUIET).log_gb == 0


def test_a_cold_start_is_billed() -> None:
    memory = {"memory_mb": 1024, "authorizer_memory_mb": 1024}
    warm, cold = (of_lines(10, cold=share, init_ms=400, **memory) for share in (0, 0.5))
    assert cold.gb_seconds - warm.gb_seconds == pytest.approx(warm.lambda_requests * 0.5 * 0.4)


def test_each_cold_start_of_the_apis_function_reads_the_secret() -> None:
    assert of_lines(10, cold=0.01, reads=2).secret_reads == pytest.approx(0.03)
    assert of_lines(10, cold=0.01, direct=True).secret_reads == 0


def test_each_function_has_the_memory_of_the_deployment() -> None:
    functions = json.loads((PROJECT_DIR / ".chalice" / "config.json").read_text())["lambda_functions"]
    memory = {name: each["lambda_memory_size"] for name, each in functions.items()}
    assert memory.pop("authorizer") == Load().authorizer_memory_mb
    assert set(memory.values()) == {Load().memory_mb}
    small, large = (of_lines(10, authorized=1, authorizer_memory_mb=size) for size in (256, 512))
    assert large.gb_seconds > small.gb_seconds


# --- dollars ----------------------------------------------------------------------------------------------------------


def test_what_a_setting_changes_is_the_difference_between_two_estimates() -> None:
    price = aws_prices()
    found = comparison.differences(Load(), price)
    alone = total(Load(batch=1, records=1)) - total(Load())
    assert found["each order arrives alone, without batching windows"][1] == pytest.approx(alone)
    group = found["no message group: one customer's many orders delay another's"]
    assert group == pytest.approx([-price["sqs"]["per_million_fair_requests"]] * 3, abs=0.01)
    assert found["each order has a token of its own"][0] is None, "an HTTP API checks tokens itself"
    provisioned = found["provisioned capacity, 70% of it used"][0]
    assert provisioned is not None
    # An hour of a unit writes 3,600 KB, of which 70 % are used.
    a_million = price["dynamodb"]["per_write_unit_hour"] * 1e6 / 3_600 / 0.7
    assert provisioned == pytest.approx(units(Load()).write_units * (a_million - 0.625))


@pytest.mark.parametrize(
    ("larger", "more"), [("batch", False), ("reads", True), ("keyed", True), ("subscribers", True)]
)
def test_the_options_change_the_price(larger: str, *, more: bool) -> None:
    small, large = (total(Load(**{larger: value})) for value in (1, 9))  # type: ignore[arg-type]  # numbers all
    assert (large > small) is more


def test_standing_costs_are_counted_from_the_templates() -> None:
    price = aws_prices()
    standing = standing_per_month(price, own_key=False)
    (alarms,) = [name for name in standing if name.endswith(" alarms")]
    assert standing[alarms] == pytest.approx(int(alarms.split()[0]) * 0.10)
    assert standing["1 secret"] == 0.40
    assert sum(standing_per_month(price, own_key=True).values()) == pytest.approx(sum(standing.values()) + 1)


def test_a_stage_with_an_http_api_has_no_alarm_and_no_metric_of_the_issuers_keys() -> None:
    template = templates.load(HTTP_API)
    assert not any(each["Type"].startswith("AWS::CloudWatch") for each in template["Resources"].values())
    http, rest = (standing_per_month(aws_prices(), own_key=False, http=each) for each in (True, False))
    of_http, of_rest = ([int(name.split()[0]) for name in each if name[0].isdigit()] for each in (http, rest))
    assert [of_rest[n] - of_http[n] for n in range(4)] == [1, 1, 0, 0], "metrics, alarms, dashboard, secret"
    assert sum(rest.values()) - sum(http.values()) == pytest.approx(0.30 + 0.10)


def test_stored_orders_cost_their_size_in_table_index_and_backup() -> None:
    a_gigabyte = 1024**3 / (sizes(10).item * KB + 100)
    without_index = a_gigabyte * (INDEX_ENTRY + 100) / 1024**3 * 0.25
    assert kept_per_month(round(a_gigabyte), only(sizes(10)), aws_prices()) - without_index == pytest.approx(
        0.25 + 0.20, rel=1e-3
    )


def test_the_documented_prices_are_those_of_the_model() -> None:
    table = [line.split("|")[1:-1] for line in PAGE.read_text().partition("## Money")[2].splitlines() if "|" in line]
    table, differences = table[: 2 + 6], table[2 + 6 : 2 + 6 + 2 + 8]
    mixes = {"real orders": real_baskets(), "a shop's basket": only(SHOP_BASKET)}
    for name, written, *dollars in table[2:]:
        mix = mixes.get(name.strip()) or only(sizes(int(name.split()[0])))
        load = Load(sizes=mix)
        assert float(written) == pytest.approx(units(load).write_units, abs=0.006)
        assert [float(each) for each in dollars] == pytest.approx(
            [total(each) for each in comparison.ways(load).values()], abs=0.006
        )
    shown = [[None if not cell.strip() else float(cell) for cell in row[1:]] for row in differences[2:]]
    for printed, modelled in zip(shown, comparison.differences(Load(), aws_prices()).values(), strict=True):
        assert printed == [None if each is None else pytest.approx(each, abs=0.006) for each in modelled]


# --- the command ------------------------------------------------------------------------------------------------------


def rows(*options: str) -> dict[str, list[str]]:
    done = CliRunner().invoke(cost, ["--orders-per-month", "2000000", *options])
    assert done.exit_code == 0, done.output
    cells = [line.split("\t") for line in done.output.splitlines() if "\t" in line]
    return {row[0]: row[1:] for row in cells}


def test_the_commands_sums_add_up() -> None:
    printed = rows()
    assert [float(each) for each in printed["all"]] == pytest.approx(
        [times * total(load) for load in comparison.ways(Load()).values() for times in (1, 2)], abs=0.015
    )
    price = aws_prices()
    standing = [sum(standing_per_month(price, own_key=False, http=each).values()) for each in (True, False)]
    kept = kept_per_month(2_000_000, real_baskets(), price)
    assert [float(each) for each in printed["all of it"]] == pytest.approx([each + kept for each in standing], abs=0.01)


def test_the_command_has_options_for_large_orders_quiet_functions_and_a_key() -> None:
    load = Load(sizes=only(sizes(500)), http=True, lambda_report="none", subscribers=3, batch=100)
    printed = rows(
        "--lines=500", "--lambda-report=none", "--subscribers=3", "--batch-size=100", "--own-key", "--kept=0"
    )
    assert float(printed["all"][0]) == pytest.approx(total(load), abs=0.01)
    assert printed["A key of one's own"] == ["1.00", "1.00"]
    assert printed["0 orders kept"] == ["0.00", "0.00"]


def test_measured_durations_replace_the_assumed_ones() -> None:
    load = Load(http=True, process_ms=50, process_order_ms=0, publish_ms=200, publish_call_ms=0)
    printed = rows("--process-ms=50", "--publish-ms=200")
    assert float(printed["all"][0]) == pytest.approx(total(load), abs=0.01)


@pytest.mark.parametrize("option", ["--reads=nan", "--accept-ms=inf", "--cold=nan", "--keyed=nan", "--lines=0"])
def test_a_value_that_is_not_a_number_is_refused(option: str) -> None:
    done = CliRunner().invoke(cost, ["--orders-per-month", "1", option])
    assert done.exit_code == 2, done.output
