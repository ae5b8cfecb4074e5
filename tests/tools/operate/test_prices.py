"""`ordersctl prices`: the table of prices is filled from a file, checked whole before the first write."""

from pathlib import Path

import pytest

from tests.tools.operate.stage import OperatedStage

TABLE = "orders-local-prices"
HEADER = "sku,currency,unit_price\n"


@pytest.fixture(autouse=True)
def no_prices(stage: OperatedStage) -> None:
    for item in stage.dynamodb.scan(TableName=TABLE)["Items"]:
        stage.dynamodb.delete_item(TableName=TABLE, Key={"sku": item["sku"], "currency": item["currency"]})


def load(stage: OperatedStage, tmp_path: Path, lines: str, *options: str, answer: str | None = None) -> str:
    file = tmp_path / "prices.csv"
    file.write_text(HEADER + lines)
    return stage.run("prices", "load", str(file), *options, answer=answer).output


def prices(stage: OperatedStage, *skus: str) -> dict[str, int]:
    return {row["sku"] + row["currency"]: row["unit_price"] for row in stage.json("prices", "show", *skus)}


def test_prices_are_written_after_confirmation_and_shown(stage: OperatedStage, tmp_path: Path) -> None:
    assert "2 new, 0 changed, 0 removed" in load(stage, tmp_path, "A,GBP,1\nB,EUR,2\n", answer="n\n")
    assert prices(stage) == {}
    load(stage, tmp_path, "A,GBP,1\nB,EUR,2\n", answer="y\n")
    assert prices(stage) == {"AGBP": 1, "BEUR": 2}
    assert prices(stage, "B") == {"BEUR": 2}


def test_loading_again_changes_nothing(stage: OperatedStage, tmp_path: Path) -> None:
    load(stage, tmp_path, "A,GBP,1\n", "--yes")
    assert load(stage, tmp_path, "A,GBP,1\n", "--yes").startswith("Nothing to do: 0 new, 0 changed")


def test_only_pruning_removes_what_the_file_does_not_name(stage: OperatedStage, tmp_path: Path) -> None:
    load(stage, tmp_path, "A,GBP,1\nB,GBP,2\n", "--yes")
    load(stage, tmp_path, "A,GBP,3\n", "--yes")
    assert prices(stage) == {"AGBP": 3, "BGBP": 2}
    assert "0 new, 0 changed, 1 removed, 1 as they were" in load(stage, tmp_path, "A,GBP,3\n", "--prune", "--yes")
    assert prices(stage) == {"AGBP": 3}


def test_more_prices_than_one_call_takes(stage: OperatedStage, tmp_path: Path) -> None:
    load(stage, tmp_path, "".join(f"S{n},GBP,{n}\n" for n in range(60)), "--yes")
    assert len(stage.json("prices", "show", "--limit", "100")) == 60
    assert "50 more prices" in stage.run("prices", "show", "--limit", "10").output


def test_a_wrong_file_writes_nothing_and_is_exit_status_2(stage: OperatedStage, tmp_path: Path) -> None:
    assert "line 3: the unit_price is not a whole number" in load(stage, tmp_path, "A,GBP,1\nB,GBP,2.50\n", "--yes")
    assert prices(stage) == {}
