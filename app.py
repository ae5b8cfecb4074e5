"""The entry points of Orders: the API accepts orders, one function stores them, another publishes their events."""

import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chalice.app import AuthRequest, AuthResponse, BaseLambdaEvent, Chalice, DynamoDBEvent, Request, Response, SQSEvent

from chalicelib import logs, wiring
from chalicelib.aws import timeouts
from chalicelib.domain import clock
from chalicelib.lazy import Lazy

if TYPE_CHECKING:
    from chalicelib import lambda_batches
    from chalicelib.application import accept, manage, process, publish
    from chalicelib.domain import orders
    from chalicelib.http import cursors, problems, requests, responses
    from chalicelib.http.auth import authorizer as authorization
    from chalicelib.http.auth import principal as principals
else:  # each Lambda function imports only what it uses: docs/adr/0009-a-small-client-where-orders-wait.md
    lambda_batches = Lazy("chalicelib.lambda_batches")
    accept = Lazy("chalicelib.application.accept")
    manage = Lazy("chalicelib.application.manage")
    process = Lazy("chalicelib.application.process")
    publish = Lazy("chalicelib.application.publish")
    orders = Lazy("chalicelib.domain.orders")
    cursors = Lazy("chalicelib.http.cursors")
    problems = Lazy("chalicelib.http.problems")
    requests = Lazy("chalicelib.http.requests")
    responses = Lazy("chalicelib.http.responses")
    authorization = Lazy("chalicelib.http.auth.authorizer")
    principals = Lazy("chalicelib.http.auth.principal")

if "AWS_CHALICE_CLI_MODE" in os.environ:  # `chalice local` answers as API Gateway does
    from ordersctl.local import api_gateway

    api_gateway.install()

logs.configure()
app = Chalice(app_name="orders", configure_logs=False)
if "CORS_ALLOW_ORIGIN" in os.environ:
    app.api.cors = responses.cors(os.environ["CORS_ALLOW_ORIGIN"])

API_GATEWAY_TIMEOUT_MS = 29_000  # https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
MERGE_PATCH = ["application/merge-patch+json", "application/json"]  # RFC 7396, and what most clients send


# --- API routes ------------------------------------------------------------------------------------------------------


@app.authorizer(ttl_seconds=300)
def authorizer(request: AuthRequest) -> AuthResponse:
    settings = wiring.settings()
    return authorization.authorize(request, wiring.token_checker(), customer_claim=settings.customer_claim)


@app.middleware("http")
def framework_errors_as_problems(event: Request, get_response: Any) -> Response:
    return problems.replace_framework_error(get_response(event), event)


def endpoint(function: Callable[..., Response]) -> Callable[..., Response]:
    """Call a function with the request and the path's parameters; answer a problem for the error that it raises.

    All calls to AWS of a request share one deadline, so that the client is answered 503 rather than not at all.
    """

    @functools.wraps(function)
    def wrapped(**path: str) -> Response:
        request = app.current_request
        assert request is not None  # noqa: S101 - Chalice has one whenever it calls a view
        context: Any = request.lambda_context
        with timeouts.deadline(context.get_remaining_time_in_millis, at_most_ms=API_GATEWAY_TIMEOUT_MS):
            return problems.response_or_problem(function, request, path)

    return wrapped


@app.route("/orders", methods=["POST"], authorizer=authorizer)
@endpoint
def place_order(request: Request) -> Response:
    principal = _principal(request, principals.WRITE)
    named = requests.query(request, "customer_id").get("customer_id")
    context = requests.context(request, clock.now())
    accepted = accept.accept_order(
        customer_id=principal.customer_to_act_for(named),
        idempotency_key=requests.idempotency_key(request),
        new=orders.parse(orders.NewOrder, requests.json_body(request), now=context.now),
        context=context,
        placed_by=principal.placed_by if wiring.settings().checks_customer_prices else None,
        secret=wiring.id_secret(),
        queue=wiring.order_queue(),
        find=wiring.fail_fast_order_table().get,
    )
    return responses.accepted(request, accepted, named)


@app.route("/orders/{order_id}", methods=["GET"], authorizer=authorizer, content_types=["*/*"])
@endpoint
def read_order(request: Request, order_id: str) -> Response:
    principal = _principal(request, principals.READ)
    named = requests.query(request, "customer_id").get("customer_id")
    order = manage.read_order(
        order_id,
        customer_id=principal.required_owner(named),
        secret=wiring.id_secret(),
        table=wiring.read_table(),
    )
    return responses.order(request, order, requests.if_none_match(request))


@app.route("/orders/{order_id}", methods=["PATCH"], authorizer=authorizer, content_types=MERGE_PATCH)
@endpoint
def change_order(request: Request, order_id: str) -> Response:
    principal = _principal(request, principals.WRITE)
    named = requests.query(request, "customer_id").get("customer_id")
    order = manage.change_order(
        order_id,
        requests.json_body(request),
        customer_id=principal.required_owner(named),
        by_service=principal.is_service,
        seen_versions=requests.if_match(request),
        context=requests.context(request, clock.now()),
        secret=wiring.id_secret(),
        table=wiring.order_table(),
        prices=wiring.price_table(),
    )
    return responses.order(request, order)


@app.route("/orders/{order_id}", methods=["DELETE"], authorizer=authorizer, content_types=["*/*"])
@endpoint
def erase_order(request: Request, order_id: str) -> Response:
    _principal(request, principals.ADMIN)
    named = requests.query(request, "customer_id").get("customer_id")
    manage.erase_order(
        order_id,
        customer_id=principals.named_customer(named),
        context=requests.context(request, clock.now()),
        secret=wiring.id_secret(),
        table=wiring.order_table(),
    )
    return responses.erased(request)


@app.route("/customers/{customer_id}/orders", methods=["GET"], authorizer=authorizer, content_types=["*/*"])
@endpoint
def list_orders(request: Request, customer_id: str) -> Response:
    principal = _principal(request, principals.READ)
    customer = principal.customer_to_act_for(customer_id)
    parameters = requests.query(request, "status", "placed_after", "placed_before", "limit", "cursor")
    filters = {name: parameters.get(name) for name in ("status", "placed_after", "placed_before")}
    question = (principal.subject, customer, *filters.values())  # a cursor is good for this question only
    page = wiring.read_table().list_for_customer(
        customer,
        limit=requests.page_size(parameters.get("limit")),
        start_after=cursors.unseal(wiring.id_secret(), parameters.get("cursor"), *question),
        status=requests.status(filters["status"]),
        placed_after=requests.timestamp("placed_after", filters["placed_after"]),
        placed_before=requests.timestamp("placed_before", filters["placed_before"]),
    )
    next_cursor = cursors.seal(wiring.id_secret(), page.last_placed_key, *question)
    return responses.page(request, page, parameters, next_cursor)


@app.route("/openapi.json", methods=["GET"], content_types=["*/*"])
@endpoint
def openapi(request: Request) -> Response:
    return responses.openapi(request)


@app.route("/health", methods=["GET"], content_types=["*/*"])
@endpoint
def health(request: Request) -> Response:
    return responses.healthy(request, wiring.settings().stage)


def _principal(request: Request, scope: str) -> "principals.Principal":
    principal = principals.Principal.from_authorizer(
        request.context.get("authorizer", {}), customer_claim=wiring.settings().customer_claim
    )
    principal.require(scope)
    return principal


# --- SQS handler -----------------------------------------------------------------------------------------------------

DELETED_BEFORE_END_MS = 200  # deleting what was processed may take the time that handling leaves for the response


@app.on_sqs_message(queue=os.environ["ORDER_QUEUE_URL"].rsplit("/", 1)[-1], batch_size=10, name="process-orders")
def process_orders(event: SQSEvent) -> Any:
    table, prices, dead_letters = wiring.order_table(), wiring.price_table(), wiring.order_dead_letters()

    def handle(message: dict[str, Any]) -> None:
        body, message_id = message["body"], message["messageId"]
        process.process_message(body, message_id, table=table, prices=prices, dead_letters=dead_letters)

    messages = event.to_dict()["Records"]
    remaining_ms = _remaining_ms(event)
    with timeouts.deadline(remaining_ms):
        once = list({message["messageId"]: message for message in messages}.values())  # SQS may repeat one in a batch
        failed = lambda_batches.each(
            once,
            handle,
            remaining_ms=remaining_ms,
            longest_ms=wiring.longest_call_ms(),
            group_of=lambda_batches.fifo_group,
        )
    with timeouts.deadline(remaining_ms, kept_ms=DELETED_BEFORE_END_MS):
        return lambda_batches.sqs_response(
            messages,
            failed,
            report_failures=wiring.settings().reports_batch_item_failures,
            delete=wiring.order_queue().delete,
        )


# --- DynamoDB stream handler -----------------------------------------------------------------------------------------


@app.on_dynamodb_record(
    stream_arn=os.environ["ORDER_STREAM_ARN"],
    batch_size=100,
    starting_position="TRIM_HORIZON",
    name="publish-events",
)
def publish_events(event: DynamoDBEvent) -> Any:
    report_failures = wiring.settings().reports_batch_item_failures
    dead_letters = wiring.event_dead_letters()
    records, remaining_ms = event.to_dict()["Records"], _remaining_ms(event)
    poison: list[publish.PoisonRecord] = []
    handle = functools.partial(
        publish.publish_changes,
        source=f"urn:orders:{wiring.settings().stage}",
        publisher=wiring.publisher(),
        poison=poison,
    )
    with timeouts.deadline(remaining_ms):
        failed = lambda_batches.in_order(
            records, handle, remaining_ms=remaining_ms, longest_ms=wiring.longest_call_ms()
        )
        if failed is None or report_failures:  # otherwise the whole batch comes again, with its poison
            failed = publish.quarantine(poison, dead_letters) or failed
    return lambda_batches.stream_response(failed, report_failures=report_failures)


def _remaining_ms(event: BaseLambdaEvent) -> Callable[[], float]:
    context: Any = event.context
    return context.get_remaining_time_in_millis  # type: ignore[no-any-return]  # Chalice types it as a dict
