"""Every door of Orders: the API takes orders in, the queue door stores them, the stream door tells the world."""

import functools
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chalice.app import AuthRequest, AuthResponse, BaseLambdaEvent, Chalice, DynamoDBEvent, Request, Response, SQSEvent

from chalicelib import logs, wiring
from chalicelib.lazy import Lazy

if TYPE_CHECKING:
    from chalicelib import lambda_batches
    from chalicelib.application import use_cases
    from chalicelib.domain import orders
    from chalicelib.http import cursors, problems, requests, responses
    from chalicelib.http.auth import authorizer as authorization
    from chalicelib.http.auth import principal as principals
else:  # a function imports what it uses, and no more: docs/adr/0009-a-small-client-where-orders-wait.md
    lambda_batches, use_cases, orders, cursors, problems, requests, responses, authorization, principals = (
        Lazy(f"chalicelib.{name}")
        for name in (
            "lambda_batches",
            "application.use_cases",
            "domain.orders",
            "http.cursors",
            "http.problems",
            "http.requests",
            "http.responses",
            "http.auth.authorizer",
            "http.auth.principal",
        )
    )

if "AWS_CHALICE_CLI_MODE" in os.environ:
    from ordersctl.local import api_gateway

    api_gateway.install()

logs.configure()
app = Chalice(app_name="orders", configure_logs=False)
if "CORS_ALLOW_ORIGIN" in os.environ:
    app.api.cors = responses.cors(os.environ["CORS_ALLOW_ORIGIN"])


@app.authorizer(ttl_seconds=300)
def authorizer(request: AuthRequest) -> AuthResponse:
    settings = wiring.settings()
    return authorization.authorize(request, wiring.token_checker(), customer_claim=settings.customer_claim)


# --- the API ---------------------------------------------------------------------------------------------------------


@app.middleware("http")
def as_problems(event: Request, get_response: Any) -> Response:
    return problems.rewritten(get_response(event), event)


MERGE_PATCH = ["application/merge-patch+json", "application/json"]  # RFC 7396, and what most clients send


def answering(view: Callable[..., Response]) -> Callable[..., Response]:
    """Hand the request to a view, and answer problems for what it raises."""

    @functools.wraps(view)
    def wrapped(**path: str) -> Response:
        request = app.current_request
        assert request is not None  # noqa: S101 - Chalice has one whenever it calls a view
        return problems.answered(view, request, path)

    return wrapped


@app.route("/orders", methods=["POST"], authorizer=authorizer)
@answering
def place_order(request: Request) -> Response:
    principal = _principal(request, principals.WRITE)
    named = requests.query(request, "customer_id").get("customer_id")
    accepted = use_cases.accept_order(
        customer_id=principal.customer_for_writing(named),
        idempotency_key=requests.idempotency_key(request),
        new=orders.parse(orders.NewOrder, requests.json_body(request)),
        now=_now(),
        correlation_id=responses.request_id(request),
        traceparent=requests.traceparent(request),
        secret=wiring.id_secret(),
        queue=wiring.order_queue(),
        find=wiring.fail_fast_order_table().get,
    )
    return responses.accepted(request, accepted, named)


@app.route("/orders/{order_id}", methods=["GET"], authorizer=authorizer, content_types=["*/*"])
@answering
def read_order(request: Request, order_id: str) -> Response:
    principal = _principal(request, principals.READ)
    named = requests.query(request, "customer_id").get("customer_id")
    order = use_cases.read_order(
        order_id,
        customer_id=principal.customer_for_reading(named),
        secret=wiring.id_secret(),
        find=wiring.read_table().get,
    )
    return responses.order(request, order, requests.if_none_match(request))


@app.route("/orders/{order_id}", methods=["PATCH"], authorizer=authorizer, content_types=MERGE_PATCH)
@answering
def change_order(request: Request, order_id: str) -> Response:
    principal = _principal(request, principals.WRITE)
    named = requests.query(request, "customer_id").get("customer_id")
    order = use_cases.change_order(
        order_id,
        patch=requests.json_body(request),
        customer_id=principal.customer_for_reading(named),
        by_service=principal.is_service,
        seen_versions=requests.if_match(request),
        now=_now(),
        traceparent=requests.traceparent(request),
        secret=wiring.id_secret(),
        table=wiring.order_table(),
    )
    return responses.order(request, order)


@app.route("/orders/{order_id}", methods=["DELETE"], authorizer=authorizer, content_types=["*/*"])
@answering
def erase_order(request: Request, order_id: str) -> Response:
    _principal(request, principals.ADMIN)
    named = requests.query(request, "customer_id").get("customer_id")
    use_cases.erase_order(
        order_id, customer_id=named, now=_now(), secret=wiring.id_secret(), table=wiring.order_table()
    )
    return responses.erased(request)


@app.route("/customers/{customer_id}/orders", methods=["GET"], authorizer=authorizer, content_types=["*/*"])
@answering
def list_orders(request: Request, customer_id: str) -> Response:
    principal = _principal(request, principals.READ)
    customer = principal.customer_for_writing(customer_id)
    asked = requests.query(request, "status", "placed_after", "placed_before", "limit", "cursor")
    filters = {name: asked.get(name) for name in ("status", "placed_after", "placed_before")}
    question = (principal.subject, customer, *filters.values())
    page = wiring.read_table().list_for_customer(
        customer,
        limit=requests.page_size(asked.get("limit")),
        start_after=cursors.unseal(wiring.id_secret(), asked.get("cursor"), *question),
        status=requests.status(filters["status"]),
        placed_after=requests.timestamp("placed_after", filters["placed_after"]),
        placed_before=requests.timestamp("placed_before", filters["placed_before"]),
    )
    next_cursor = cursors.seal(wiring.id_secret(), page.last_placed_key, *question)
    return responses.page(request, page, asked, next_cursor)


@app.route("/openapi.json", methods=["GET"], content_types=["*/*"])
@answering
def openapi(request: Request) -> Response:
    return responses.openapi(request)


@app.route("/health", methods=["GET"], content_types=["*/*"])
@answering
def health(request: Request) -> Response:
    return responses.healthy(request, wiring.settings().stage)


def _principal(request: Request, scope: str) -> "principals.Principal":
    principal = principals.Principal.from_authorizer(
        request.context.get("authorizer", {}), customer_claim=wiring.settings().customer_claim
    )
    principal.require(scope)
    return principal


def _now() -> str:
    return requests.rfc3339(datetime.now(UTC))


# --- the queue door and the stream door ------------------------------------------------------------------------------


@app.on_sqs_message(queue=os.environ["ORDER_QUEUE_URL"].rsplit("/", 1)[-1], batch_size=10, name="process-orders")
def process_orders(event: SQSEvent) -> Any:
    messages = event.to_dict()["Records"]
    process = functools.partial(
        use_cases.process_message, table=wiring.order_table(), dead_letters=wiring.order_dead_letters()
    )
    failed = lambda_batches.each(messages, process, remaining_ms=_remaining_ms(event))
    return lambda_batches.settle_messages(
        messages,
        failed,
        reporting=wiring.settings().reports_batch_item_failures,
        delete=wiring.order_queue().delete,
    )


@app.on_dynamodb_record(
    stream_arn=os.environ["ORDER_STREAM_ARN"],
    batch_size=100,
    starting_position="TRIM_HORIZON",
    name="publish-events",
)
def publish_events(event: DynamoDBEvent) -> Any:
    publish = functools.partial(
        use_cases.publish_changes,
        source=f"urn:orders:{wiring.settings().stage}",
        publisher=wiring.publisher(),
        dead_letters=wiring.event_dead_letters(),
    )
    first_failed = lambda_batches.in_order(event.to_dict()["Records"], publish, remaining_ms=_remaining_ms(event))
    return lambda_batches.settle_records(first_failed, reporting=wiring.settings().reports_batch_item_failures)


def _remaining_ms(event: BaseLambdaEvent) -> Callable[[], float]:
    context: Any = event.context
    return context.get_remaining_time_in_millis  # type: ignore[no-any-return]  # Chalice types it as a dict
