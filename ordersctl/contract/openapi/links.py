"""Where a response leads: the links of the OpenAPI document.

A parameter whose expression cannot be evaluated, such as a filter that the request did not have, is not passed
(https://spec.openapis.org/oas/v3.1.1.html#link-object).
"""

from typing import Any


def _link(operation: str, description: str, **parameters: str) -> dict[str, Any]:
    return {
        "operationId": operation,
        "description": description,
        "parameters": {name.replace("_match", "-Match"): value for name, value in parameters.items()},
    }


# Before an order is stored, its id alone does not show a service whose order it is.
_THE_ORDER = {"order_id": "$response.body#/order_id", "customer_id": "$request.query.customer_id"}
READ = _link("read_order", "Read it.", **_THE_ORDER)
CHANGE_ANY = _link("change_order", "Change it, whatever its version.", **_THE_ORDER, If_match="*")
CHANGE = _link("change_order", "Change what was read.", **_THE_ORDER, If_match="$response.header.ETag")
ERASE = _link("erase_order", "Erase its personal data.", **_THE_ORDER)
# A cursor is valid for the filters that it was made for.
NEXT = _link(
    "list_orders",
    "The next page, with the filters of this one. The header `Link` has the same.",
    customer_id="$request.path.customer_id",
    status="$request.query.status",
    reference="$request.query.reference",
    placed_after="$request.query.placed_after",
    placed_before="$request.query.placed_before",
    limit="$request.query.limit",
    cursor="$response.body#/next_cursor",
)
NEWEST = _link("read_order", "Read the newest.", order_id="$response.body#/orders/0/order_id")
