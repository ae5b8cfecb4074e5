"""What the API's function does before Lambda takes its snapshot (SnapStart): imports, and reads its settings.

Every environment that is restored from the snapshot begins with the same memory. So nothing is made here that must
differ or can age: no client, connection, credential, secret or random number (Lambda guide, "Handling uniqueness with
Lambda SnapStart").
"""

import importlib

from chalicelib import wiring

# What the endpoints import when they are first called: app.py.
_MODULES = (
    "chalicelib.adapters.faults",
    "chalicelib.adapters.order_table",
    "chalicelib.adapters.queues",
    "chalicelib.application.accept",
    "chalicelib.application.manage",
    "chalicelib.application.read_many",
    "chalicelib.aws.container_credentials",
    "chalicelib.aws.json_client",
    "chalicelib.domain.orders",
    "chalicelib.http.cursors",
    "chalicelib.http.problems",
    "chalicelib.http.requests",
    "chalicelib.http.responses",
)


def prepare() -> None:
    """Import what requests need, and read the settings."""
    wiring.settings()
    for name in _MODULES:
        importlib.import_module(name)
