"""SpreadCustomers from one deployment to the next: a number of keys only rises, and readers learn of it first."""

from collections.abc import Mapping

import click

from chalicelib.settings import SettingsError, Spread, SpreadCustomer, parse_spread
from ordersctl.shared.output import number_of

SETTING = "SpreadCustomers"
_NOT_SPREAD = SpreadCustomer(1, 1, is_people=False)


def spread_of(parameters: Mapping[str, str]) -> Spread:
    """Return the customers that these parameters spread; ClickException."""
    try:
        return parse_spread(parameters.get(SETTING, ""))
    except SettingsError as error:
        raise click.ClickException(str(error).replace("SPREAD_CUSTOMERS", SETTING)) from None


def check_only_rises(before: Mapping[str, str], given: Mapping[str, str]) -> None:
    """Raise ClickException if a customer would be spread over fewer keys than before, by a stack's parameters."""
    wanted = spread_of(given)
    for customer_id, old in spread_of(before).items():
        new = wanted.get(customer_id, _NOT_SPREAD)
        if new.written < old.written or new.read < old.read:
            raise click.ClickException(
                f"{SETTING}: {customer_id} is spread over {number_of(old.read, 'key')} of the index and cannot go back "
                f"to {new.read}: the customer's list would lose the orders under the other keys. A number only rises."
            )


def steps(functions: Spread | None, given: Mapping[str, str]) -> list[str]:
    """Return the values to deploy one after the other; the last is the given one.

    There are two where the functions that are deployed read fewer keys than are to be written: a list would miss orders
    until the API's function is updated too. So the first value only has more keys read. `functions` is what these
    functions have, None where none is deployed. Raises ClickException.
    """
    text, wanted = given.get(SETTING, ""), spread_of(given)
    if functions is None:
        return [text]
    found = {customer_id: functions.get(customer_id, _NOT_SPREAD) for customer_id in wanted}
    unread = {customer_id for customer_id, each in wanted.items() if each.written > found[customer_id].read}
    if not unread:
        return [text]
    first = [
        _text(customer_id, found[customer_id].written if customer_id in unread else each.written, each)
        for customer_id, each in wanted.items()
    ]
    return [",".join(first), text]


def _text(customer_id: str, written: int, each: SpreadCustomer) -> str:
    return f"{customer_id}={written}..{each.read}{':people' if each.is_people else ''}"
