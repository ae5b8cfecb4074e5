"""Reports the calls of the service's real clients, thin or botocore's, by what they are asked to send."""

import os
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from chalicelib.aws.json_client import JsonClient
from testkit.permissions import calls

_HANDLERS = {"SQSEvent": "process_orders", "DynamoDBEvent": "publish_events"}


def watch(app: ModuleType) -> None:
    """Report every call of the functions of app.py, whose clients are made with this process's environment."""
    environment = {**os.environ}

    def note_function(event: Any, get_response: Any) -> Any:
        token = calls.running.set(calls.function_of(_HANDLERS.get(type(event).__name__, "")))
        try:
            return get_response(event)
        finally:
            calls.running.reset(token)

    app.app.register_middleware(note_function, "all")
    wiring: Any = vars(app)["wiring"]
    adapters = (
        wiring.order_table(),
        wiring.fail_fast_order_table(),
        wiring.read_table(),
        wiring.order_queue(),
        wiring.order_dead_letters(),
        wiring.event_dead_letters(),
        wiring.publisher(),
    )
    for client in {id(adapter.client): adapter.client for adapter in adapters}.values():
        _watch_client(client, environment)


def _watch_client(client: Any, environment: Mapping[str, str]) -> None:
    if not isinstance(client, JsonClient):

        def before_call(params: dict[str, Any], model: Any, **_more: Any) -> None:
            service = model.service_model.endpoint_prefix
            _report(service, model.name, params, environment)

        client.meta.events.register("provide-client-params", before_call)
        return
    encode = client.encode

    def reported(operation: str, parameters: Mapping[str, Any]) -> bytes:
        _report(client.service, operation, parameters, environment)
        return encode(operation, parameters)

    vars(client)["encode"] = reported


def _report(service: str, operation: str, parameters: Mapping[str, Any], environment: Mapping[str, str]) -> None:
    # An adapter that a test calls by itself runs in no function.
    if function := calls.running.get(""):
        calls.report(function, service, operation, parameters, environment)
