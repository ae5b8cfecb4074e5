"""What AWS charges: the price list of aws_prices.toml, in US dollars."""

import tomllib
from pathlib import Path
from typing import Any


def aws_prices() -> dict[str, Any]:
    """Return service -> unit -> US dollars; `dynamodb.per_million_write_units` is the price of a write."""
    return tomllib.loads(Path(__file__).with_name("aws_prices.toml").read_text())
