"""Commands: what the API asks the processor to do. Frozen and versioned, made once at the door."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from pydantic_core import from_json

from chalicelib.errors import Poison
from chalicelib.order_ids import ORDER_ID_PATTERN
from chalicelib.orders import CUSTOMER_ID_PATTERN, TIMESTAMP_PATTERN, NewOrder

CORRELATION_ID_PATTERN = r"^[\x21-\x7e]{1,128}$"


class PlaceOrder(BaseModel):
    """The envelope of one order on its way; `order` is judged by the processor, which trusts no queue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["PlaceOrder"] = "PlaceOrder"
    version: Literal[1] = 1
    order_id: Annotated[str, StringConstraints(strict=True, pattern=ORDER_ID_PATTERN)]
    customer_id: Annotated[str, StringConstraints(strict=True, pattern=CUSTOMER_ID_PATTERN)]
    placed_at: Annotated[str, StringConstraints(strict=True, pattern=TIMESTAMP_PATTERN)]
    correlation_id: Annotated[str, StringConstraints(strict=True, pattern=CORRELATION_ID_PATTERN)]
    order: Any


def encode(order: NewOrder, *, order_id: str, customer_id: str, placed_at: str, correlation_id: str) -> str:
    head = json.dumps(
        {
            "type": "PlaceOrder",
            "version": 1,
            "order_id": order_id,
            "customer_id": customer_id,
            "placed_at": placed_at,
            "correlation_id": correlation_id,
        }
    )
    # The order is serialised once, by pydantic's own writer, and goes in as it is.
    return f'{head[:-1]}, "order": {order.model_dump_json(exclude_none=True)}}}'


def decode(body: str) -> PlaceOrder:
    """Read an envelope; raises Poison when there is none."""
    try:
        return PlaceOrder.model_validate(from_json(body, allow_inf_nan=False))
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['type']}" for e in error.errors()[:5])
        raise Poison(f"not a command envelope: {what}") from error
    except (ValueError, RecursionError) as error:
        raise Poison("not JSON") from error
