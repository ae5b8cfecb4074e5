"""The prices of docs/operate/deploy.md are those of the cost model."""

from ordersctl.estimate.cost.aws_prices import aws_prices
from ordersctl.estimate.cost.standing import standing_per_month
from ordersctl.shared.project import PROJECT_DIR

PAGE = (PROJECT_DIR / "docs" / "operate" / "deploy.md").read_text()


def test_the_page_counts_as_many_alarms_as_the_templates_have() -> None:
    (alarms,) = [name for name in standing_per_month(aws_prices(), own_key=False) if name.endswith(" alarms")]
    assert f"{alarms} ($0.10 each)" in PAGE
