"""Commands: what the API asks the processor to do, as messages of the order queue. Frozen and versioned.

Two releases run at once during every deployment, so a processor may meet an envelope of a newer release. It cannot tell
a new field from a wrong one: the envelope says by its `revision` what a reader must know (docs/operate/releases.md).
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import from_json

from chalicelib.domain.errors import Fault, Poison
from chalicelib.domain.order_ids import ORDER_ID_PATTERN
from chalicelib.domain.orders import STORED_CUSTOMER_ID_PATTERN, TIMESTAMP_PATTERN, NewOrder
from chalicelib.domain.request_context import PlacedBy, RequestContext

CORRELATION_ID_PATTERN = r"^[\x21-\x7e]{1,128}$"
TRACEPARENT_PATTERN = r"^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"  # W3C Trace Context, section 3.2

VERSION = 1
_CUSTOMER_OF_1 = re.compile("[A-Za-z0-9._-]{1,64}")


def _needs_2(order: NewOrder, customer_id: str) -> bool:
    new_fields = (order.adjustments, order.billing_address, order.contact, order.metadata, order.ordered_at)
    address, note = order.shipping_address, order.note or ""
    return (
        new_fields != (None,) * len(new_fields)
        or (address is not None and bool(address.company or address.phone or address.country == "XK"))
        or len(note) > 1_000  # noqa: PLR2004 - these were the limits of revision 1
        or any(each in note for each in "\t\n\r")
        or any(line.name is not None and len(line.name) > 200 for line in order.items)  # noqa: PLR2004
        or not _CUSTOMER_OF_1.fullmatch(customer_id)
    )


# Each revision above the first, with whether an order needs it: a field or a value that an earlier revision refuses.
NEEDS: Mapping[int, Callable[[NewOrder, str], bool]] = {2: _needs_2}
REVISION = max(NEEDS, default=1)  # the newest that this release reads
_PLACED_BY = 2  # the first revision with the member placed_by


def _exists(timestamp: str) -> str:
    datetime.fromisoformat(timestamp)
    return timestamp


class PlaceOrder(BaseModel):
    """The envelope of one accepted order. The processor validates `order` again: the queue may have other senders."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["PlaceOrder"] = "PlaceOrder"
    version: Literal[1] = 1
    revision: Annotated[int, Field(strict=True, ge=1)] = 1
    order_id: Annotated[str, StringConstraints(strict=True, pattern=ORDER_ID_PATTERN)]
    customer_id: Annotated[str, StringConstraints(strict=True, pattern=STORED_CUSTOMER_ID_PATTERN)]
    placed_at: Annotated[str, StringConstraints(strict=True, pattern=TIMESTAMP_PATTERN), AfterValidator(_exists)]
    correlation_id: Annotated[str, StringConstraints(strict=True, pattern=CORRELATION_ID_PATTERN)]
    traceparent: Annotated[str, StringConstraints(strict=True, pattern=TRACEPARENT_PATTERN)] | None = None
    # Left out where customers' prices were trusted when the order was accepted: then they still are.
    placed_by: PlacedBy | None = None
    order: Any


def encode(
    order: NewOrder,
    *,
    order_id: str,
    customer_id: str,
    context: RequestContext,
    placed_by: PlacedBy | None = None,
) -> str:
    """The envelope of an order as JSON, of the lowest revision that can carry it: older processors read that too."""
    needed = [each for each, needs in NEEDS.items() if needs(order, customer_id)]
    revision = max([1, *needed, *([] if placed_by is None else [_PLACED_BY])])
    trace = {} if context.traceparent is None else {"traceparent": context.traceparent}
    by_whom = {} if placed_by is None else {"placed_by": placed_by}
    head = json.dumps(
        {
            "type": "PlaceOrder",
            "version": VERSION,
            **({} if revision == 1 else {"revision": revision}),  # 0.1.0 does not know the name
            "order_id": order_id,
            "customer_id": customer_id,
            "placed_at": context.now,
            "correlation_id": context.correlation_id,
            **trace,
            **by_whom,
        }
    )
    # The order is serialised once, by pydantic's own writer, and its text is put in unchanged.
    return f'{head[:-1]}, "order": {order.model_dump_json(exclude_none=True)}}}'


def decode(body: str) -> PlaceOrder:
    """Read an envelope; raises Fault for one of a newer release, which that release can read, Poison for other text."""
    try:
        document = from_json(body, allow_inf_nan=False)
        _check_is_not_newer(document)
        return PlaceOrder.model_validate(document)
    except ValidationError as error:
        # The reason goes to logs: it must not repeat names that came from outside.
        found = [(".".join(str(part) for part in each["loc"]), each["type"]) for each in error.errors()[:5]]
        what = "; ".join(f"{name if name in PlaceOrder.model_fields else '?'}: {kind}" for name, kind in found)
        raise Poison(f"not a command envelope: {what}") from error
    except (ValueError, RecursionError) as error:
        raise Poison("not JSON") from error


def _check_is_not_newer(document: Any) -> None:
    known = {"version": VERSION, "revision": REVISION}
    for name, newest in known.items():
        found = document.get(name) if isinstance(document, dict) else None
        if type(found) is int and found > newest:
            raise Fault(f"a newer release wrote this message: its {name} is above {newest}")
