"""A search for the body that costs most to refuse: `python -m tests.fuzz.body_costs SECONDS`, a part of `make fuzz`.

A body is made of one kind of value, repeated in one place of an order until the largest body is full. Each is sent in a
forked process, whose CPU seconds and peak memory are its cost. Memory is the process's, not Python's alone: pydantic
keeps its errors outside Python's heap.
"""

import gc
import json
import os
import random
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from chalicelib.http.requests import MAX_BODY_BYTES
from testkit.builders import ADDRESS, line
from testkit.fake_aws.repeatable import repeatable
from tests.fuzz.entry_points import EntryPoints

MAX_CPU_SECONDS = 1.0
MAX_MEMORY = 50_000_000  # bytes
_QUEUE = "queue"

# Values, as JSON. "#" becomes a number, so that names differ.
VALUES = (
    "{}",
    "[]",
    "0",
    "null",
    "true",
    '""',
    "1.5",
    "1e5",
    "1e-300",
    '"\\u0000"',
    '"\\ud800"',
    '"é"',
    "[[]]",
    '{"a":{}}',
    '{"sku":"","quantity":0,"unit_price":-1,"x":0}',
    '{"sku":"s","quantity":1,"unit_price":1}',
    '{"sku":"s","quantity":1e0,"unit_price":1.0}',
    '{"sku":"s","quantity":1000000,"unit_price":1000000000000}',
)
_LINE, _ADDRESS = json.dumps(line()), json.dumps(ADDRESS)
# Places, as an order with "@" where the values go: in an array, or "@@" as an object's members of differing names.
PLACES = (
    "[@]",
    "{@@}",
    '{"currency":"GBP","items":[@]}',
    '{"currency":"GBP","items":{@@}}',
    '{"currency":"GBP","items":[[@]]}',
    '{"currency":"GBP","items":[{@@}]}',
    f'{{"currency":"GBP","items":[{_LINE}],@@}}',
    f'{{"currency":"GBP","items":[{_LINE}],"shipping_address":{{@@}}}}',
    f'{{"currency":"GBP","items":[{_LINE}],"shipping_address":[@]}}',
    f'{{"currency":"GBP","items":[{_LINE}],"note":[@]}}',
    f'{{"currency":[@],"items":[{_LINE}],"shipping_address":{_ADDRESS}}}',
    '{"items":[@]}',
    '{"status":[@]}',
)
WAYS = ("POST", "PATCH", _QUEUE)


@dataclass(frozen=True)
class Shape:
    """A body: `value` repeated in `place`, each repetition wrapped in an array of `group` of them (1: not wrapped)."""

    way: str
    place: str
    value: str
    group: int = 1

    def body(self, size: int = MAX_BODY_BYTES) -> str:
        value = self.value if self.group == 1 else f"[{','.join([self.value] * self.group)}]"
        mark = "@@" if "@@" in self.place else "@"
        each = len(value.encode()) + (10 if mark == "@@" else 1)  # "12345":value,
        count = max(1, (size - len(self.place)) // each)
        values = (f'"{number:x}":{value}' for number in range(count)) if mark == "@@" else [value] * count
        return self.place.replace(mark, ",".join(values))


LARGEST_ORDER = Shape("POST", '{"currency":"GBP","items":[@]}', json.dumps(line(name="x" * 60)))


def shapes(*ways: str) -> Iterator[Shape]:
    """Every value in every place, sent in these ways (all)."""
    for way in ways or WAYS:
        for place in PLACES:
            for value in VALUES:
                yield Shape(way, place, value)


@dataclass(frozen=True, order=True)
class Cost:
    memory: int  # bytes, at the peak
    cpu: float  # seconds
    status: int  # of the answer; 0 where there is none


def cost(entry_points: EntryPoints, shape: Shape, body: str) -> Cost:
    """Send a body in a process of its own."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        gc.freeze()  # a collection would go through all that the tests have imported, which is not the body's cost
        try:
            os.write(writer, json.dumps(_measured(entry_points, shape, body)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(pid, 0)
    assert answer, f"died: {shape}"
    return Cost(**json.loads(answer))


def _measured(entry_points: EntryPoints, shape: Shape, body: str) -> dict[str, float]:
    before, started = _peak_memory(), time.process_time()
    if shape.way == _QUEUE:
        head = f'"type":"PlaceOrder","version":1,"order_id":"ord_{"z" * 32}","customer_id":"17850"'
        envelope = f'{{{head},"placed_at":"2026-01-31T12:00:00.000Z","correlation_id":"r","order":{body}}}'
        entry_points.queue(envelope)
        status = 0
    else:
        resource_path = "/orders" if shape.way == "POST" else "/orders/{order_id}"
        stored = entry_points.stored.order_id
        status = entry_points.api(shape.way, resource_path, stored, "", {"if-match": "*"}, body)["statusCode"]
    return {"memory": _peak_memory() - before, "cpu": time.process_time() - started, "status": status}


def _peak_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def is_bounded(found: Cost) -> bool:
    return found.memory <= MAX_MEMORY and found.cpu <= MAX_CPU_SECONDS


def _neighbours(shape: Shape, chance: random.Random) -> Iterator[Shape]:
    yield replace(shape, value=chance.choice(VALUES))
    yield replace(shape, place=chance.choice(PLACES))
    yield replace(shape, way=chance.choice(WAYS))
    yield replace(shape, group=chance.choice((1, 2, 3, 10, 100)))
    yield replace(shape, value=f'{{"{chance.choice("abc")}":{shape.value},"b":{chance.choice(VALUES)}}}')


def search(entry_points: EntryPoints, seconds: float, seed: int) -> tuple[Cost, Shape]:
    """Climb from random shapes to more costly ones; returns the most costly."""
    chance, end = random.Random(seed), time.monotonic() + seconds
    everything = list(shapes())
    costliest: tuple[Cost, Shape] | None = None
    while time.monotonic() < end:
        shape = chance.choice(everything)
        best = cost(entry_points, shape, shape.body())
        improved = True
        while improved and time.monotonic() < end:
            improved = False
            for other in _neighbours(shape, chance):
                if len(other.value) < MAX_BODY_BYTES and (found := cost(entry_points, other, other.body())) > best:
                    shape, best, improved = other, found, True
        if costliest is None or best > costliest[0]:
            costliest = best, shape
    assert costliest is not None
    return costliest


def main() -> None:
    seconds, seed = float(sys.argv[1]), random.randrange(10**6)
    with repeatable(1, JWT_JWKS="no/jwks.json"):
        found, shape = search(EntryPoints(), seconds, seed)
    print(f"the costliest body of seed {seed}: {shape}: {found.memory / 1e6:.0f} MB, {found.cpu:.2f} s, {found.status}")
    if not is_bounded(found):
        sys.exit("costs more than 50 MB or a second")


if __name__ == "__main__":
    main()
