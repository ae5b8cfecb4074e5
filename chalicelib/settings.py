"""The service's settings, read once from the environment."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import NamedTuple

LOCAL_ENGINE = "http://127.0.0.1:4566"
AWS_CLIENTS = ("thin", "botocore")
CUSTOMER_PRICES = ("trusted", "checked")

MOST_INDEX_KEYS = 32  # the first queries of a list then read half of what a page may read: adapters/merged_lists.py
# As in AllowedPattern of SpreadCustomers (infra/resources.yaml). "," and "=" are separators, and direct acceptance
# writes the value into a template, where quotes and dollar signs would be read otherwise.
_SPREAD_CUSTOMER = r"([A-Za-z0-9._:@|+~-]{1,128})=(?:([0-9]{1,2})\.\.)?([0-9]{1,2})(:people)?"


class SettingsError(Exception):
    """A setting is missing, or its value is not an allowed one; the message names the setting."""


class SpreadCustomer(NamedTuple):
    """A customer with so many orders that the index keeps them under several keys (docs/adr/0025)."""

    written: int  # keys over which new orders are spread
    read: int  # keys that a list reads; more than are written only while the number is being raised
    is_people: bool  # many persons share the customer's id, as guests do


Spread = Mapping[str, SpreadCustomer]  # by customer id


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is the environment variable of the same name in capitals; one with a default is optional."""

    stage: str
    order_table: str
    order_queue_url: str
    order_dead_letter_queue_url: str
    event_topic_arn: str
    event_dead_letter_queue_url: str
    id_secret_arn: str
    jwt_issuer: str
    jwt_audience: str
    jwt_jwks: str
    event_bus_name: str = ""  # publish to this EventBridge bus in place of the topic
    dax_endpoint: str = ""  # answer reads through this DAX cluster
    customer_claim: str = "sub"
    customer_prices: str = "trusted"  # or "checked": customers' orders are compared with the price table
    price_table: str = ""
    scope_claim: str = "scope"  # or several names, separated by spaces
    audience_claim: str = ""  # of tokens without aud, as Cognito's access tokens: client_id
    aws_endpoint_url: str = ""
    aws_client: str = "thin"  # or "botocore": chalicelib/wiring.py says when
    # "1" only where the event source mappings read what a handler returns. Any other mapping takes a returned
    # failure for success, and the message is lost: so the default is "no".
    report_batch_item_failures: str = ""
    spread_customers: str = ""  # as in "guest=16:people,market-7=8"; "4..16" while a 4 is being raised to 16

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read the settings; raises SettingsError, which names the missing or wrong ones."""
        values = {field.name: env.get(field.name.upper()) or field.default for field in fields(cls)}
        if missing := [name.upper() for name, value in values.items() if value is MISSING]:
            raise SettingsError(f"not set in the environment: {', '.join(missing)}")
        if values["aws_client"] not in AWS_CLIENTS:
            raise SettingsError(f"AWS_CLIENT is {values['aws_client']!r}, and not one of {', '.join(AWS_CLIENTS)}")
        if values["customer_prices"] not in CUSTOMER_PRICES:
            # Only the exact word "trusted" switches the check off: a typing error must not let customers name prices.
            named = ", ".join(CUSTOMER_PRICES)
            raise SettingsError(f"CUSTOMER_PRICES is {values['customer_prices']!r}, and not one of {named}")
        if values["customer_prices"] == "checked" and not values["price_table"]:
            raise SettingsError("not set in the environment: PRICE_TABLE, which CUSTOMER_PRICES=checked needs")
        parse_spread(str(values["spread_customers"]))
        return cls(**values)  # type: ignore[arg-type]  # MISSING was refused above

    @property
    def checks_customer_prices(self) -> bool:
        return self.customer_prices == "checked"

    @property
    def spread(self) -> Spread:
        return parse_spread(self.spread_customers)

    @property
    def reports_batch_item_failures(self) -> bool:
        return self.report_batch_item_failures == "1"

    @property
    def endpoint_url(self) -> str | None:
        """AWS's address; None for AWS itself. Stage local has the embedded engine's."""
        return self.aws_endpoint_url or (LOCAL_ENGINE if self.stage == "local" else None)


def parse_spread(text: str) -> Spread:
    """Read SPREAD_CUSTOMERS; raises SettingsError naming the part that cannot be used."""
    spread: dict[str, SpreadCustomer] = {}
    for part in filter(None, text.split(",")):
        if not (found := re.fullmatch(_SPREAD_CUSTOMER, part)):
            raise SettingsError(f"SPREAD_CUSTOMERS: {part!r} is not like guest=16:people or market-7=8")
        customer_id, written, read, people = found.groups()
        each = SpreadCustomer(int(written or read), int(read), people is not None)
        if not (1 <= each.written <= MOST_INDEX_KEYS and 1 <= each.read <= MOST_INDEX_KEYS):
            raise SettingsError(f"SPREAD_CUSTOMERS: {part!r}: the number of keys must be 1 to {MOST_INDEX_KEYS}")
        if each.written > each.read:
            raise SettingsError(f"SPREAD_CUSTOMERS: {part!r}: the first number must not exceed the second")
        if customer_id in spread:
            raise SettingsError(f"SPREAD_CUSTOMERS: {customer_id} is there twice")
        spread[customer_id] = each
    return spread
