"""Observations of one system under load: by the driver, in the queues, and at the topic."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import boto3
import click

from bench.load.driver import Post
from ordersctl.client import arrivals
from ordersctl.shared.engine_client import client_options
from testkit.waiting import eventually


@dataclass
class Observations:
    """The observations of one system. Moments are seconds since the epoch, in `backlog` since the run's start."""

    start: float = field(default_factory=time.time)
    spike: dict[int, list[Post]] = field(default_factory=dict)
    closed: list[Post] = field(default_factory=list)
    outage: list[Post] = field(default_factory=list)
    stopped: tuple[float, float] = (0, 0)
    # Moment, orders in the order queue, events in the queue of invoicing, which receives every event.
    backlog: list[tuple[float, int, int]] = field(default_factory=list)
    placed: dict[str, float] = field(default_factory=dict)  # order id -> seconds since it was due
    published: dict[str, float] = field(default_factory=dict)

    def around_the_outage(self) -> tuple[list[Post], list[Post], list[Post]]:
        """The orders that were due before the services were stopped, while they were stopped, and afterwards."""
        start, end = self.stopped
        return (
            [each for each in self.outage if each.due < start],
            [each for each in self.outage if start <= each.due < end],
            [each for each in self.outage if each.due >= end],
        )

    def steps(self, rate: float) -> dict[str, list[Post]]:
        before, while_stopped, after = self.around_the_outage()
        return {
            **{f"{times} x ({rate * times:g}/s), open loop": posts for times, posts in self.spike.items()},
            "8 clients, closed loop": self.closed,
            "10 x, before the outage": before,
            "10 x, services stopped": while_stopped,
            "10 x, services back": after,
        }

    def wait_for_all(self, arrived: arrivals.Arrivals) -> None:
        """Wait until every accepted order is stored and published, and record how long each took."""
        posts = [each for each in [*itertools.chain(*self.spike.values()), *self.closed, *self.outage] if each.order_id]
        eventually(lambda: all(each.order_id in arrived.published for each in posts), within=120)
        eventually(lambda: all(each.order_id in arrived.stored for each in posts), within=120)
        self.published = {each.order_id: arrived.published[each.order_id] - each.due for each in posts}
        # Events are made from stored orders: whichever was noticed first is closer to the time of storing.
        placed = {each.order_id: arrived.stored[each.order_id] - each.due for each in posts}
        self.placed = {order_id: min(seconds, self.published[order_id]) for order_id, seconds in placed.items()}


@contextmanager
def backlog_watched(engine_url: str) -> Iterator[list[tuple[float, int, int]]]:
    """Record twice a second the depths, in flight included, of the order queue and of invoicing's queue."""
    sqs = boto3.client("sqs", **client_options(engine_url))
    urls = [sqs.get_queue_url(QueueName=name)["QueueUrl"] for name in ("orders-local-queue", "orders-local-invoicing")]
    depths: list[tuple[float, int, int]] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.5):
            depths.append((time.time(), depth(urls[0]), depth(urls[1])))

    def depth(url: str) -> int:
        answer = sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        )
        return sum(int(count) for count in answer["Attributes"].values())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield depths
    finally:
        stop.set()
        thread.join()


def check_outage(ours: Observations) -> None:
    """Raise ClickException unless the outage's events waited for invoicing, and were handled afterwards."""
    start, back = (moment - ours.start for moment in ours.stopped)
    waiting = max((events for moment, _, events in ours.backlog if start <= moment <= back), default=0)
    _, due, _ = ours.around_the_outage()
    if waiting < 0.9 * len(due):
        raise click.ClickException(f"the outage had no effect: {waiting} events of {len(due)} waited for invoicing")
    if left := ours.backlog[-1][2]:
        raise click.ClickException(f"the outage did not end: {left} events still wait for invoicing")
