"""The README's figures are those of docs/explain/performance.md and of the cost model."""

import re

import pytest

from ordersctl.estimate.cost.aws_prices import aws_prices
from ordersctl.estimate.cost.per_order import Load, dollars_per_million, units
from ordersctl.shared.project import PROJECT_DIR

README = (PROJECT_DIR / "README.md").read_text().partition("## What an order costs")[2]
PAGE = (PROJECT_DIR / "docs" / "explain" / "performance.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]


def measured(*figures: str) -> list[str]:
    """The ratios of rows of the page's first table."""
    ratio = {row[0]: row[3] for row in ROWS if len(row) == 5}
    return [ratio[figure] for figure in figures]


def warm(*calls: str) -> list[str]:
    """Ours by Chalice's, from the table of warm calls."""
    named = {row[0]: row for row in ROWS if len(row) == 7}
    return [f"{float(named[call][1]) / float(named[call][3]):.2f}" for call in calls]


def per_order(*batches: str) -> list[str]:
    """The ratios of the table of batches."""
    ratio = {row[0]: row[3] for row in ROWS if len(row) == 4}
    return [ratio[batch] for batch in batches]


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
        ("a warm accept, read, list of 20", warm("accept", "read", "list of 20")),
        ("a warm accept, instructions", measured("warm accept against the raw handler")),
        ("processed, a hundred events published, instr", per_order("process, batch of 100", "publish, batch of 100")),
        (
            "CPU time of the first of these cold starts",
            measured("CPU of a cold accept, by `ordersctl package`, against Chalice's own"),
        ),
        (
            "a hundred orders processed: time",
            measured("process 100, wall, against one by one", "process 100, CPU, against one by one"),
        ),
        (
            "a hundred events published: time",
            measured("publish 100, wall, against one by one", "publish 100, CPU, against one by one"),
        ),
    ],
)
def test_every_ratio_in_the_readme_is_the_performance_pages(row: str, ratios: list[str]) -> None:
    """To the last digit: another run of `make bench` may give other times, and then both documents change."""
    (line,) = [line for line in README.splitlines() if line.startswith("|") and row in line]
    assert line.strip("|").split("|")[1].strip() == ", ".join(ratios)


def test_the_calls_in_the_readme_are_the_performance_pages() -> None:
    ours = {row[0]: row[1] for row in ROWS if len(row) == 5}
    without, with_key = (ours[f"AWS calls per order, {each} key"] for each in ("without a", "with a"))
    said = f"an order takes {without} calls to AWS from the API to its event ({with_key} with an `Idempotency-Key`)"
    assert said in " ".join(README.split())


def test_every_price_in_the_readme_matches_the_cost_model() -> None:
    said = [float(each) for each in re.findall(r"\$(\d+\.\d\d)", README)]
    loads = (Load(http=True), Load(), Load(batch=1, records=1))
    assert said == pytest.approx(
        [sum(dollars_per_million(units(each), aws_prices()).values()) for each in loads], abs=0.006
    )
