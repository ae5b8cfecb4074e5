"""Options, and types of option values, that several commands share."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts in place of tables.")
yes = click.option("--yes", is_flag=True, help="Do not ask.")


def rate(default: float, *, least: float) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return the option --rate, of at most 1,000 a second."""
    kind = click.FloatRange(least, 1_000)
    return click.option(
        "--rate", metavar="N", type=kind, default=default, show_default=True, help="At most N a second."
    )


class Finite(click.FloatRange):
    """A range of numbers without NaN and the infinities."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        converted = super().convert(value, param, ctx)
        if not math.isfinite(converted):
            self.fail("not a finite number.", param, ctx)
        return converted


class HttpUrl(click.ParamType[str]):
    """A whole URL of http or https."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        import httpx  # noqa: PLC0415 - slow to import, and few commands take a URL

        try:
            url = httpx.URL(value)
        except httpx.InvalidURL as error:
            self.fail(f"{error}.", param, ctx)
        if url.scheme not in {"http", "https"} or not url.host:
            self.fail("give a whole URL such as http://127.0.0.1:8000.", param, ctx)
        return str(value)


url = click.option("--url", metavar="URL", type=HttpUrl(), help="The API.  [default: the local run's]")


class CustomerId(click.ParamType[str]):
    """A customer's id as orders have it, those of earlier releases included."""

    name = "customer_id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from chalicelib.domain.orders import STORED_CUSTOMER_ID_PATTERN  # noqa: PLC0415 - as httpx above

        if not re.fullmatch(STORED_CUSTOMER_ID_PATTERN.strip("^$"), value):
            self.fail(r"a customer id is 1 to 128 visible ASCII characters, and none of / \ # ? %.", param, ctx)
        return str(value)


class OrderId(click.ParamType[str]):
    """A well-formed order id; this does not check that the order exists."""

    name = "order_id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from chalicelib.domain.order_ids import is_well_formed  # noqa: PLC0415 - as httpx above

        if not is_well_formed(value):
            self.fail(f"{value} is not an order id.", param, ctx)
        return str(value)


def in_a_directory(_context: click.Context, _option: click.Parameter, value: Path | None) -> Path | None:
    """Refuse a file in a directory that does not exist."""
    # A directory that a mistyped path would make holds what customers sent, where nobody looks for it.
    if value is not None and not value.parent.is_dir():
        raise click.BadParameter(f"there is no directory {value.parent}.")
    return value
