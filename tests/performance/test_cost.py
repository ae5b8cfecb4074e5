"""`ordersctl cost`: the model, and what the command prints of it."""

from datetime import date

import pytest
from click.testing import CliRunner

from ordersctl.cost import cost
from ordersctl.cost_model import Load, dollars_per_million, prices, units


def total(load: Load) -> float:
    return sum(dollars_per_million(units(load), prices()).values())


def test_every_price_is_dated_and_has_a_source() -> None:
    price = prices()
    assert isinstance(price.pop("as_of"), date)
    from ordersctl.cost_model import PRICES  # noqa: PLC0415 - the file's own text, for this test

    sections = [line for line in PRICES.read_text().splitlines() if line.startswith("[")]
    assert len(sections) == len(price)
    assert all("https://" in line for line in sections)


def test_direct_acceptance_saves_the_function_and_nothing_else() -> None:
    by_lambda, direct = units(Load()), units(Load(direct=True))
    assert direct.gb_seconds < by_lambda.gb_seconds
    assert direct.rest_requests == by_lambda.rest_requests
    assert direct.sqs_requests == by_lambda.sqs_requests
    assert direct.write_units == by_lambda.write_units


def test_without_log_lines_a_million_orders_cost_what_was_aimed_at() -> None:
    quiet = {"log_lines": False, "lambda_report": False}
    assert total(Load(**quiet)) <= 6.2
    assert total(Load(direct=True, **quiet)) <= 5.7


@pytest.mark.parametrize(("larger", "more"), [("batch", False), ("item_kb", True), ("reads", True), ("keyed", True)])
def test_what_is_asked_for_changes_the_price(larger: str, *, more: bool) -> None:
    small, large = (total(Load(**{larger: value})) for value in (1, 9))  # type: ignore[arg-type]  # numbers all
    assert (large > small) is more


def test_the_command_adds_up() -> None:
    done = CliRunner().invoke(cost, ["--orders-per-month", "2000000"])
    assert done.exit_code == 0, done.output
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.output.splitlines() if "│" in line]
    (footer,) = [row for row in rows if row[0] == "all"]
    assert float(footer[1]) == pytest.approx(total(Load()), abs=0.01)
    assert float(footer[2]) == pytest.approx(2 * total(Load()), abs=0.01)
