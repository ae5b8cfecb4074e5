"""Every Lambda entry point of Orders, in the sequence of an order's path (docs/explain/architecture.md):

    client -> place_order -> order queue -> process_orders -> table -> its stream -> publish_events -> event topic

The API's other endpoints read, change, erase and list the table's orders; `authorizer` checks callers' tokens. Each
entry point calls a function of chalicelib/application, which gets its adapters from chalicelib/wiring.py.

Each imports what it uses within itself, so that a Lambda function starts with its own part of the service only
(docs/adr/0009-a-small-client-where-orders-wait.md); on Lambda that part is imported before the first invocation
(chalicelib/startup.py).
"""
# ruff: noqa: PLC0415 - see above

import functools
import os
from collections.abc import Callable
from typing import Any

from chalice.app import AuthRequest, AuthResponse, Chalice, DynamoDBEvent, Request, Response, SQSEvent

from chalicelib import logs, startup, wiring
from chalicelib.aws import timeouts
from chalicelib.domain import clock

if "AWS_CHALICE_CLI_MODE" in os.environ:  # `chalice local` answers as API Gateway does
    from ordersctl.local import api_gateway

    api_gateway.install()

logs.configure()
app = Chalice(app_name="orders", configure_logs=False)
if "CORS_ALLOW_ORIGIN" in os.environ:
    from chalicelib.http import cors

    app.api.cors = cors.config(os.environ["CORS_ALLOW_ORIGIN"])

API_GATEWAY_TIMEOUT_MS = 29_000  # https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
GET_AND_HEAD = ["GET", "HEAD"]  # RFC 9110, section 9.1: every server supports both
MERGE_PATCH = ["application/merge-patch+json", "application/json"]  # RFC 7396, and what most clients send
ANY_TYPE = ["*/*"]  # the Content-Type of a request whose body is not read


def _remaining_ms(lambda_context: Any) -> Callable[[], float]:
    """Return Lambda's function that says how many milliseconds are left until the invocation's timeout."""
    remaining_ms: Callable[[], float] = lambda_context.get_remaining_time_in_millis
    return remaining_ms


# --- API: client to order queue, and client to table -----------------------------------------------------------------


@app.authorizer(ttl_seconds=300)  # API Gateway caches the result by token
def authorizer(request: AuthRequest) -> AuthResponse:
    from chalicelib.http.auth.authorizer import authorize

    settings = wiring.settings()
    return authorize(
        request,
        wiring.token_checker(),
        customer_claim=settings.customer_claim,
        scope_claim=settings.scope_claim,
    )


@app.middleware("http")
def complete_response(request: Request, get_response: Any) -> Response:
    """Turn Chalice's own error responses into problem documents, and add the CORS headers to every response."""
    from chalicelib.http import problems

    return problems.complete(get_response(request), request, app)


def endpoint(function: Callable[..., Response]) -> Callable[..., Response]:
    """Call the function with the request and the path's parameters; an error that it raises becomes a problem document.

    All calls to AWS of a request share one deadline, so that the client is answered 503 rather than not at all.
    """

    @functools.wraps(function)
    def wrapped(**path: str) -> Response:
        from chalicelib.http import problems

        request = app.current_request
        assert request is not None  # noqa: S101 - Chalice has one whenever it calls a view
        with timeouts.deadline(_remaining_ms(request.lambda_context), at_most_ms=API_GATEWAY_TIMEOUT_MS):
            return problems.response_or_problem(function, request, path)

    return wrapped


@app.route("/orders", methods=["POST"], authorizer=authorizer)
@endpoint
def place_order(request: Request) -> Response:
    from chalicelib.application.accept import accept_order
    from chalicelib.domain import orders
    from chalicelib.http import requests, responses
    from chalicelib.http.auth.principal import WRITE

    principal = requests.principal(request, WRITE, wiring.settings())
    customer_id = requests.named_customer(request)
    context = requests.context(request, clock.now())
    accepted = accept_order(
        customer_id=principal.customer_to_act_for(customer_id),
        idempotency_key=requests.idempotency_key(request),
        new=orders.parse(orders.NewOrder, requests.json_body(request), now=context.now),
        context=context,
        # None: the processor does not compare the order with the shop's prices.
        placed_by=principal.placed_by if wiring.settings().checks_customer_prices else None,
        secret=wiring.id_secret(),
        queue=wiring.order_queue(),
        # Finds the order of an earlier attempt under the same key; a slow table delays the response by 300 ms at most.
        find=lambda order_id: wiring.fail_fast_order_table().get(order_id),
    )
    return responses.accepted(request, accepted, customer_id)


@app.route("/orders", methods=GET_AND_HEAD, authorizer=authorizer, content_types=ANY_TYPE)
@endpoint
def read_orders(request: Request) -> Response:
    from chalicelib.application import read_many
    from chalicelib.http import requests, responses
    from chalicelib.http.auth.principal import READ

    principal = requests.principal(request, READ, wiring.settings())
    order_ids, customer_id = requests.order_ids_and_customer(request)
    found = read_many.read_orders(
        order_ids,
        owner=principal.required_owner(customer_id),
        secret=wiring.id_secret(),
        table=wiring.read_table(),
    )
    return responses.orders(request, order_ids, found)


@app.route("/orders/{order_id}", methods=GET_AND_HEAD, authorizer=authorizer, content_types=ANY_TYPE)
@endpoint
def read_order(request: Request, order_id: str) -> Response:
    from chalicelib.application import manage
    from chalicelib.http import preconditions, requests, responses
    from chalicelib.http.auth.principal import READ

    principal = requests.principal(request, READ, wiring.settings())
    order = manage.read_order(
        order_id,
        owner=principal.required_owner(requests.named_customer(request)),
        secret=wiring.id_secret(),
        table=wiring.read_table(),
    )
    return responses.order(request, order, preconditions.if_none_match(request))


@app.route("/orders/{order_id}", methods=["PATCH"], authorizer=authorizer, content_types=MERGE_PATCH)
@endpoint
def change_order(request: Request, order_id: str) -> Response:
    from chalicelib.application import manage
    from chalicelib.http import preconditions, requests, responses
    from chalicelib.http.auth.principal import WRITE

    principal = requests.principal(request, WRITE, wiring.settings())
    customer_id = requests.named_customer(request)
    order = manage.change_order(
        order_id,
        requests.json_body(request),
        owner=principal.required_owner(customer_id),
        by_service=principal.is_service,
        seen_versions=preconditions.if_match(request),
        context=requests.context(request, clock.now()),
        secret=wiring.id_secret(),
        table=wiring.order_table(),
        prices=wiring.price_table(),
    )
    return responses.order(request, order)


@app.route("/orders/{order_id}", methods=["DELETE"], authorizer=authorizer, content_types=ANY_TYPE)
@endpoint
def erase_order(request: Request, order_id: str) -> Response:
    from chalicelib.application import manage
    from chalicelib.http import requests, responses
    from chalicelib.http.auth.principal import ADMIN

    principal = requests.principal(request, ADMIN, wiring.settings())
    manage.erase_order(
        order_id,
        owner=principal.owner_to_erase(requests.named_customer(request)),
        context=requests.context(request, clock.now()),
        secret=wiring.id_secret(),
        table=wiring.order_table(),
    )
    return responses.erased(request)


@app.route("/customers/{customer_id}/orders", methods=GET_AND_HEAD, authorizer=authorizer, content_types=ANY_TYPE)
@endpoint
def list_orders(request: Request, customer_id: str) -> Response:
    from chalicelib.application.list_orders import page_of_orders
    from chalicelib.http import cursors, list_query, requests, responses
    from chalicelib.http.auth.principal import READ

    principal = requests.principal(request, READ, wiring.settings())
    customer_id = principal.customer_to_act_for(customer_id)
    asked = list_query.read(request)
    cursor_scope = (principal.subject, customer_id, *asked.cursor_scope)  # a cursor of another list is refused
    page = page_of_orders(
        customer_id,
        asked.filters,
        limit=asked.limit,
        start_after=cursors.unseal(wiring.id_secret(), asked.cursor, *cursor_scope),
        table=wiring.read_table(),
    )
    next_cursor = cursors.seal(wiring.id_secret(), page.last_placed_key, *cursor_scope)
    return responses.page(request, page, asked.given, next_cursor)


@app.route("/openapi.json", methods=GET_AND_HEAD, content_types=ANY_TYPE)
@endpoint
def openapi(request: Request) -> Response:
    from chalicelib.http import responses

    return responses.openapi(request)


@app.route("/health", methods=GET_AND_HEAD, content_types=ANY_TYPE)
@endpoint
def health(request: Request) -> Response:
    from chalicelib.http import responses

    return responses.healthy(request, wiring.settings().stage)


@app.route("/", methods=GET_AND_HEAD, content_types=ANY_TYPE)
@endpoint
def index(request: Request) -> Response:
    from chalicelib.http import responses

    return responses.index(request, wiring.settings().stage)


# --- Processor: order queue to table ---------------------------------------------------------------------------------


@app.on_sqs_message(queue=os.environ["ORDER_QUEUE_URL"].rsplit("/", 1)[-1], batch_size=10, name="process-orders")
def process_orders(event: SQSEvent) -> Any:
    from chalicelib import lambda_batches
    from chalicelib.application.process import process_batch

    messages = event.to_dict()["Records"]
    remaining_ms = _remaining_ms(event.context)
    with timeouts.deadline(remaining_ms):  # ends 1 s before the invocation's timeout
        failed = process_batch(
            messages,
            table=wiring.order_table(),
            prices=wiring.price_table(),
            dead_letters=wiring.order_dead_letters(),
            remaining_ms=remaining_ms,
            longest_ms=wiring.longest_call_ms(),
        )
    # If Lambda does not read `batchItemFailures`, this deletes the messages that succeeded: within that second.
    with timeouts.deadline(remaining_ms, kept_ms=200):
        return lambda_batches.sqs_response(
            messages,
            failed,
            report_failures=wiring.settings().reports_batch_item_failures,
            delete=wiring.order_queue().delete,
        )


# --- Publisher: the table's stream to the event topic ----------------------------------------------------------------


@app.on_dynamodb_record(
    stream_arn=os.environ["ORDER_STREAM_ARN"],
    batch_size=100,
    starting_position="TRIM_HORIZON",
    name="publish-events",
)
def publish_events(event: DynamoDBEvent) -> Any:
    from chalicelib import lambda_batches
    from chalicelib.application.publish import publish_batch

    remaining_ms = _remaining_ms(event.context)
    report_failures = wiring.settings().reports_batch_item_failures
    with timeouts.deadline(remaining_ms):
        first_failed = publish_batch(
            event.to_dict()["Records"],
            source=f"urn:orders:{wiring.settings().stage}",
            publisher=wiring.publisher(),
            dead_letters=wiring.event_dead_letters(),
            remaining_ms=remaining_ms,
            longest_ms=wiring.longest_call_ms(),
            report_failures=report_failures,
        )
    return lambda_batches.stream_response(first_failed, report_failures=report_failures)


startup.prepare_for_lambda()  # imports this function's part; nothing to do elsewhere
