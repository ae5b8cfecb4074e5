"""Refusing costs no more than 50 MB and a second of CPU, whatever a body of the largest size is made of."""

import json
import subprocess
import sys

import pytest

from ordersctl.shared.project import PROJECT_DIR
from tests.fuzz.body_costs import WAYS

pytestmark = pytest.mark.full  # half a minute; every refusal is tested for its answer elsewhere

# In a process without threads, since each body is sent in a fork of it.
PROGRAM = """
import json, sys
from testkit.fake_aws.repeatable import repeatable
from tests.fuzz.body_costs import LARGEST_ORDER, cost, shapes
from tests.fuzz.entry_points import EntryPoints

with repeatable(1, JWT_JWKS="no/jwks.json"):
    entry_points = EntryPoints()
    for shape in [LARGEST_ORDER, *shapes(sys.argv[1])]:
        found = cost(entry_points, shape, shape.body())
        print(json.dumps([repr(shape), found.memory, found.cpu, found.status]))
"""


@pytest.mark.parametrize("way", WAYS)
def test_refusing_costs_less_than_a_second_and_50_mb_at_every_entry_point(way: str) -> None:
    done = subprocess.run(  # noqa: S603 - the program above
        [sys.executable, "-c", PROGRAM, way], cwd=PROJECT_DIR, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    accepted, *refused = [json.loads(each) for each in done.stdout.splitlines()]
    assert accepted[-1] == 202
    assert len(refused) > 50
    assert {status for *_, status in refused} <= {0, 400, 422}
    shape, memory, *_ = max(refused, key=lambda each: each[1])
    assert memory <= 50_000_000, f"{memory / 1e6:.0f} MB: {shape}"
    shape, _, cpu, _ = max(refused, key=lambda each: each[2])
    assert cpu <= 1, f"{cpu:.2f} s of CPU: {shape}"
