"""The README's figures are those of docs/explain/performance.md and of the cost model."""

import re

import pytest

from ordersctl.estimate.cost.aws_prices import aws_prices
from ordersctl.estimate.cost.per_order import Load, dollars_per_million, units
from ordersctl.shared.project import PROJECT_DIR

README = (PROJECT_DIR / "README.md").read_text().partition("## What an order costs")[2]
PAGE = (PROJECT_DIR / "docs" / "explain" / "performance.md").read_text()


NEAR = 0.07  # so far apart are two runs of `make bench`: of a processor's time on a busy machine


def measured(*figures: str) -> list[float]:
    """The ratios of rows of the page's first table."""
    cells = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| ")]
    ratio = {row[0].strip(): float(row[3]) for row in cells if len(row) == 5 and row[3].strip()[:1].isdigit()}
    return [ratio[figure] for figure in figures]


def warm(*calls: str) -> list[float]:
    """Ours by Chalice's, from the table of warm calls."""
    rows = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| ")]
    named = {row[0].strip(): row for row in rows if len(row) == 7}
    return [float(named[call][1]) / float(named[call][3]) for call in calls]


@pytest.mark.parametrize(
    ("row", "ratios"),
    [
        ("by `ordersctl package`", measured("cold accept, by `ordersctl package`, against Chalice's own")),
        (
            "bytecode in both packages",
            measured(
                "cold accept, bytecode for both, against FastAPI + Mangum",
                "cold accept, bytecode for both, against Powertools",
                "cold accept, bytecode for both, against Chalice",
                "cold accept, bytecode for both, against tuned Chalice",
            ),
        ),
        (
            "CPU time of that cold start",
            measured("CPU of a cold accept, by `ordersctl package`, against Chalice's own"),
        ),
        ("a warm accept, read, list of 20", warm("accept", "read", "list of 20")),
        ("a warm accept, instructions", measured("warm accept against the raw handler")),
        (
            "a hundred orders processed",
            measured("process 100, wall, against one by one", "process 100, CPU, against one by one"),
        ),
        (
            "a hundred events published",
            measured("publish 100, wall, against one by one", "publish 100, CPU, against one by one"),
        ),
    ],
)
def test_every_ratio_in_the_readme_matches_the_performance_page(row: str, ratios: list[float]) -> None:
    (line,) = [line for line in README.splitlines() if line.startswith("|") and row in line]
    assert [float(each) for each in line.strip("|").split("|")[1].split(",")] == pytest.approx(ratios, abs=NEAR)


def test_every_price_in_the_readme_matches_the_cost_model() -> None:
    said = [float(each) for each in re.findall(r"\$(\d+\.\d\d)", README)]
    loads = (Load(http=True), Load(), Load(batch=1, records=1))
    assert said == pytest.approx(
        [sum(dollars_per_million(units(each), aws_prices()).values()) for each in loads], abs=0.006
    )
