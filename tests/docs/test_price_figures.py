"""The prices of the pages about deployment and performance are those of the cost model."""

import re

import pytest

from ordersctl.estimate.cost.aws_prices import aws_prices
from ordersctl.estimate.cost.standing import standing_per_month
from ordersctl.shared.project import PROJECT_DIR

PAGE = (PROJECT_DIR / "docs" / "operate" / "deploy.md").read_text()
_HOUR_OF_A_UNIT = 3_600  # writes of 1 KB that a provisioned write unit takes in an hour


def test_the_page_counts_as_many_alarms_as_the_templates_have() -> None:
    (alarms,) = [name for name in standing_per_month(aws_prices(), own_key=False) if name.endswith(" alarms")]
    assert f"{alarms} ($0.10 each)" in PAGE


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("operate/deploy.md", r"`PROVISIONED` with autoscaling is cheaper above about (\d+) % steady use"),
        ("explain/performance.md", r"costs less than on-demand if more than (\d+) % of it is used"),
    ],
)
def test_the_pages_say_from_which_use_on_provisioned_capacity_is_cheaper(path: str, sentence: str) -> None:
    price = aws_prices()["dynamodb"]
    on_demand = price["per_million_write_units"] / 1e6 * _HOUR_OF_A_UNIT
    (said,) = re.findall(sentence, (PROJECT_DIR / "docs" / path).read_text())
    assert int(said) == round(100 * price["per_write_unit_hour"] / on_demand)
