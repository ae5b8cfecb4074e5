"""What a function does before its first invocation, in Lambda's INIT phase: it imports what its invocations need.

Lambda gives the INIT phase more CPU than most invocations, and nobody waits for it where capacity is provisioned.
"""

import gc
import importlib
import os
from contextlib import suppress

from chalicelib import wiring
from chalicelib.settings import SettingsError

_AWS_CLIENT = ("chalicelib.aws.json_client", "chalicelib.aws.tls")
_ACCEPTING = (
    *_AWS_CLIENT,
    "chalicelib.adapters.faults",
    "chalicelib.adapters.queues",
    "chalicelib.application.accept",
    "chalicelib.domain.orders",
    "chalicelib.http.auth.principal",
    "chalicelib.http.problems",
    "chalicelib.http.requests",
    "chalicelib.http.responses",
)
# For the endpoints that read and change orders. Only a snapshot (SnapStart) has them, which many environments share.
_OTHER_ENDPOINTS = (
    "chalicelib.adapters.order_table",
    "chalicelib.application.list_orders",
    "chalicelib.application.manage",
    "chalicelib.application.read_many",
    "chalicelib.aws.container_credentials",
    "chalicelib.http.cursors",
    "chalicelib.http.list_query",
    "chalicelib.http.preconditions",
)
# By the name of the handler in app.py: what it would import in its first invocation.
_MODULES = {
    "app": _ACCEPTING,
    "authorizer": ("chalicelib.http.auth.authorizer", "chalicelib.http.auth.key_set"),
    "process_orders": (
        *_AWS_CLIENT,
        "chalicelib.adapters.order_table",
        "chalicelib.adapters.queues",
        "chalicelib.application.process",
        "chalicelib.lambda_batches",
    ),
    "publish_events": (
        *_AWS_CLIENT,
        "chalicelib.adapters.event_topic",
        "chalicelib.adapters.queues",
        "chalicelib.application.publish",
        "chalicelib.aws.query_client",
        "chalicelib.lambda_batches",
    ),
}


def prepare(handler: str, *, is_for_snapshot: bool) -> None:
    """Import what a handler (Lambda's _HANDLER, as in `app.process_orders`) needs, and read whom TLS trusts.

    Before a snapshot (SnapStart) only the settings are read. Every environment that is restored from it begins with the
    same memory, so nothing is made here that must differ or can age: no client, connection, credential, secret or
    random number (Lambda guide, "Handling uniqueness with Lambda SnapStart").
    """
    gc.disable()  # what is imported stays
    modules = _MODULES.get(handler.rpartition(".")[2], ())
    for name in (*modules, *_OTHER_ENDPOINTS) if is_for_snapshot else modules:
        importlib.import_module(name)
    if is_for_snapshot:
        wiring.settings()
    elif "chalicelib.aws.tls" in modules:
        with suppress(SettingsError):  # each invocation will raise it, and log it
            wiring.read_authorities()
    gc.freeze()  # no later collection scans it
    gc.enable()


def prepare_for_lambda() -> None:
    """Prepare the function of this process; elsewhere than on Lambda, do nothing."""
    is_for_snapshot = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"
    if "_HANDLER" in os.environ:
        prepare(os.environ["_HANDLER"], is_for_snapshot=is_for_snapshot)
