"""The figures of `make bench`: each a ratio against a baseline that was measured in the same run."""

import io
import zipfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.instructions import lambda_events, measure
from bench.instructions.measure import Program
from bench.instructions.packages import CHALICE, FASTAPI, FLASK, ORDERS, POWERTOOLS, RAW, Package, build, runtime
from ordersctl.deploy.bytecode import NEVER_IMPORTED
from ordersctl.estimate.cost.per_order import Load, dollars_per_million, prices, units
from ordersctl.shared.engine_client import get_json

PEERS = (RAW, CHALICE, FASTAPI, POWERTOOLS, FLASK)
FUNCTIONS = ("accept", "authorizer", "process 10", "publish 10")
BATCHES = (1, 10, 100)
CALL_MS = 5.0  # of the stand-in, where waiting is what is measured


@dataclass(frozen=True)
class Figure:
    name: str
    ours: float
    baseline: float | None  # None: the figure speaks for itself
    unit: str
    reach: float | None = None

    @property
    def measure(self) -> float:
        """What the reach is for: the ratio to the baseline, or the figure itself."""
        return self.ours if self.baseline is None else self.ours / self.baseline

    def cells(self) -> list[str]:
        """Name, ours, baseline, ratio, reach."""
        ours = f"{self.ours:.4g} {self.unit}".strip()
        baseline, ratio = (
            ("", "") if self.baseline is None else (f"{self.baseline:.4g} {self.unit}", f"{self.measure:.2f}")
        )
        reach = "" if self.reach is None else f"≤ {self.reach:g}"
        return [self.name, ours, baseline, ratio, reach if self.is_reached else f"{reach} **missed**"]

    @property
    def is_reached(self) -> bool:
        return self.reach is None or self.measure <= self.reach


@dataclass(frozen=True)
class Bench:
    """All that is measured in one run."""

    url: str  # of the stand-in that answers at once

    def accept(self, package: Package, *, compiled: bool = True) -> Program:
        return self.program(package, package.handler, lambda_events.accept(), compiled=compiled)

    def program(self, package: Package, handler: str, event: Path, *, compiled: bool = True) -> Program:
        return Program((build(package, compiled=compiled), runtime()), handler, event, self.url)

    def api(self, package: Package) -> dict[str, Program]:
        """What the API's function does."""
        called = {
            "accept": lambda_events.accept(),
            "read": lambda_events.read(),
            f"list of {lambda_events.LISTED}": lambda_events.list_orders(),
        }
        return {name: self.program(package, package.handler, event) for name, event in called.items()}

    def functions(self, package: Package) -> dict[str, Program]:
        """The functions, each with one event."""
        module = package.handler.partition(".")[0]
        programs = {
            "authorizer": (f"{module}.authorizer", lambda_events.authorize()),
            "process 10": (f"{module}.process_orders", lambda_events.process(10)),
            "publish 10": (f"{module}.publish_events", lambda_events.publish(10)),
        }
        accept = {"accept": self.accept(package)}
        return accept | {name: self.program(package, *each) for name, each in programs.items()}

    def batches(self, package: Package) -> dict[str, tuple[Program, int]]:
        """What is done in batches, and how many orders each has."""
        module = package.handler.partition(".")[0]
        handlers = {
            "process": ("process_orders", lambda_events.process),
            "publish": ("publish_events", lambda_events.publish),
        }
        return {
            f"{name}, batch of {count}": (self.program(package, f"{module}.{door}", event(count)), count)
            for name, (door, event) in handlers.items()
            for count in BATCHES
        }


def cold(bench: Bench) -> dict[str, tuple[float, float]]:
    """Package -> instructions (millions) to the first accept: with bytecode, as only `ordersctl package` adds it for
    Lambda to take, and without, as `chalice deploy` and the peers' own tools leave it."""
    return {
        package.name: (
            measure.cold_instructions(bench.accept(package)),
            measure.cold_instructions(bench.accept(package, compiled=False)),
        )
        for package in (ORDERS, *PEERS)
    }


def cold_by_function(bench: Bench) -> dict[str, tuple[float, float]]:
    """Function -> instructions (millions) to its first answer, ours and on Chalice's defaults."""
    ours, defaults = bench.functions(ORDERS), bench.functions(CHALICE)
    return {
        name: (measure.cold_instructions(ours[name]), measure.cold_instructions(defaults[name])) for name in FUNCTIONS
    }


def warm(bench: Bench) -> dict[str, dict[str, float]]:
    """Call of the API -> package -> instructions (millions) of a warm one."""
    programs = {package.name: bench.api(package) for package in (ORDERS, *PEERS)}
    return {
        call: {name: measure.warm_instructions(each[call]) for name, each in programs.items()}
        for call in programs[ORDERS.name]
    }


def warm_batches(bench: Bench) -> dict[str, tuple[float, float]]:
    """Batch -> instructions (millions) per order of a warm one, ours and on Chalice's defaults."""
    ours, defaults = bench.batches(ORDERS), bench.batches(CHALICE)
    return {name: (_per_order(*ours[name]), _per_order(*defaults[name])) for name in ours}


def _per_order(program: Program, orders: int) -> float:
    # A large batch is its own mean: fewer of them tell as much.
    return measure.warm_instructions(program, *((3, 13) if orders == 1 else (2, 4))) / orders


def batches(bench: Bench) -> dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]]:
    """What 100 things cost: (cold, CPU, wall) seconds, ours and one by one with defaults."""
    work = {
        "process 100": ("process_orders", lambda_events.process(100)),
        "publish 100": ("publish_events", lambda_events.publish(100)),
    }
    found = {}
    for name, (door, event) in work.items():
        programs = {
            "ours": bench.program(ORDERS, f"app.{door}", event),
            "defaults": bench.program(CHALICE, f"handler.{door}", event),
        }
        medians = measure.paired(programs, times=4, rounds=3)
        found[name] = (medians["ours"], medians["defaults"])
    return found


def zip_megabytes(bench: Bench) -> float:
    """The service's package, zipped; of this machine's wheels, which differ little from Lambda's."""
    (directory, _), content = bench.accept(ORDERS).path, io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(directory.rglob("*")):
            if not str(path.relative_to(directory)).startswith(NEVER_IMPORTED) or path.suffix != ".pyc":
                archive.write(path, path.relative_to(directory))
    return len(content.getvalue()) / 1e6


def dollars() -> tuple[float, float]:
    """What a million orders cost by the model, by Lambda and accepted directly."""
    by_lambda, direct = (
        sum(dollars_per_million(units(Load(direct=each)), prices()).values()) for each in (False, True)
    )
    return by_lambda, direct


def calls(url: str) -> dict[str, dict[str, float]]:
    """Hop -> AWS calls per order, counted by the stand-in; what Lambda's poller calls is added, from its own rules."""
    bench = Bench(url)
    hops = {
        "accept": (bench.accept(ORDERS, compiled=False), 1),
        "accept with a key": (bench.program(ORDERS, "app.app", lambda_events.accept("a-key")), 1),
        "process, batch of 10": (bench.program(ORDERS, "app.process_orders", lambda_events.process(10)), 10),
        "publish, batch of 10": (bench.program(ORDERS, "app.publish_events", lambda_events.publish(10)), 10),
    }
    found: dict[str, dict[str, float]] = {}
    for hop, (program, orders) in hops.items():
        few, many = _made(url, program, 1), _made(url, program, 3)
        # What only the first invocation calls is a cold start's own, once in a container's life.
        found[hop] = {name: (many[name] - few[name]) / 2 / orders for name in many if many[name] != few[name]}
    # SQS's poller receives and deletes a batch at a time; reading a stream costs a Lambda trigger nothing.
    found["queue to processor, batch of 10"] = {"ReceiveMessage": 0.1, "DeleteMessageBatch": 0.1}
    return found


def _made(url: str, program: Program, times: int) -> Counter[str]:
    """The calls that a container makes for so many invocations."""
    before = Counter(get_json(url))
    measure.seconds(program, times)
    return Counter(get_json(url)) - before


def calls_per_order(found: Mapping[str, Mapping[str, float]], *, with_key: bool) -> float:
    left_out = "accept" if with_key else "accept with a key"
    return sum(sum(hop.values()) for name, hop in found.items() if name != left_out)
