"""What makes a simulation run repeatable, so that a seed alone names it."""

import contextlib
import logging
import random
import secrets
import tempfile
from collections.abc import Iterator
from concurrent.futures import wait

import pytest

from chalicelib import lambda_batches
from ordersctl.operate.replay import command as replay_command
from ordersctl.operate.replay import orders as replay_orders
from testkit.fake_aws.lambda_ import ENVIRONMENT


@contextlib.contextmanager
def repeatable(seed: int, **environment: str) -> Iterator[None]:
    """What makes a run repeatable: one thread, a seeded source of random bytes, an environment and files of its own."""
    source = random.Random(seed)
    with tempfile.TemporaryDirectory() as state_dir, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ORDERS_STATE_DIR", state_dir)
        for module, threads in ((lambda_batches, "WORKERS"), (replay_command, "SENDERS"), (replay_orders, "SEGMENTS")):
            patch.setattr(module, threads, 1)
        # Not with a timeout in real time: on a busy machine the function would go on beside its unfinished thread.
        patch.setattr(lambda_batches, "wait", lambda futures, timeout: wait(futures))  # noqa: ARG005
        patch.setattr(logging.getLogger("orders"), "disabled", True)
        patch.setattr(secrets, "token_bytes", source.randbytes)
        optional = ("DAX_ENDPOINT", "CUSTOMER_PRICES", "PRICE_TABLE")
        claims = ("CUSTOMER_CLAIM", "SCOPE_CLAIM", "AUDIENCE_CLAIM")
        for name in ("AWS_CHALICE_CLI_MODE", "REPORT_BATCH_ITEM_FAILURES", "EVENT_BUS_NAME", *optional, *claims):
            patch.delenv(name, raising=False)
        # Each Chalice application appends its name to this variable, and a run makes thousands of them.
        patch.setenv("AWS_EXECUTION_ENV", "")
        for name, value in {**ENVIRONMENT, **environment}.items():
            patch.setenv(name, value)
        yield
