"""Posts orders at fixed times (open loop) or one after another (closed loop)."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlencode

from ordersctl.client.invoices import Placeable

CLIENTS = 64
TIMEOUT = 30.0  # seconds


@dataclass(frozen=True)
class Post:
    """One posted order: when it was due (seconds since the epoch), seconds until the response, and its status."""

    due: float
    seconds: float
    status: int  # 0 when there was no answer
    order_id: str


class Target:
    """A service that orders are posted to; each thread has a connection of its own."""

    def __init__(self, port: int, token: str, note: Callable[[str], None] = lambda _order_id: None) -> None:
        self.port, self.token, self.note = port, token, note
        self._local = threading.local()
        self._opened: list[http.client.HTTPConnection] = []

    def post(self, order: Placeable, key: str, due: float) -> Post:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Content-Type": "application/json",
            "Idempotency-Key": key,
        }
        path = f"/orders?{urlencode({'customer_id': order.customer_id})}"
        status, order_id = 0, ""
        try:
            connection = self._connection()
            connection.request("POST", path, json.dumps(order.order), headers)
            response = connection.getresponse()
            body = response.read()
            status = response.status
            order_id = json.loads(body).get("order_id", "")
        except (OSError, http.client.HTTPException, ValueError):
            self._local.connection = None
        seconds = time.time() - due
        if order_id:
            self.note(order_id)
        return Post(due, seconds, status, order_id)

    def _connection(self) -> http.client.HTTPConnection:
        found: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
            self._opened.append(found)
        return found

    def close(self) -> None:
        for connection in self._opened:
            connection.close()


def open_loop(target: Target, orders: Sequence[Placeable], rate: float, seconds: float, run: str) -> list[Post]:
    """Post at a fixed rate, independent of the responses.

    An order's time counts from when it was due, so that the delay of requests that could not be sent yet counts too
    (coordinated omission).
    """
    start = time.time()
    with ThreadPoolExecutor(CLIENTS) as pool:
        posts = []
        for number in range(int(rate * seconds)):
            due = start + number / rate
            time.sleep(max(0.0, due - time.time()))  # an open loop follows the clock, not the responses
            posts.append(pool.submit(target.post, orders[number % len(orders)], f"{run}-{number}", due))
        return [each.result() for each in posts]


def closed_loop(target: Target, orders: Sequence[Placeable], clients: int, seconds: float, run: str) -> list[Post]:
    """Post with `clients` clients, each of which sends its next order when the last one was answered."""
    end = time.time() + seconds

    def client(number: int) -> list[Post]:
        posts: list[Post] = []
        while (now := time.time()) < end:
            posts.append(target.post(orders[len(posts) % len(orders)], f"{run}-{number}-{len(posts)}", now))
        return posts

    with ThreadPoolExecutor(clients) as pool:
        return [post for posts in pool.map(client, range(clients)) for post in posts]
