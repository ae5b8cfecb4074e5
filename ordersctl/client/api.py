"""Calls the HTTP API: posts orders on behalf of customers, with retries under one Idempotency-Key."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from threading import Event
from typing import Any, Literal

import click
import httpx

from ordersctl.client.invoices import Placeable
from ordersctl.local import tokens
from ordersctl.shared.runs.current import key_dir

ATTEMPTS = 6
FIRST_BACKOFF_SECONDS = 0.1  # doubled at each attempt: 3 s in all
LONGEST_RETRY_AFTER_SECONDS = 10
RETRIED = {429, 502, 503, 504}  # statuses after which a POST with an Idempotency-Key is safe to repeat


class HopelessError(Exception):
    """No order can be posted; the message says why."""


@dataclass(frozen=True)
class Posted:
    """The result of posting one invoice at `sent_at` (seconds since the epoch); the answer came `seconds` later."""

    invoice: str
    customer_id: str
    outcome: Literal["accepted", "already there", "failed"]
    reason: str
    sent_at: float = 0.0
    seconds: float = 0.0
    order_id: str = ""


def service_token(name: str) -> str:
    """Return a token of the local run for a service of this name; ClickException if it cannot be signed."""
    try:
        return tokens.local_token(subject=name, scope=tokens.SERVICE_SCOPE)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"no signing key in {key_dir()}: {error}") from error


def connect(url: str, token: str, connections: int) -> httpx.Client:
    """Return a client of the service at `url`, safe to use from as many threads."""
    return httpx.Client(
        base_url=url,
        headers={"Authorization": f"Bearer {token}"},
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
        timeout=httpx.Timeout(30, connect=5),
        # This machine itself is called without a proxy.
        trust_env=httpx.URL(url).host not in {"127.0.0.1", "localhost", "::1"},
    )


def post_all(client: httpx.Client, orders: list[Placeable], connections: int) -> Iterator[Posted]:
    """Post each order once, `connections` at a time, and yield the results as they come.

    Raises HopelessError as soon as one answer shows that no order can be posted; the rest is then not tried.
    """
    stop = Event()
    with ThreadPoolExecutor(connections) as threads:
        posts = [threads.submit(_post_unless_stopped, client, order, stop) for order in orders]
        try:
            for done in as_completed(posts):
                if (posted := done.result()) is not None:
                    yield posted
        finally:
            stop.set()
            threads.shutdown(cancel_futures=True)


def _post_unless_stopped(client: httpx.Client, order: Placeable, stop: Event) -> Posted | None:
    if stop.is_set():
        return None
    try:
        return post(client, order, stop)
    except HopelessError:
        stop.set()
        raise


def post(client: httpx.Client, order: Placeable, stop: Event) -> Posted:
    """Post one order, and retry transient failures under the same key; HopelessError when no order can be posted."""
    sent_at, started = time.time(), time.monotonic()
    response: httpx.Response | httpx.RequestError
    for attempt in range(ATTEMPTS):
        backoff = FIRST_BACKOFF_SECONDS * 2**attempt
        try:
            response = _send(client, order)
        except httpx.RequestError as error:
            response = error
        else:
            if response.status_code not in RETRIED:
                break
            backoff = _retry_after(response) or backoff
        if attempt + 1 == ATTEMPTS or stop.wait(backoff):
            break
    if isinstance(response, httpx.ConnectError):
        raise HopelessError(f"Nothing answers at {client.base_url}: is the service running (make run)?") from response
    outcome, reason, order_id = _outcome(response)
    seconds = time.monotonic() - started
    return Posted(order.invoice, order.customer_id, outcome, reason, sent_at, seconds, order_id)


def _send(client: httpx.Client, order: Placeable) -> httpx.Response:
    return client.post(
        "/orders",
        params={"customer_id": order.customer_id},
        headers={"Idempotency-Key": order.invoice},
        json=order.order,
    )


def _retry_after(response: httpx.Response) -> float:
    """Return the seconds in Retry-After (RFC 9110, 10.2.3); 0 if there is none, or a date."""
    seconds = response.headers.get("Retry-After", "")
    return min(float(seconds), LONGEST_RETRY_AFTER_SECONDS) if seconds.isdecimal() else 0.0


def _outcome(
    response: httpx.Response | httpx.RequestError,
) -> tuple[Literal["accepted", "already there", "failed"], str, str]:
    if isinstance(response, httpx.RequestError):
        return "failed", f"no answer ({type(response).__name__})", ""
    if response.status_code in {401, 403}:
        raise HopelessError(
            f"The service does not take the token (HTTP {response.status_code}): "
            "it must be this project's own local run, which reads .local/jwks.json."
        )
    body = json_object(response)
    if response.status_code != httpx.codes.ACCEPTED:
        return "failed", problem_text(response.status_code, body), ""
    order_id = body.get("order_id")
    if not isinstance(order_id, str):
        return "failed", "HTTP 202 without an order_id", ""
    if response.headers.get("Idempotency-Replayed") == "true":
        return "already there", "placed before, by the same number", order_id
    return "accepted", "", order_id


def json_object(response: httpx.Response) -> dict[str, Any]:
    """Return the answer's JSON object; an empty one when it is anything else."""
    try:
        body = response.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def problem_text(status: int, problem: dict[str, Any]) -> str:
    """Return the problem in the answer's own words (RFC 9457), without the parts that differ from order to order."""
    summary = f"HTTP {status}"
    if title := problem.get("title"):
        summary += f" {title}"
    errors = problem.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return f"{summary}: {errors[0].get('pointer')} {errors[0].get('detail')}"
    return f"{summary}: {problem['detail']}" if problem.get("detail") else summary
